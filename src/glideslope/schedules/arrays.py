"""One formula for Python numbers and every array: the namespace a formula computes in."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

Array = Any
"""A NumPy, torch, JAX or CuPy array: whatever the array API standard calls one."""

Formula = Callable[[Any, Any], Any]
"""(t, xp) -> value: a number or array, and the namespace it belongs to."""


class Scalars:
    """The functions of the array API that formulas use, for Python floats.

    A scalar call of a schedule costs well under a microsecond because it never makes an array.
    """

    pi = math.pi
    cos = staticmethod(math.cos)
    sqrt = staticmethod(math.sqrt)
    floor = staticmethod(math.floor)

    @staticmethod
    def clip(x: float, low: float, high: float) -> float:
        return low if x < low else high if x > high else x


scalars = Scalars()


def namespace(t: Array) -> Any:
    """The array-API namespace of `t`; nothing is imported that the caller hasn't imported."""
    from array_api_compat import array_namespace

    return array_namespace(t)


def floating(t: Array, xp: Any) -> Array:
    """`t` as floats: integer counts become float64 where the device has it, the default float elsewhere."""
    if xp is scalars or not xp.isdtype(t.dtype, "integral"):
        return t
    try:
        return xp.astype(t, xp.float64)
    except (TypeError, RuntimeError):  # Apple's GPUs have no float64
        return xp.astype(t, xp.float32)


def since(t: Array, start: float, xp: Any) -> Array:
    """`t - start`, never below zero; the whole part is subtracted while counts are still integers.

    A float32 count is exact to 2^24 only, so at update 10^9 the position within a phase would be lost.
    """
    whole = math.floor(start)
    elapsed = t - whole if whole else t
    return xp.clip(floating(elapsed, xp) - (start - whole), 0.0, math.inf)
