"""Weights that grow: by the same part with each update, which nothing holds any longer, or at once, by damage."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

_DOUBLED, WITH_THE_LOSS = math.log(2), math.log(1.2)
"""How much the logarithm of the norm grew; where the loss has grown too, which needn't go on until weights doubled."""
_MOST = 512
"""Norms that are remembered; of more every other."""
_PARTS, _EVEN = 4, 0.2
"""Of the time in which the norm doubled, four parts grew alike, to a fifth. Growth that slows down, as of a training
that begins with small weights, doesn't; nor does that of a warmup, which speeds up."""
_JUMP = 4.0
"""How many times as large the weights become, from one snapshot to the next, where they are damaged."""
_SETTLED = 20
"""Updates in which weights may grow as they like, unless the loss does too: some begin at 0."""
_FEW = 5  # losses before which a high one is no sign of a bad batch
_HIGHER = 10.0
"""How many times as large as the largest so far a loss is, among the first, that no hard batch gives."""


@dataclass
class Jumps:
    """Looks for weights that are at once several times as large as at the last snapshot, of the norm `norm`; among the
    first updates, from `began` on, where the loss is `high` too, far above the `largest` before. Where that is
    so twice in a row, or soon, the first updates `overshot`: the batches aren't bad."""

    began: int
    norm: float = math.inf
    largest: float = 0.0
    high: bool = False
    seen: int = 0
    overshot: bool = False

    def see(self, loss: float, known: bool) -> None:
        """Sees a loss, until the level of losses is known."""
        before, self.high = self.high, not known and 0 < self.largest * _HIGHER < abs(loss)
        if self.high:
            self.overshot |= before or self.seen < _FEW
        elif not known and math.isfinite(loss):
            self.largest = max(self.largest, abs(loss))
            self.seen += 1

    def is_found(self, updates_made: int, norm: float) -> bool:
        """Whether weights of a norm, after some updates, are damaged ones."""
        return (self.high or updates_made >= self.began + _SETTLED) and norm > _JUMP * self.norm


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
