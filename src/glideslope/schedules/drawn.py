"""Numbers that look drawn at random, each from a count alone."""

from __future__ import annotations

from typing import Any

from glideslope.schedules.arrays import Array, divided, floating, scalars

PRIME = 46_337
"""The largest prime whose square fits into a 32-bit integer."""


def uniform(t: Array, seed: int, xp: Any) -> Array:
    """A number in [-1, 1] drawn from the whole part of `t`, by modular squaring that no integer type overflows.

    In single precision squares aren't exact, so there whole numbers are integers.
    """
    if xp is not scalars and not xp.isdtype(t.dtype, "integral"):
        t = xp.floor(t)
        if xp.finfo(t.dtype).bits < 64:
            t = xp.astype(t, xp.int32)
    high, low = divided(t, float(PRIME), xp)
    high, x = high % PRIME, low
    for constant in (seed + 11_939, 30_011, 7_919, 23_189):
        x = (x * x % PRIME + high * 16_411 % PRIME + low * 101 % PRIME + constant) % PRIME
    return 2.0 * floating(x, xp) / (PRIME - 1) - 1.0
