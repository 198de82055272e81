"""A bounded number of places, spread over many."""

from __future__ import annotations

import math

CYCLES = 400
"""The cycles, or the steps of a staircase, whose turns are taken where there are more: evenly spread, the ends too."""


def spread(number: float, each: int = 1) -> list[float]:
    """Whole numbers from 0 to a number: all of them, or some, fewer the more each stands for.

    >>> spread(3.5), len(spread(1e9)) <= CYCLES, spread(1e9)[-1]
    ([0.0, 1.0, 2.0, 3.0], True, 1000000000.0)
    """
    last, most = math.floor(number) if math.isfinite(number) else 0, max(CYCLES // each, 8)
    if last < most:
        return [float(i) for i in range(last + 1)]
    shares = [i / (most // 2 - 1) for i in range(most // 2)]
    by_ratio = [(last + 1.0) ** share - 1 for share in shares]
    return [float(i) for i in sorted({round(min(place, last)) for place in (*by_ratio, *(last * x for x in shares))})]
