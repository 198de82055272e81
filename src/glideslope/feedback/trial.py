"""Whether the losses are higher after something else than the updates changed the training."""

from __future__ import annotations

import math

from glideslope.feedback.feedback import State
from glideslope.feedback.guard import WINDOW

_HIGHER = 1.5
"""Mean absolute deviations that the mean of so many losses exceeds the level before: more than four times what it does
by chance."""
_GAIN = 0.02  # the least part of all that the loss had fallen, of which this says anything


class Trial:
    """The losses since a change, beside the level before it, which the guard's state has."""

    def __init__(self, before: State) -> None:
        self._level, gain = before["level"], before["high"] - before["low"]
        self._most = max(_HIGHER * before["spread"], _GAIN * gain) if before["seen"] > WINDOW else math.inf
        self._seen, self._sum = 0, 0.0

    def take(self, loss: float) -> None:
        """Takes the loss of an update."""
        self._seen += 1
        self._sum += loss

    @property
    def is_over(self) -> bool:
        """Whether enough losses were seen."""
        return self._seen >= WINDOW

    @property
    def is_worse(self) -> bool:
        """Whether they are higher by more than chance; unknown where the level before wasn't known."""
        return bool(self._sum / self._seen - self._level > self._most)
