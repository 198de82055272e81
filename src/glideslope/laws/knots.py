"""Knots: a rate of tens of thousands of updates as a hundred or two, which is all that a law's sums need."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from glideslope.laws.values import ByValue

KNOTS = 90
_MOST_JUMPS = 400
_LEAST = 1e-6
"""The least rate, over the reference: where a rate is 0, the law's limit."""


@dataclass(frozen=True, eq=False)
class Knots(ByValue):
    """A rate in pieces between places, and where on it a loss is wanted.

    A law sums over the changes of the rate, of which a piece holds those that come after its first update, up to the
    update at its end: of equal sizes, so that they count in their middle. The first of all changes is from 0.

    Attributes:
        length: updates in each piece, over the unit of the law's clock, shape (K,).
        rate: the mean rate in each over the reference rate, shape (K,).
        edge: the rate at each place, shape (K + 1,).
        turn: the mean rate right after the changes: the first, and those in each piece, shape (K + 1,).
        used: how much of each piece lies before each measurement, in the same unit, shape (n, K).
        update: an update in the same unit.
        batch: the batch size over the reference size, as the rate: in each piece, at each place, and at each change.
    """

    length: np.ndarray
    rate: np.ndarray
    edge: np.ndarray
    turn: np.ndarray
    used: np.ndarray
    update: float
    batch: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    @classmethod
    def of(
        cls, lr: np.ndarray, step: np.ndarray, reference: float, unit: float, batch: np.ndarray | None = None
    ) -> Knots:
        """The knots of a rate, shape (T,), for losses after `step` updates, shape (n,); of batches of relative sizes of
        shape (T,), if they aren't all 1."""
        changing = [] if batch is None else [np.flatnonzero(np.diff(batch)) + 1]
        places = _places(lr, *changing)
        made = cls._made(places, *_in_pieces(lr / reference, places), step, unit)
        return made if batch is None else replace(made, batch=_in_pieces(batch, places))

    @classmethod
    def of_edges(cls, places: np.ndarray, edge: np.ndarray, step: np.ndarray, unit: float) -> Knots:
        """Those of a rate that is straight between places, shape (K + 1,), from its values there over the reference."""
        rate = (edge[1:] + edge[:-1]) / 2
        return cls._made(places, rate, edge, np.append(edge[0], rate), step, unit)

    @classmethod
    def _made(
        cls, places: np.ndarray, rate: np.ndarray, edge: np.ndarray, turn: np.ndarray, step: np.ndarray, unit: float
    ) -> Knots:
        length = np.diff(places)
        used = np.clip(step[:, None] - places[:-1], 0, length) / unit
        return cls(length / unit, rate + _LEAST, edge + _LEAST, turn + _LEAST, used, 1 / unit)

    def effective(self, exponent: float) -> Knots:
        """These, their rates times a power of the batch size."""
        if self.batch is None:
            return self
        rate, edge, turn = (size**exponent for size in self.batch)
        return replace(self, rate=self.rate * rate, edge=self.edge * edge, turn=self.turn * turn)

    def passed(self, pace: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What has passed at a pace of shape (K,): before each measurement, shape (n,), and from each change to it,
        shape (n, K + 1)."""
        clock = self.used @ pace
        before = np.concatenate([[0.0], np.cumsum(self.length * pace)[:-1]])
        since = clock[:, None] - before - pace * (self.used + self.update) / 2
        return clock, np.concatenate([clock[:, None], since], axis=1)


def _in_pieces(values: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values of each update: their mean in each piece, those at each place, and the means right after the changes."""
    then, updates = np.append(values, values[-1]), np.diff(places)
    sums = np.concatenate([[0.0], np.cumsum(then)])
    turn = np.append(then[0], np.diff(sums[places + 1]) / updates)
    return np.diff(sums[places]) / updates, then[places], turn


def _places(lr: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Where pieces begin and end: at equal changes of the rate's root, at both sides of a jump, and now and then."""
    updates = len(lr)
    changes = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(np.sqrt(lr), prepend=0.0)))])  # before update t
    rising = changes + np.linspace(0, 1e-9 * changes[-1], updates + 1)
    at_changes = np.interp(np.linspace(0, changes[-1], KNOTS), rising, np.arange(updates + 1))
    jumps = np.flatnonzero(np.abs(np.diff(lr)) > 0.02 * lr.max()) + 1
    if len(jumps) > _MOST_JUMPS:  # a rate that goes up and down all the time is as good as its mean
        jumps = jumps[:0]
    at_first = np.geomspace(1, updates, KNOTS // 3)
    in_time = updates * np.linspace(0, 1, KNOTS // 2) ** 1.5
    every = np.concatenate([at_changes, in_time, at_first, jumps, jumps - 1, [0, updates], *others])
    return np.unique(np.clip(np.rint(every), 0, updates)).astype(int)
