"""Weights that grow by the same part with each update: what trains them no longer holds them."""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import pairwise

_MOST = 512
"""Norms that are remembered; of more every other."""
_PARTS, _EVEN = 4, 0.2
"""Of the time in which the norm doubled, four parts grew alike, to a fifth. Growth that slows down, as of a training
that begins with small weights, doesn't; nor does that of a warmup, which speeds up."""


class SteadyGrowth:
    """Looks for a norm that doubles by the same part with each update.

    >>> growth = SteadyGrowth()
    >>> [t for t in range(0, 1000, 5) if growth.is_found(t, 3.0 * 1.002**t)]
    [350, 700]
    >>> any(growth.is_found(t, 3.0 + 0.01 * t) for t in range(1000, 3000, 5))
    False
    """

    def __init__(self) -> None:
        self._made: list[int] = []
        self._logs: list[float] = []

    def is_found(self, made: int, norm: float) -> bool:
        """Takes the norm of the weights after so many updates; whether it has doubled steadily since it began to."""
        if not 0 < norm < math.inf:
            return False
        self._made.append(made)
        self._logs.append(math.log(norm))
        if len(self._made) > _MOST:
            del self._made[1::2], self._logs[1::2]
        below = [i for i, log in enumerate(self._logs) if log <= self._logs[-1] - math.log(2)]
        if not below or len(self._made) - below[-1] <= 2 * _PARTS:
            return False
        begin = below[-1]
        span = (made - self._made[begin]) / _PARTS
        ends = [bisect_right(self._made, self._made[begin] + part * span) - 1 for part in range(_PARTS + 1)]
        rates = [(self._logs[b] - self._logs[a]) / (self._made[b] - self._made[a]) for a, b in pairwise(ends)]
        mean = sum(rates) / _PARTS
        if any(abs(rate - mean) > _EVEN * mean for rate in rates):
            return False
        self._made, self._logs = [made], [math.log(norm)]
        return True
