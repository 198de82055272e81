"""Weights that grow by the same part with each update, which nothing holds any longer."""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import pairwise

_DOUBLED, WITH_THE_LOSS = math.log(2), math.log(1.2)
"""How much the logarithm of the norm grew; where the loss has grown too, which needn't go on until weights doubled."""
_MOST = 512
"""Norms that are remembered; of more every other."""
_PARTS, _EVEN = 4, 0.2
"""Of the time in which the norm doubled, four parts grew alike, to a fifth. Growth that slows down, as of a training
that begins with small weights, doesn't; nor does that of a warmup, which speeds up."""


class SteadyGrowth:
    """Looks for a norm that grows by the same part with each update."""

    def __init__(self) -> None:
        self._made: list[int] = []
        self._logs: list[float] = []

    def take(self, updates_made: int, norm: float) -> None:
        """Takes the norm of the weights after so many updates."""
        if not 0 < norm < math.inf:
            return
        while self._made and self._made[-1] >= updates_made:  # of a training that went back since
            del self._made[-1], self._logs[-1]
        self._made.append(updates_made)
        self._logs.append(math.log(norm))
        if len(self._made) > _MOST:
            del self._made[1::2], self._logs[1::2]

    def is_found(self, grown: float = _DOUBLED) -> bool:
        """Whether the logarithm of the norm has grown by so much, steadily."""
        if len(self._made) <= 2 * _PARTS or min(self._logs) > (half := self._logs[-1] - grown):
            return False
        below = max(i for i, log in enumerate(self._logs) if log <= half)
        begin = min(below, len(self._made) - 1 - 2 * _PARTS)
        span = (self._made[-1] - self._made[begin]) / _PARTS
        ends = [bisect_right(self._made, self._made[begin] + part * span) - 1 for part in range(_PARTS + 1)]
        if len(set(ends)) <= _PARTS:  # no norm is known of a part
            return False
        rates = [(self._logs[b] - self._logs[a]) / (self._made[b] - self._made[a]) for a, b in pairwise(ends)]
        mean = sum(rates) / _PARTS
        if any(abs(rate - mean) > _EVEN * mean for rate in rates):
            return False
        del self._made[:-1], self._logs[:-1]
        return True
