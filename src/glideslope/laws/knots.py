"""Knots: a rate of tens of thousands of updates as a hundred or two, which is all that a law's sums need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from glideslope.laws.rates import Rates
from glideslope.laws.values import ByValue

KNOTS = 90
_MOST_JUMPS = 400
_LEAST = 1e-6  # the least rate, over the reference: where a rate is 0, the law's limit
_ROWS = 48
"""Measurements of a block: with more, most of its changes come after the first of them; with fewer, calls dominate."""


@dataclass(frozen=True)
class Block:
    """Measurements of a run that are next to one another, and the changes before the last of them."""

    points: slice  # the measurements
    slots: slice  # the changes
    last: np.ndarray  # the piece of each measurement, counted from the first slot, shape (n,)
    share: np.ndarray  # the share of each change that has come by each measurement, shape (n, slots)


@dataclass(frozen=True, eq=False)
class Knots(ByValue):
    """Rates in pieces between places, and where on them losses are wanted: of a run, or of several in a row.

    A law sums over the changes of the rate, of which a piece holds those that come after its first update, up to the
    update at its end: of equal sizes, so that they count in their middle. A slot is a place with the piece that ends
    there, and the changes in the piece. The first slot of a run has a piece of no length, and the change from 0.
    """

    length: np.ndarray  # updates in each piece, over the unit of the law's clock, shape (K,)
    rate: np.ndarray  # the mean rate in each over the reference rate, shape (K,)
    edge: np.ndarray  # the rate at each place, shape (K,)
    turn: np.ndarray  # the mean rate right after the changes, shape (K,)
    first: np.ndarray  # the first slot of each run, and K, shape (runs + 1,)
    piece: np.ndarray  # the slot of the piece that each measurement is in, shape (n,)
    part: np.ndarray  # how much of that piece lies before it, in the unit of the clock, shape (n,)
    points: np.ndarray  # the first measurement of each run, and n, shape (runs + 1,)
    update: float  # an update in the unit of the clock
    batch: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
    """The batch size over the reference size, as the rate: in each piece, at each place, and at each change."""

    @classmethod
    def of(
        cls, lr: np.ndarray | Rates, step: np.ndarray, reference: float, unit: float,
        batch: np.ndarray | Rates | None = None,
    ) -> Knots:  # fmt: skip
        """The knots of a rate, shape (T,), for losses after `step` updates, shape (n,); of batches of relative sizes of
        shape (T,), if they aren't all 1."""
        rates, sizes = Rates.of(lr), None if batch is None else Rates.of(batch)
        places = _places(rates, *([] if sizes is None else [_changes(sizes)]))
        rate, edge, turn = (values / reference for values in _in_pieces(rates, places))
        knots = cls._between(places, rate, edge, turn, step, unit)
        return knots if sizes is None else replace(knots, batch=_in_pieces(sizes, places))

    @classmethod
    def of_edges(cls, places: np.ndarray, edge: np.ndarray, step: np.ndarray, unit: float) -> Knots:
        """Those of a rate that is straight between places, shape (K,), from its values there over the reference."""
        rate = np.append(edge[0], (edge[1:] + edge[:-1]) / 2)
        return cls._between(places, rate, edge, rate, step, unit)

    @classmethod
    def _between(
        cls, places: np.ndarray, rate: np.ndarray, edge: np.ndarray, turn: np.ndarray, step: np.ndarray, unit: float
    ) -> Knots:
        length, none = np.diff(places, prepend=places[0]) / unit, np.zeros(0)
        bare = cls(length, rate + _LEAST, edge + _LEAST, turn + _LEAST, np.array([0, len(length)]), none.astype(int),
                   none, np.array([0, 0]), 1 / unit)  # fmt: skip
        return bare.before(step)

    @classmethod
    def joined(cls, runs: Sequence[Knots]) -> Knots:
        """Those of several runs, one after another; they count updates in one unit."""
        first = np.cumsum([0, *(len(run.length) for run in runs)])
        points = np.cumsum([0, *(len(run.piece) for run in runs)])
        length, rate, edge, turn, part = (
            np.concatenate([getattr(run, name) for run in runs]) for name in ("length", "rate", "edge", "turn", "part")
        )
        piece = np.concatenate([run.piece + begin for run, begin in zip(runs, first[:-1], strict=True)])
        batch = None
        if any(run.batch is not None for run in runs):
            sizes = [run.batch or (np.ones(len(run.length)),) * 3 for run in runs]
            in_piece, at_place, at_change = (np.concatenate(parts) for parts in zip(*sizes, strict=True))
            batch = in_piece, at_place, at_change
        return cls(length, rate, edge, turn, first, piece, part, points, runs[0].update, batch)

    def before(self, step: np.ndarray) -> Knots:
        """These of one run, for losses after other updates, shape (n,)."""
        at, places = step * self.update, np.cumsum(self.length)
        piece = np.minimum(np.searchsorted(places, at), len(places) - 1)
        part = np.clip(at - (places - self.length)[piece], 0.0, self.length[piece])
        return replace(self, piece=piece, part=part, points=np.array([0, len(step)]))

    def effective(self, exponent: float) -> Knots:
        """These, their rates times a power of the batch size."""
        if self.batch is None:
            return self
        rate, edge, turn = (size**exponent for size in self.batch)
        return replace(self, rate=self.rate * rate, edge=self.edge * edge, turn=self.turn * turn)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The measurements in blocks, each of one run."""
        blocks = []
        for run, begin in enumerate(self.first[:-1].tolist()):
            for low in range(self.points[run], self.points[run + 1], _ROWS):
                points = slice(low, min(low + _ROWS, int(self.points[run + 1])))
                last = self.piece[points] - begin
                slots = slice(begin, begin + int(last.max()) + 1)
                share = (np.arange(slots.stop - begin) < last[:, None]).astype(float)
                length = self.length[self.piece[points]]
                share[np.arange(len(last)), last] = np.where(
                    length > 0, self.part[points] / np.where(length > 0, length, 1.0), 1.0
                )
                blocks.append(Block(points, slots, last, share))
        return tuple(blocks)

    def sums(self, pace: np.ndarray) -> np.ndarray:
        """What has passed at a pace, shape (…, K), from the beginning of the run to each piece's, shape (…, K)."""
        whole = self.length * pace
        before = np.cumsum(whole, axis=-1) - whole
        return np.asarray(before - np.repeat(before[..., self.first[:-1]], np.diff(self.first), axis=-1))

    def passed(self, pace: np.ndarray, sums: np.ndarray) -> np.ndarray:
        """What has passed at a pace by each measurement, shape (…, n), from its sums."""
        return np.asarray(sums[..., self.piece] + self.part * pace[..., self.piece])

    @cached_property
    def middle(self) -> np.ndarray:
        """From the beginning of each piece to the middle of the changes in it, shape (K,)."""
        middle = (self.length + self.update) / 2
        middle[self.first[:-1]] = 0.0
        return middle

    def changes(self, values: np.ndarray) -> np.ndarray:
        """The change of values at places, shape (…, K), since the place before: the first of a run is from 0."""
        changes = values.copy()
        changes[..., 1:] -= values[..., :-1]
        changes[..., self.first[:-1]] = values[..., self.first[:-1]]
        return changes


def _in_pieces(rates: Rates, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values of each update: their mean in each piece, those at each place, and the means right after the changes."""
    updates, edge = np.diff(places), rates.at(places)
    means = (np.diff(rates.total(at)) / updates for at in (places, places + 1))
    rate, turn = (np.append(edge[0], mean) for mean in means)
    return rate, edge, turn


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
