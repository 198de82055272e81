"""A table as a training: the runs that a search asks for are looked up, and their updates counted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jobs.registry import Optimizing
from surface import Surface
from tables import Table


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        loss: the final validation loss, infinite where the run diverged, NaN where it isn't made to its end.
        curve: means of the training loss over its parts of equal length; infinite from where it diverged, NaN where it
            isn't made.
        cost: the updates made for it, without those that were made before.
    """

    loss: float
    curve: np.ndarray
    cost: int


class Played:
    """A table played as a training.

    A search numbers the seeds of its runs from 0 up, and each number gets one of the table's seeds, drawn anew for each
    `Played`. So runs with one number differ in their rates only, as those of a user who fixes the seed. Where the table
    has a single seed, all runs have that one: there is no noise.

    Attributes:
        surfaces: the results of each seed of the table.
        updates: made so far; a run that was begun before goes on where it was.
        draw: a number of its own, from which whatever else is random is drawn.

    Args:
        table: the table, or the surfaces of its seeds.
        seed: of the draws.
        job: how it is optimized, which a search may know.
    """

    def __init__(
        self, table: Table | tuple[Surface, ...], seed: int | tuple[int, ...], job: Optimizing | None = None
    ) -> None:
        self.surfaces = surfaces(table) if isinstance(table, Table) else table
        self.job = job
        self.updates = 0
        self._rng = np.random.default_rng(seed)
        self.draw = int(self._rng.integers(2**62))
        self._drawn: dict[int, Surface] = {}
        self._made: dict[tuple[str, float, int, int], int] = {}

    @property
    def schedules(self) -> tuple[str, ...]:
        """The texts of the schedules to choose from."""
        return self.surfaces[0].table.schedules

    @property
    def horizon(self) -> int:
        """The updates of the full run that the search is for."""
        return self.surfaces[0].table.horizons[-1]

    def run(self, schedule: str, peak: float, horizon: int, *, seed: int = 0, until: int | None = None) -> Outcome:
        """A run from the untrained weights.

        One that diverges ends in the part of its curve in which it does. One at a peak above the table's is made as far
        as that at the highest.

        Args:
            schedule: its text.
            peak: the peak rate.
            horizon: of the schedule, in updates.
            seed: the number of the seed.
            until: make no more than so many of its updates.

        Raises:
            SearchError: the table has no such schedule, or the horizon is out of reach.
        """
        surface = self.surface(seed)
        loss, curve = surface.end(schedule, peak, horizon)
        last = horizon if until is None else min(until, horizon)
        made = min(last, _finite_updates(surface, schedule, peak, horizon, curve))
        key = schedule, peak, horizon, seed
        cost = max(made - self._made.get(key, 0), 0)
        self._made[key] = self._made.get(key, 0) + cost
        self.updates += cost
        if last < horizon:
            loss, curve = math.nan, np.where(np.arange(1, len(curve) + 1) * horizon <= last * len(curve), curve, np.nan)
        return Outcome(loss, curve, cost)

    def surface(self, seed: int) -> Surface:
        """The results that runs with this number of a seed have."""
        if seed not in self._drawn:
            self._drawn[seed] = self.surfaces[int(self._rng.integers(len(self.surfaces)))]
        return self._drawn[seed]


def surfaces(table: Table) -> tuple[Surface, ...]:
    """The results of each seed of a table."""
    return tuple(Surface(table, i) for i in range(len(table.seeds)))


def _finite_updates(surface: Surface, schedule: str, peak: float, horizon: int, curve: np.ndarray) -> int:
    """The updates that a run with this curve makes before it has diverged."""
    highest = float(surface.table.peaks[-1])
    if peak > highest:
        curve = surface.end(schedule, highest, horizon)[1]
    lost = np.flatnonzero(np.isinf(curve))
    return math.ceil(horizon * (int(lost[0]) + 1) / len(curve)) if len(lost) else horizon
