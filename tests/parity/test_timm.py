"""timm's schedulers by their formulas: cycles that grow and decay, a limit, warmups before and over the schedule."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import glideslope as gs

STEPS = 200
quick = settings(deadline=None, max_examples=60)
cycles = {
    "first": st.integers(5, 60), "growth": st.sampled_from([1.0, 1.5, 2.0]), "decay": st.floats(0.1, 1),
    "limit": st.integers(1, 3), "warm": st.integers(0, 30), "start": st.floats(0, 0.5), "prefix": st.booleans(),
}  # fmt: skip


def timm(t, curve, first, growth, decay, limit, warm, start, prefix):
    """The factor after `t` updates; `curve(t in the cycle, its length)` falls from 1 to 0."""
    if t < warm:
        return start + t * (1 - start) / warm
    t -= warm if prefix else 0
    i, begin, length = 0, 0.0, float(first)
    while t >= begin + length:
        i, begin, length = i + 1, begin + length, length * growth
    return decay**i * curve(t - begin, length) if i < limit else 0.0


def check(shape, curve, first, growth, decay, limit, warm, start, prefix):
    ours = shape(first).repeat(limit, stretch=growth, ratio=decay)
    length = first * (limit if growth == 1 else (growth**limit - 1) / (growth - 1))
    ours = ours.lasting(length) >> gs.constant(0)
    if warm:
        rise = gs.warmup(warm, start=start)
        ours = rise >> ours if prefix else rise >> ours.skip(warm)
    expected = [timm(t, curve, first, growth, decay, limit, warm, start, prefix) for t in range(STEPS)]
    np.testing.assert_allclose(ours(np.arange(STEPS)), expected, rtol=0, atol=1e-12)


@given(k=st.floats(0.5, 3), **cycles)
@quick
def test_cosine_with_k_decay(k, **own):
    check(lambda n: gs.k_decay(n, k=k), lambda t, n: (1 + math.cos(math.pi * t**k / n**k)) / 2, **own)


@given(power=st.floats(0.3, 3), **cycles)
@quick
def test_polynomial(power, **own):
    check(lambda n: gs.polynomial(n, power=power), lambda t, n: (1 - t / n) ** power, **own)


@given(lower=st.floats(3, 8), upper=st.floats(1, 5), **cycles)
@quick
def test_tanh(lower, upper, **own):
    own["warm"] = 0  # over the schedule, timm's warmup ends at the tangent's own value: not at 1
    check(
        lambda n: gs.tanh(n, lower=lower, upper=upper),
        lambda t, n: (1 - math.tanh(-lower * (1 - t / n) + upper * t / n)) / 2, **own,
    )  # fmt: skip


@given(st.integers(1, 50), st.floats(0.1, 1), st.integers(0, 30), st.booleans())
@quick
def test_step(every, ratio, warm, prefix):
    rise, steps = gs.warmup(warm), gs.step(every, ratio=ratio)
    ours = rise >> (steps if prefix else steps.skip(warm)) if warm else steps
    expected = [t / warm if t < warm else ratio ** ((t - (warm if prefix else 0)) // every) for t in range(STEPS)]
    np.testing.assert_allclose(ours(np.arange(STEPS)), expected, rtol=0, atol=1e-12)


@given(st.floats(0, 1), st.integers(0, 10**9))
@quick
def test_noise_is_within_its_bounds_and_repeatable(amplitude, seed):
    noisy = gs.linear(STEPS, final=0.5).noise(amplitude, seed=seed)
    values, plain = noisy(np.arange(STEPS)), gs.linear(STEPS, final=0.5)(np.arange(STEPS))
    assert np.all(np.abs(values / plain - 1) <= amplitude + 1e-12)
    np.testing.assert_array_equal(values, [noisy(t) for t in range(STEPS)])


def test_noise_is_even_and_uncorrelated():
    u = gs.constant().noise(1.0, seed=7).over(100_000)(np.arange(100_000)) - 1
    assert abs(u.mean()) < 0.01
    assert abs(u.var() - 1 / 3) < 0.005
    assert all(abs(np.corrcoef(u[:-lag], u[lag:])[0, 1]) < 0.015 for lag in (1, 2, 3, 10, 46_337))
