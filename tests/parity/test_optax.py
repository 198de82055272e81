"""Every schedule of optax.schedules, called, against ours written out by hand; and `from_optax`."""

import jax
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glideslope as gs

STEPS = 80
rates = st.floats(0.01, 10)
counts = st.integers(1, 100)
ratios = st.floats(0.01, 1)


def check(theirs, ours):
    with jax.enable_x64(True):
        values = np.array([float(theirs(t)) for t in range(STEPS)])
    np.testing.assert_allclose(ours(np.arange(STEPS)), values, rtol=0, atol=1e-12 * max(values.max(), 1e-300))
    read = gs.from_optax(theirs, STEPS)  # where it computes in float32
    np.testing.assert_allclose(read(np.arange(STEPS)), values, rtol=0, atol=1e-6 * values.max())


def parity(*strategies):
    return lambda test: settings(deadline=None, max_examples=10)(given(*strategies)(test))


@parity(rates)
def test_constant(rate):
    check(optax.constant_schedule(rate), gs.constant(rate))


@parity(rates, counts, st.floats(0, 1), st.floats(0.5, 3))
def test_cosine(rate, steps, low, exponent):
    check(
        optax.cosine_decay_schedule(rate, steps, low, exponent), rate * gs.cosine(steps, final=low, exponent=exponent)
    )


@parity(rates, rates, counts)
def test_linear(first, last, steps):
    check(optax.linear_schedule(first, last, steps), gs.linear(steps, start=first, final=last))


@parity(rates, ratios, counts, st.floats(0.5, 3), st.integers(0, 30))
def test_polynomial(rate, low, steps, power, begin):
    ours = rate * gs.polynomial(steps, power=power, final=low).delay(begin)
    check(optax.polynomial_schedule(rate, low * rate, power, steps, begin), ours)


@parity(rates, counts, st.floats(0.1, 0.99), st.integers(0, 30), st.booleans(), ratios)
def test_exponential(rate, steps, ratio, begin, staircase, low):
    ours = rate * gs.exponential(steps, ratio=ratio, staircase=staircase).delay(begin).clip(low)
    check(optax.exponential_decay(rate, steps, ratio, begin, staircase, low * rate), ours)


@parity(rates, st.lists(st.tuples(st.integers(1, STEPS), ratios), min_size=1, max_size=4, unique_by=lambda p: p[0]))
def test_piecewise_constant(rate, scales):
    times, factors = zip(*sorted(scales), strict=True)
    ours = gs.piecewise([rate, *(rate * np.cumprod(factors)).tolist()], times)
    check(optax.piecewise_constant_schedule(rate, dict(scales)), ours)


@parity(
    rates,
    st.lists(st.tuples(st.integers(1, STEPS), ratios), min_size=1, max_size=4, unique_by=lambda p: p[0]),
    st.sampled_from(["linear", "cosine"]),
)
def test_piecewise_interpolate(rate, scales, kind):
    times, factors = zip(*sorted(scales), strict=True)
    values = [rate, *(rate * np.cumprod(factors)).tolist()]
    check(
        optax.piecewise_interpolate_schedule(kind, rate, dict(scales)),
        gs.interpolate([0, *times], values, between=kind),
    )


@parity(rates, ratios, st.integers(1, 50))
def test_warmup_constant(rate, start, warm):
    check(optax.warmup_constant_schedule(start * rate, rate, warm), rate * (gs.warmup(warm, start=start) >> gs.hold()))


@parity(rates, ratios, st.integers(1, 50), st.integers(1, 50), st.floats(0, 1), st.floats(0.5, 3))
def test_warmup_cosine(rate, start, warm, decay, low, exponent):
    ours = rate * (gs.warmup(warm, start=start) >> gs.cosine(decay, final=low, exponent=exponent))
    check(optax.warmup_cosine_decay_schedule(start * rate, rate, warm, warm + decay, low * rate, exponent), ours)


@parity(rates, ratios, st.integers(1, 50), st.integers(1, 50), st.floats(0.1, 0.99))
def test_warmup_exponential(rate, start, warm, steps, ratio):
    ours = rate * (gs.warmup(warm, start=start) >> gs.exponential(steps, ratio=ratio))
    check(optax.warmup_exponential_decay_schedule(start * rate, rate, warm, steps, ratio), ours)


@parity(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 20), rates, ratios), min_size=1, max_size=3))
def test_sgdr(cycles):
    theirs = [
        {
            "init_value": low * peak,
            "peak_value": peak,
            "warmup_steps": warm,
            "decay_steps": warm + decay,
            "end_value": 0.0,
        }
        for warm, decay, peak, low in cycles
    ]
    ours = None
    for warm, decay, peak, low in cycles:
        cycle = (gs.warmup(warm, start=low) >> gs.cosine(decay)) * peak
        ours = cycle if ours is None else ours >> cycle
    check(optax.sgdr_schedule(theirs), ours)


@parity(rates, st.integers(20, 80), st.floats(0.1, 0.4), st.floats(1.5, 30), st.floats(1.5, 1e4))
def test_cosine_one_cycle(rate, steps, rise, start, end):
    # Optax rounds the boundary down to a whole update.
    ours = gs.two_phase_one_cycle(
        int(rise * steps), steps - int(rise * steps), start=1 / start, final=1 / (start * end)
    )
    check(optax.cosine_onecycle_schedule(steps, rate, rise, start, end), rate * ours)


@parity(rates, st.integers(20, 80), st.floats(0.1, 0.4), st.floats(0.5, 0.9), st.floats(1.5, 30), st.floats(1.5, 1e4))
def test_linear_one_cycle(rate, steps, rise, last, start, end):
    times = [0, int(rise * steps), int(last * steps), steps]
    ours = gs.interpolate(times, [1 / start, 1, 1 / start, 1 / (start * end)])
    check(optax.linear_onecycle_schedule(steps, rate, rise, last, start, end), rate * ours)


@parity(rates, st.integers(1, 40))
def test_joined(rate, boundary):
    theirs = optax.join_schedules([optax.constant_schedule(rate), optax.cosine_decay_schedule(rate, 30)], [boundary])
    check(theirs, rate * (gs.hold(boundary) >> gs.cosine(30)))


def test_what_can_not_be_sampled_is_refused():
    with pytest.raises(gs.ConversionError, match="steps"):
        gs.from_optax(optax.constant_schedule(1.0), 0)
    with pytest.raises(gs.ConversionError, match="negative"):
        gs.from_optax(lambda t: -1.0, 10)
