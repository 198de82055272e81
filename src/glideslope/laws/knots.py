"""Knots: a rate of tens of thousands of updates as a hundred or two, which is all that a law's sums need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

KNOTS = 120
_MOST_JUMPS = 400
_LEAST = 1e-9
"""The least rate, over the reference: where a rate is 0, the law's limit."""


@dataclass(frozen=True)
class Knots:
    """A rate, piecewise constant, and where on it a loss is wanted.

    Attributes:
        length: updates in each piece, over the unit of the law's clock, shape (K,).
        rate: the mean rate in each over the reference rate, shape (K,).
        used: how much of each piece lies before each measurement, in the same unit, shape (n, K).
        begun: which pieces have begun at each measurement, shape (n, K).
    """

    length: np.ndarray
    rate: np.ndarray
    used: np.ndarray
    begun: np.ndarray

    @classmethod
    def of(cls, lr: np.ndarray, step: np.ndarray, reference: float, unit: float) -> Knots:
        """The knots of a rate, shape (T,), for losses after `step` updates, shape (n,)."""
        places = _places(lr)
        sums = np.concatenate([[0.0], np.cumsum(lr)])
        return cls.of_pieces(places, np.diff(sums[places]) / np.diff(places) / reference, step, unit)

    @classmethod
    def of_pieces(cls, places: np.ndarray, rate: np.ndarray, step: np.ndarray, unit: float) -> Knots:
        """Those of a rate that is given by pieces, shape (K,), between places of shape (K + 1,)."""
        begin, length = places[:-1], np.diff(places)
        used = np.clip(step[:, None] - begin, 0, length) / unit
        return cls(length / unit, rate + _LEAST, used, step[:, None] > begin)

    def before(self, pace: np.ndarray) -> np.ndarray:
        """What has passed before each piece, at a pace of shape (K,): shape (K,)."""
        return np.concatenate([[0.0], np.cumsum(self.length * pace)[:-1]])


def _places(lr: np.ndarray) -> np.ndarray:
    """Where pieces begin and end: at equal changes of the rate, at both sides of a jump, and now and then at least."""
    updates = len(lr)
    changes = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(lr, prepend=0.0)))])  # of the rate, before update t
    rising = changes + np.linspace(0, 1e-9 * changes[-1], updates + 1)
    at_changes = np.interp(np.linspace(0, changes[-1], KNOTS), rising, np.arange(updates + 1))
    jumps = np.flatnonzero(np.abs(np.diff(lr)) > 0.02 * lr.max()) + 1
    if len(jumps) > _MOST_JUMPS:  # a rate that goes up and down all the time is as good as its mean
        jumps = jumps[:0]
    at_first = np.geomspace(1, updates, KNOTS // 3)
    in_time = updates * np.linspace(0, 1, KNOTS // 2) ** 1.5
    every = np.concatenate([at_changes, in_time, at_first, jumps, jumps - 1, [0, updates]])
    return np.unique(np.clip(np.rint(every), 0, updates)).astype(int)
