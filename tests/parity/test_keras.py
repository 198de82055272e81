"""Every schedule of keras.optimizers.schedules, called, against the schedule of its configuration."""

import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import glideslope as gs

schedules = keras.optimizers.schedules
STEPS = 60
rates = st.floats(0.01, 10)
counts = st.integers(1, 80)
ratios = st.floats(0.01, 1)


def check(schedule, steps=range(STEPS)):
    ours = gs.from_keras(schedules.serialize(schedule))
    assert gs.from_keras(schedule) == ours
    theirs = np.array([float(schedule(t)) for t in steps])
    np.testing.assert_allclose(ours(np.array(steps)), theirs, rtol=0, atol=1e-6 * theirs.max())


def parity(*strategies):
    return lambda test: settings(deadline=None, max_examples=15)(given(*strategies)(test))


@parity(rates, counts, ratios, st.booleans())
def test_exponential(rate, steps, ratio, staircase):
    check(schedules.ExponentialDecay(rate, steps, ratio, staircase))


@parity(rates, counts, st.floats(0, 5), st.booleans())
def test_inverse_time(rate, steps, ratio, staircase):
    check(schedules.InverseTimeDecay(rate, steps, ratio, staircase))


@parity(st.lists(st.tuples(st.integers(0, STEPS), rates), min_size=1, max_size=4, unique_by=lambda p: p[0]), rates)
def test_piecewise_constant(points, last):
    times, values = zip(*sorted(points), strict=True)
    check(schedules.PiecewiseConstantDecay(list(times), [*values, last]))


@parity(rates, counts, st.floats(0, 1), st.floats(0.5, 3), st.booleans())
def test_polynomial(rate, steps, end, power, cycle):
    check(schedules.PolynomialDecay(rate, steps, end * rate, power, cycle))


@parity(rates, counts, ratios, st.booleans(), st.integers(1, 30), ratios)
def test_cosine(rate, steps, low, warms, warm, start):
    warmup = {"warmup_target": rate, "warmup_steps": warm} if warms else {}
    check(schedules.CosineDecay(start * rate if warms else rate, steps, low, **warmup))


@pytest.mark.slow
@parity(rates, counts, st.sampled_from([1.0, 1.5, 2.0, 3.0]), ratios, st.floats(0, 1))
def test_cosine_restarts(rate, first, growth, ratio, low):
    schedule = schedules.CosineDecayRestarts(rate, first, growth, ratio, low)
    # At a restart the other's float32 may fall on either side of it: the update itself is left out there.
    ends = np.cumsum([0.0, *(first * growth**i for i in range(STEPS if growth == 1 else 12))])
    steps = [t for t in range(STEPS) if t == 0 or np.abs(ends - t).min() > 1e-3]
    assume(len(steps) > 1)
    check(schedule, steps)


def test_what_is_missing_is_named():
    with pytest.raises(gs.ConversionError, match="decay_steps"):
        gs.from_keras({"class_name": "ExponentialDecay", "config": {"decay_rate": 0.1}})
    with pytest.raises(gs.ConversionError, match="unknown"):
        gs.from_keras({"class_name": "Adam"})
    with pytest.raises(gs.ConversionError, match="give the schedule of Keras itself"):
        gs.from_keras(schedules.CosineDecay(0.1, 10).get_config())
    with pytest.raises(gs.ConversionError, match="give a schedule of Keras"):
        gs.from_keras(schedules.CosineDecay)
