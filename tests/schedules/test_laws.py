"""What holds for every schedule."""

import json
import pickle

import jax
import jsonschema
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import glideslope as gs
from tests.schedules.strategies import phases, schedules

STEPS = np.array([0, 1, 7, 99, 250, 499, 500, 2500, 12_345, 19_999, 20_000, 20_001, 10**6, 10**9])
lax = settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.filter_too_much])
SCHEMA = jsonschema.Draft202012Validator(gs.json_schema())


def fitted(schedule):
    """The schedule over a horizon that it fits into, most of the time."""
    try:
        return schedule.over(20_000)
    except gs.ScheduleError:
        assume(False)


@given(schedules)
@lax
def test_text_json_and_pickle_round_trip(schedule):
    for value in (schedule, fitted(schedule)):
        assert gs.parse(str(value)) == value
        assert hash(gs.parse(str(value))) == hash(value)
        assert gs.from_json(gs.to_json(value)) == value
        assert pickle.loads(pickle.dumps(value)) == value
        SCHEMA.validate(json.loads(gs.to_json(value)))


@given(schedules)
@lax
def test_finite_and_the_same_for_scalars_and_arrays(schedule):
    whole = fitted(schedule)
    scalars = [whole(int(t)) for t in STEPS]
    assert np.all(np.isfinite(scalars))
    assert all(isinstance(value, float) for value in scalars)
    scale = max(1.0, max(map(abs, scalars)))
    np.testing.assert_allclose(whole(STEPS), scalars, rtol=0, atol=1e-9 * scale)
    np.testing.assert_allclose(whole(torch.from_numpy(STEPS)), scalars, rtol=0, atol=1e-9 * scale)
    assert whole(STEPS.reshape(2, 7)).shape == (2, 7)


@given(schedules)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.filter_too_much])
def test_the_same_under_jit(schedule):
    whole = fitted(schedule)
    scalars = [whole(int(t)) for t in STEPS]
    with jax.enable_x64(True):
        np.testing.assert_allclose(jax.jit(whole)(STEPS), scalars, rtol=0, atol=1e-9 * max(1.0, *map(abs, scalars)))


@given(schedules)
@lax
def test_the_last_horizon_counts(schedule):
    whole = fitted(schedule)
    assert fitted(whole) == whole
    try:
        longer = schedule.over(777_777)
    except gs.ScheduleError:
        return
    assert longer.over(20_000) == whole


@given(phases, phases, phases)
@lax
def test_sequencing_is_associative(a, b, c):
    try:
        one = (a >> b) >> c
    except gs.ScheduleError:
        with pytest.raises(gs.ScheduleError):
            a >> (b >> c)
        return
    assert one == a >> (b >> c)


@given(phases, phases, phases)
@lax
def test_sums_and_products_are_associative(a, b, c):
    assert (a + b) + c == a + (b + c)
    assert (a * b) * c == a * (b * c)


@given(phases, st.floats(0, 10), st.floats(0.01, 10))
@lax
def test_numbers_scale(a, k, by):
    whole, scaled = fitted(a), fitted(k * a / by)
    for t in (0, 100, 20_000):
        assert scaled(t) == pytest.approx(k / by * whole(t), rel=1e-12)
