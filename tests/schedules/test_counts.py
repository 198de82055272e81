"""A count gives the same value whatever its type: each integer and real type of NumPy, torch and JAX."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings

import glideslope as gs
from tests.schedules.strategies import schedules

INTEGERS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
REALS = ["bfloat16", "float16", "float32", "float64"]
COUNTS = [0, 1, 2, 3, 5, 8, 13, 40, 64, 100, 127]
"""Exact in every type."""
PRECISION = {"bfloat16": 2**-7, "float16": 2**-10, "float32": 1e-6}


def close(values, expected, dtype, single=False):
    """The same to the precision of the type; where JAX computes in float32, a ratio's 10,000th power is less exact."""
    scale = max(1.0, *map(abs, expected))
    bound = max(PRECISION.get(dtype, 1e-9), 2e-3 if single else 0) * scale
    np.testing.assert_allclose(np.asarray(values, dtype=float), expected, rtol=0, atol=bound)


def fitted(schedule):
    try:
        return schedule.over(20_000)
    except gs.ScheduleError:
        assume(False)


def is_smooth(schedule, expected):
    """Whether a rounding of the count in single precision changes a value little."""
    near = np.array([[schedule(max(t - 1e-5 * (1 + t), 0)), schedule(t + 1e-5 * (1 + t))] for t in COUNTS])
    return np.all(np.abs(near - np.array(expected)[:, None]) <= 1e-4 * max(1.0, *expected))


@given(schedules)
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.filter_too_much])
def test_every_type_of_numpy_and_torch(schedule):
    whole = fitted(schedule)
    expected = [whole(t) for t in COUNTS]
    for dtype in INTEGERS + REALS:
        numpy = np.array(COUNTS).astype(getattr(ml_dtypes, dtype) if dtype == "bfloat16" else dtype)
        tensor = torch.tensor(COUNTS).to(getattr(torch, dtype))
        for values in (whole(numpy), list(map(float, map(whole, numpy))), whole(tensor).double(),
                       list(map(float, map(whole, tensor)))):  # fmt: skip
            close(values, expected, dtype)
        if dtype in REALS:
            assert whole(numpy).dtype == numpy.dtype
            assert whole(tensor).dtype == tensor.dtype


@given(schedules)
@settings(deadline=None, max_examples=40, derandomize=True, suppress_health_check=[HealthCheck.filter_too_much])
def test_every_type_of_jax(schedule):
    whole = fitted(schedule)
    expected = [whole(t) for t in COUNTS]
    smooth = is_smooth(whole, expected)
    for dtype in INTEGERS + REALS:
        with jax.enable_x64(True):
            values = whole(jnp.asarray(COUNTS, dtype))
            assert values.dtype == (dtype if dtype in REALS else "float64")
        close(values, expected, dtype)
        if smooth and "64" not in dtype:
            values = whole(jnp.asarray(COUNTS, dtype))
            assert values.dtype == (dtype if dtype in REALS else "float32")
            close(values, expected, dtype, single=True)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("dtype", [dtype for dtype in INTEGERS + REALS if "64" not in dtype])
def test_by_hand_under_jit(dtype, jit):
    """What is before a start isn't a number that wrapped around, and what is drawn at random is drawn of the count."""
    cases = {
        gs.linear(10).delay(5).over(20): [1, 1, 1, 0.9, 0],
        gs.warmup(6).skip(3).over(20): [0.5, 1, 1, 1, 1],
        gs.warmup(4) >> gs.linear(10): [0, 0.75, 0.9, 0.8, 0],
        gs.interpolate([5, 10], [1, 0]): [1, 1, 1, 0.8, 0],
        gs.linear(10).reverse(): [0, 0.3, 0.5, 0.6, 1],
        gs.linear(10).lasting(5): [1, 0.7, 0.5, 0.5, 0.5],
    }
    for schedule, expected in cases.items():
        value = jax.jit(schedule) if jit else schedule
        close(value(jnp.asarray([0, 3, 5, 6, 100], dtype)), expected, dtype, single=True)
        assert float(value(jnp.asarray(3, dtype))) == pytest.approx(expected[1], abs=2**-7)
    noisy = gs.constant().noise(0.1).over(200)
    value = jax.jit(noisy) if jit else noisy
    close(value(jnp.asarray(COUNTS, dtype)), [noisy(t) for t in COUNTS], dtype, single=True)


def test_late_counts_in_32_bits():
    late = [2**31 - 1, 2**31 - 2, 2**30 + 1, 2**24 + 1]
    for dtype in ("int32", "uint32"):
        counts = jnp.asarray(late, dtype)
        for schedule in (
            gs.constant().noise(0.1), gs.constant().noise(0.1).delay(7), gs.constant().noise(0.1).lasting(2**24),
            gs.hold(2**24 - 5) >> gs.linear(100), gs.linear(100).delay(2**30 - 40).over(2**31),
        ):  # fmt: skip
            close(schedule(counts), [schedule(t) for t in late], dtype, single=True)
        assert schedule(counts)[2] == pytest.approx(0.59)
    close(gs.linear(2**31).skip(5)(jnp.asarray(late, "int32")), [0, 0, 0.5, 1 - 2**-7], "int32", single=True)


def test_invalid_counts_are_refused():
    for counts in (np.array([True]), torch.tensor([1j])):
        with pytest.raises(gs.ScheduleError, match="integers or reals"):
            gs.linear(10)(counts)
