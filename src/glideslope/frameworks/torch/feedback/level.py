"""How large gradients were lately, and whether one is too large to be a good one."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field

import torch

from glideslope.feedback.guard import FEW

NOT_FINITE, SPIKE, EXPECTED = "not finite", "spike", "expected"
_LARGEST = sys.float_info.max
_SPIKE, _EARLY = 20.0, 100.0
"""A gradient so many times the largest lately is left out; in the first updates, when few were seen."""
_LARGE = 3.0
"""A gradient so many times the largest lately is undone where the loss is a spike too: a bad batch is both, such as one
whose inputs aren't scaled. A hard one isn't."""
_DECAY, _FASTEST = 0.99, 1.5
"""How fast the level of gradients falls, and rises."""
_FALLEN, _HALVED = 10.0, 0.5
"""How many times smaller the next of the first few gradients is where one was an outlier; the level falls as fast."""
WARMUP = 20
"""Updates after which gradients are known."""


@dataclass
class Level:
    """How large gradients were lately: the largest norm, where an older one counts less; how many there were; and the
    largest that is a normal one."""

    high: float = 0.0
    seen: int = 0
    limit: float = _LARGEST

    def take(self, norm: float) -> None:
        """Adds the norm of a normal gradient; one that is far larger raises the level by a part only."""
        self.seen += 1
        most = _FASTEST * self.high if self.seen > WARMUP and self.high else _LARGEST
        decay = _HALVED if self.seen <= FEW and _FALLEN * norm < self.high else _DECAY
        self.high = max(min(norm, most), decay * self.high)
        self._limit()

    def accept(self) -> None:
        """Accepts gradients of up to the limit, since one beyond it was a good one."""
        self.seen += 1
        self.high = self.limit
        self._limit()

    def take_back(self, high: float) -> None:
        """Takes back the last norm; before it the largest was this one."""
        self.high = _DECAY * high
        self._limit()

    def _limit(self) -> None:
        self.limit = (_SPIKE if self.seen >= WARMUP else _EARLY) * self.high or _LARGEST


@dataclass
class Look:
    """A look at the gradient of an update: the norm of what was looked at, a number or a tensor on a device, and how
    large the same was lately. The update is left out where that is `expected`, or the norm is above the `limit`."""

    norm: float | torch.Tensor
    level: Level
    expected: bool = False
    limit: float = field(init=False)
    high: float = field(init=False)

    def __post_init__(self) -> None:
        self.limit, self.high = self.level.limit, self.level.high

    def times(self, norm: float) -> float:
        """How many times the largest of late it is; 0 where that isn't a multiple that makes a bad batch."""
        return norm / self.high if norm > _LARGE * self.high > 0 else 0.0

    def refused(self, norm: float) -> str:
        """Why the update is left out, "" if it isn't."""
        if norm <= self.limit:
            return EXPECTED if self.expected else ""
        return SPIKE if math.isfinite(norm) else NOT_FINITE
