"""Calls with no update: those that a gradient scaler leaves out for ever."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

_LOOK_EVERY = 8  # calls between looks at the scale, which may wait for a device
_MOST = 32  # updates in a row that mixed precision may leave out for a loss that isn't finite
_HALVED = 2.0**-24
"""A scale so many times smaller than at the last good update has no cause in the size of the gradients."""


class Idle:
    """Calls in a row with no update: how many, and how many of the last of them lost, with a loss that isn't finite;
    the scaler's scale at the last snapshot; and whether the last call set that back, and so is undone."""

    def __init__(self, scaler: torch.amp.GradScaler | None) -> None:
        self.calls = self.lost = 0
        self.scale = 0.0
        self.undone = False
        self._scaler = scaler

    def verdict(self, loss: float, damaged: Callable[[], bool]) -> float:
        """The verdict on a call with no update, a place in `VERDICTS`: by its loss, and whether the weights are
        damaged. Sets the scale back where that is the answer."""
        self.calls += 1
        self.undone = False
        if math.isfinite(loss):
            self.lost = 0
            return 6.0 if self.is_stuck() else 0.0
        self.lost += 1
        if damaged() or self.lost >= _MOST:
            return 1.0
        self.undone = self.undo()
        return 0.0

    def undo(self) -> bool:
        """Sets back a scale that was lowered for a batch whose loss isn't finite, which no scale would help."""
        if self._scaler is None or not self._scaler.get_scale() < self.scale:
            return False
        self._scaler.update(self.scale)
        return True

    def begin(self) -> None:
        """Remembers the scale as a good one."""
        self.scale = self._scaler.get_scale() if self._scaler else 0.0

    def mended(self) -> bool:
        """Sets back a scale that was lost since the last snapshot, as one is taken; whether it was."""
        mended = self.is_lost() and self.undo()
        self.begin()
        return mended

    def is_stuck(self) -> bool:
        """Whether the scaler leaves out one update after the other, at a scale that will never do."""
        return self.calls % _LOOK_EVERY == 0 and self.is_lost()

    def is_lost(self) -> bool:
        """Whether the scale will never do: at a tiny one, too, gradients in half precision are 0."""
        if self._scaler is None:
            return False
        scale = self._scaler.get_scale()
        return not 0 < scale < math.inf or scale < _HALVED * self.scale
