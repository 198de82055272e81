"""Knots: a rate of tens of thousands of updates as a hundred or two, which is all that a law's sums need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

KNOTS = 100
SCALE = 1000.0
"""Updates in a unit of the laws' clocks, so that their parameters are of order one."""


@dataclass(frozen=True)
class Knots:
    """A rate, piecewise constant, and where on it a loss is wanted.

    Attributes:
        begin: the update that each piece begins with, shape (K,).
        length: updates in each, in thousands, shape (K,).
        rate: the mean rate in each over the reference rate, shape (K,).
        used: how much of each piece lies before each measurement, in thousands of updates, shape (n, K).
        before: the same before the beginning of each piece, shape (K, K).
        begun: which pieces have begun at each measurement, shape (n, K).
    """

    begin: np.ndarray
    length: np.ndarray
    rate: np.ndarray
    used: np.ndarray
    before: np.ndarray
    begun: np.ndarray

    def rate_power(self, exponent: float) -> np.ndarray:
        """The rates to a power, shape (K,); 0 stays 0."""
        return np.where(self.rate > 0, np.maximum(self.rate, 1e-12) ** exponent, 0.0)

    @classmethod
    def of(cls, lr: np.ndarray, step: np.ndarray, reference: float) -> Knots:
        """The knots of a rate, shape (T,), for losses after `step` updates, shape (n,), which may lie past its end."""
        places = _places(lr)
        sums = np.concatenate([[0.0], np.cumsum(lr)])
        return cls.of_pieces(places, np.diff(sums[places]) / np.diff(places) / reference, step)

    @classmethod
    def of_pieces(cls, places: np.ndarray, rate: np.ndarray, step: np.ndarray) -> Knots:
        """Those of a rate that is given by pieces, shape (K,) between places of shape (K + 1,)."""
        begin, length = places[:-1], np.diff(places)
        used = np.clip(step[:, None] - begin, 0, length) / SCALE
        before = np.where(np.arange(len(begin))[:, None] > np.arange(len(begin)), length / SCALE, 0.0)
        return cls(begin, length / SCALE, rate, used, before, step[:, None] > begin)


def _places(lr: np.ndarray) -> np.ndarray:
    """Where pieces begin and end: at equal changes of the rate, at both sides of a jump, and now and then at least."""
    updates = len(lr)
    changes = np.concatenate([[0.0, 0.0], np.cumsum(np.abs(np.diff(lr)))])  # of the rate, before update t
    along = np.linspace(0, changes[-1], KNOTS)
    at_changes = np.searchsorted(changes, along, side="left") - 1
    jumps = np.flatnonzero(np.abs(np.diff(lr)) > 0.02 * lr.max()) + 1
    in_time = updates * np.linspace(0, 1, KNOTS // 2) ** 1.5
    every = np.concatenate([at_changes, jumps, np.rint(in_time), [0, updates]])
    return np.unique(np.clip(every, 0, updates)).astype(int)
