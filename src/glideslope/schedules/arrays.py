"""One formula for Python numbers and every array: the namespace a formula computes in."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from glideslope.documents import shown
from glideslope.errors import ScheduleError

Array = Any  # a NumPy, torch, JAX or CuPy array: whatever the array API standard calls one

Formula = Callable[[Any, Any], Any]  # (t, xp) -> value: a number or array, and the namespace it belongs to
PIECE = 8192  # elements of a NumPy array that are evaluated at a time


def _clipped(x: float, low: float, high: float) -> float:
    return low if x < low else high if x > high else x


scalars: Any = SimpleNamespace(
    pi=math.pi, cos=math.cos, exp=math.exp, floor=math.floor, log=math.log, sqrt=math.sqrt, tanh=math.tanh,
    clip=_clipped, maximum=max, minimum=min, where=lambda condition, x, y: x if condition else y,
)  # fmt: skip
"""The functions of the array API that formulas use, for Python floats.

A scalar call of a schedule costs under a microsecond because it never makes an array.
"""


def namespace(t: Array) -> Any:
    """The array-API namespace of `t`; nothing is imported that the caller hasn't imported."""
    if hasattr(t, "__array_namespace__"):
        return t.__array_namespace__()
    from array_api_compat import array_namespace

    try:
        return array_namespace(t)
    except TypeError:
        raise ScheduleError(f"{shown(t)} updates: give a number or an array, such as np.arange(100)") from None


def floating(t: Array, xp: Any) -> Array:
    """`t` as floats: integer counts become float64 where the device has it, float32 elsewhere."""
    if xp is scalars or not xp.isdtype(t.dtype, "integral"):
        return t
    return xp.astype(t, _real(t, xp))


def _real(t: Array, xp: Any) -> Any:
    """The type that counts are divided in: float64, or the library's own where that is switched off."""
    from array_api_compat import is_torch_namespace

    if is_torch_namespace(xp):  # whose own is float32; Apple's GPUs have no other
        return xp.float32 if t.device.type == "mps" else xp.float64
    return xp.__array_namespace_info__().default_dtypes()["real floating"]


def since(t: Array, start: float, xp: Any) -> Array:
    """`t - start`, at least 0 for unsigned counts; the whole part is subtracted while counts are still integers. A
    float32 count is exact to 2^24 only, so at update 10^9 the position within a phase would be lost."""
    whole = math.floor(start)
    if xp is scalars or not xp.isdtype(t.dtype, "integral") or abs(whole) > xp.iinfo(t.dtype).max:
        return floating(t, xp) - start
    if whole < 0:  # the largest counts stay where they are, since the sum would come out negative
        t = xp.minimum(t, xp.asarray(xp.iinfo(t.dtype).max + whole, dtype=t.dtype))
        return t + -whole if start == whole else floating(t + -whole, xp) - (start - whole)
    if not xp.isdtype(t.dtype, "signed integer"):
        t = xp.clip(t, whole, None)
    return t - whole if start == whole else floating(t - whole, xp) - (start - whole)


def held(t: Array, last: float, xp: Any) -> Array:
    """`t` from 0 to `last`, still a count where it is one and `last` is whole."""
    if xp is scalars or not xp.isdtype(t.dtype, "integral"):
        return xp.clip(t, 0.0, last)
    if last > xp.iinfo(t.dtype).max:
        return xp.clip(t, 0, None)
    return xp.clip(t, 0, int(last)) if float(last).is_integer() else xp.clip(floating(t, xp), 0.0, last)


def is_before(t: Array, start: float, xp: Any) -> Array:
    """`t < start`, exactly for integer counts also where floats are single."""
    if xp is scalars or not xp.isdtype(t.dtype, "integral"):
        return t < start
    return t < math.ceil(start) if start <= xp.iinfo(t.dtype).max else xp.ones_like(t, dtype=xp.bool)


def divided(t: Array, period: float, xp: Any) -> tuple[Array, Array]:
    """How many whole periods are in `t`, and what is left: exact for integer counts and a whole period."""
    if xp is not scalars and xp.isdtype(t.dtype, "integral"):
        if period.is_integer() and period <= xp.iinfo(t.dtype).max:
            return t // int(period), t % int(period)
        t = floating(t, xp)
    return t // period, t % period


def neighbours(t: Array, times: Sequence[float], values: Sequence[float], xp: Any) -> tuple[Array, Array, Array]:
    """The values at the times before and after each `t`, and how far it is between them: under 0 or over 1 outside."""
    from array_api_compat import is_torch_namespace

    flat = xp.reshape(t, (-1,))
    exact = xp.isdtype(t.dtype, "integral") and all(float(time).is_integer() for time in times)
    there = {"device": t.device} if is_torch_namespace(xp) else {}
    real = floating(flat[:0], xp).dtype
    knots = xp.asarray(list(map(int if exact else float, times)), dtype=t.dtype if exact else real, **there)
    lengths = [b - a for a, b in pairwise(times)]
    numbers = xp.asarray([*values, *lengths], dtype=real, **there)
    i = xp.clip(xp.searchsorted(knots, flat if exact else floating(flat, xp), side="right") - 1, 0, len(lengths) - 1)
    before = xp.take(knots, i)
    elapsed = floating(xp.maximum(flat, before) - before if exact else flat - before, xp)
    taken = xp.take(numbers, i), xp.take(numbers, i + 1), elapsed / xp.take(numbers, i + len(values))
    value, after, x = (xp.reshape(part, t.shape) for part in taken)
    return value, after, x


def evaluated(formula: Formula, t: Array) -> Array:
    """A formula at every element of `t`, in the library's precision for reals whatever the type of the counts. The
    result has the type of a real `t`, so that of a float16 is a float16, rounded once. A long NumPy array is taken in
    pieces, so that what is in between stays in the cache."""
    xp = namespace(t)
    if xp.__name__ == "numpy" and t.ndim == 1 and t.size > PIECE:
        first = evaluated(formula, t[:PIECE])
        whole = xp.empty(t.shape, dtype=first.dtype)
        whole[:PIECE] = first
        for i in range(PIECE, t.size, PIECE):
            whole[i : i + PIECE] = evaluated(formula, t[i : i + PIECE])
        return whole
    dtype, real = t.dtype, _real(t, xp)
    if dtype == real:
        return formula(t, xp)
    if _is_of("integral", dtype, xp):
        if xp.finfo(real).bits == 64:
            t = xp.astype(t, real)  # every count up to 2^53 is exact
        elif xp.iinfo(dtype).bits < 32:
            t = xp.astype(t, xp.int32)
        return formula(t, xp)
    if _is_of(("bool", "complex floating"), dtype, xp):
        raise ScheduleError(f"counts of type {dtype}: give integers or reals")
    if _is_of("real floating", dtype, xp) and xp.finfo(dtype).bits > xp.finfo(real).bits:
        return formula(t, xp)
    return xp.astype(formula(xp.astype(t, real), xp), dtype)


def _is_of(kind: str | tuple[str, ...], dtype: Any, xp: Any) -> bool:
    """Whether a type is of a kind; one that another package adds to NumPy, such as bfloat16, is of none."""
    try:
        return bool(xp.isdtype(dtype, kind))
    except TypeError:
        return False
