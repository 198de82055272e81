"""Knots: a rate of tens of thousands of updates as a hundred or two, which is all that a law's sums need."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from glideslope.laws.rates import Rates
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
        cls,
        lr: np.ndarray | Rates,
        step: np.ndarray,
        reference: float,
        unit: float,
        batch: np.ndarray | Rates | None = None,
    ) -> Knots:
        """The knots of a rate, shape (T,), for losses after `step` updates, shape (n,); of batches of relative sizes of
        shape (T,), if they aren't all 1."""
        rates, sizes = Rates.of(lr), None if batch is None else Rates.of(batch)
        places = _places(rates, *([] if sizes is None else [_changes(sizes)]))
        rate, edge, turn = (values / reference for values in _in_pieces(rates, places))
        made = cls._made(places, rate, edge, turn, step, unit)
        return made if sizes is None else replace(made, batch=_in_pieces(sizes, places))

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

    def before(self, step: np.ndarray) -> Knots:
        """These, for losses after other updates, shape (m,)."""
        places = np.cumsum(self.length) - self.length
        return replace(self, used=np.clip(step[:, None] * self.update - places, 0, self.length))

    def effective(self, exponent: float) -> Knots:
        """These, their rates times a power of the batch size."""
        if self.batch is None:
            return self
        rate, edge, turn = (size**exponent for size in self.batch)
        return replace(self, rate=self.rate * rate, edge=self.edge * edge, turn=self.turn * turn)

    def passed(self, pace: np.ndarray) -> np.ndarray:
        """What has passed at a pace of shape (K,) from each change to each measurement, shape (n, K + 1)."""
        clock = self.used @ pace
        passed = np.empty((len(clock), len(pace) + 1))
        passed[:, 0] = clock
        since = np.multiply(self.used, -pace / 2, out=passed[:, 1:])
        since += clock[:, None]
        since -= self.until(pace)
        return passed

    def until(self, pace: np.ndarray) -> np.ndarray:
        """What has passed at a pace before each piece, and half of its first update: shape (K,)."""
        whole = self.length * pace
        return np.asarray(np.cumsum(whole) - whole + pace * self.update / 2)


def _in_pieces(rates: Rates, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values of each update: their mean in each piece, those at each place, and the means right after the changes."""
    updates, edge = np.diff(places), rates.at(places)
    turn = np.append(edge[0], np.diff(rates.total(places + 1)) / updates)
    return np.diff(rates.total(places)) / updates, edge, turn


def _places(rates: Rates, *others: np.ndarray) -> np.ndarray:
    """Where pieces begin and end: at equal changes of the rate's root, at both sides of a jump, and now and then."""
    updates, at, roots = len(rates), rates.every_place(), np.sqrt(rates.values)
    changes = np.cumsum(np.abs(np.diff(roots, prepend=0.0)))  # at a place; before update t, that of t - 1
    rising = changes + 1e-9 * changes[-1] * (at + 1) / updates
    at_changes = _inverse(np.linspace(0, changes[-1], KNOTS), rising, at + 1, roots)
    jumps = _jumps(rates)
    if len(jumps) > _MOST_JUMPS:  # a rate that goes up and down all the time is as good as its mean
        jumps = jumps[:0]
    at_first = np.geomspace(1, updates, KNOTS // 3)
    in_time = updates * np.linspace(0, 1, KNOTS // 2) ** 1.5
    every = np.concatenate([at_changes, in_time, at_first, jumps, jumps - 1, [0, updates], *others])
    return np.unique(np.clip(np.rint(every), 0, updates)).astype(int)


def _inverse(changes: np.ndarray, rising: np.ndarray, at: np.ndarray, roots: np.ndarray) -> np.ndarray:
    """When the changes of the root add up to each of some: between two places the rate is straight, not its root."""
    i = np.clip(np.searchsorted(rising, changes), 1, len(rising) - 1) if len(rising) > 1 else np.zeros(0, int)
    if not len(i):
        return at[:1]
    share = np.clip((changes - rising[i - 1]) / (rising[i] - rising[i - 1]), 0.0, 1.0)
    low, high = roots[i - 1], roots[i]
    root = low + share * (high - low)
    flat = np.abs(high**2 - low**2) <= 1e-12 * roots.max() ** 2
    moved = np.where(flat, share, (root**2 - low**2) / np.where(flat, 1.0, high**2 - low**2))
    return np.asarray(at[i - 1] + moved * (at[i] - at[i - 1]))


def _jumps(rates: Rates) -> np.ndarray:
    """The updates whose rate is another than that of the one before, by a fiftieth of the peak."""
    at = rates.every_place()
    steep = np.flatnonzero(np.abs(np.diff(rates.values)) > 0.02 * rates.peak * np.diff(at))
    if not len(steep) or len(steep) > _MOST_JUMPS:
        return at[steep + 1]
    return np.concatenate([np.arange(at[i] + 1, at[i + 1] + 1) for i in steep])  # each is 50 updates long at most


def _changes(sizes: Rates) -> np.ndarray:
    """The updates from which on another batch size holds; of very many, some, between which it changes alike."""
    at = sizes.every_place()
    changes = np.flatnonzero(np.diff(sizes.values)) + 1
    if len(changes) <= _MOST_JUMPS:
        return np.asarray(at[changes])
    paths = np.cumsum(np.abs(np.diff(np.log(sizes.values))))
    return np.asarray(at[1 + np.unique(np.searchsorted(paths, np.linspace(0, paths[-1], KNOTS)[1:]))])
