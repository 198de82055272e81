"""A table as a job for range tests: updates at rates that rise geometrically."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from played import Played
from runs import curve
from surface import Surface, between

LONGEST = 1000
"""Updates for which the noise of batches is drawn."""


class Sweep:
    """The training loss of one seed in a sweep, estimated from its runs at constant rates: the tables have no sweeps.

    The fall at a rate r is that of the run at r with the same sum of rates, since the last few rates of a geometric
    sweep are most of its sum. The fall is against the run at the lowest peak, which has the same batches: so their
    noise, the same at all rates, drops out. The fall of the lowest itself is the difference to the next, at twice its
    rate; below, it is in proportion to the rate. At rates above the highest peak the loss isn't finite.

    Attributes:
        noise: the standard deviation of the loss of a batch: by how far the losses of the run at the lowest peak lie
            from the mean of their neighbours.

    Args:
        surface: the results of the seed.
    """

    def __init__(self, surface: Surface) -> None:
        table = surface.table
        self._peaks, self._horizons = table.peaks, np.array(table.horizons)
        self._curves = surface.curves("constant()")
        parts = self._curves.shape[-1]
        self._times = [(np.arange(parts) + 0.5) / parts * horizon for horizon in table.horizons]
        lowest = self._curves[0, 0]
        self.level = float(lowest.mean())
        # What a part's mean less that of its neighbours is of independent losses.
        weights = np.stack([curve(list(row), len(row)) for row in np.eye(table.horizons[0])], axis=1)
        weights = weights[1:-1] - (weights[:-2] + weights[2:]) / 2
        apart = lowest[1:-1] - (lowest[:-2] + lowest[2:]) / 2
        self.noise = float(np.sqrt(np.mean(apart**2) / np.mean(np.sum(weights**2, axis=1))))

    def loss(self, rate: float, total: float) -> float:
        """The training loss without noise at a rate where the rates so far have this sum."""
        peaks, updates = self._peaks, total / rate
        if rate > peaks[-1]:
            return math.inf
        k = min(int(np.searchsorted(self._horizons, updates)), len(self._horizons) - 1)
        lowest = np.interp(updates, self._times[k], self._curves[0, k])
        first = np.interp(updates, self._times[k], self._curves[1, k]) - lowest
        first = min(float(first), 0.0) * min(updates / self._times[k][0], 1.0)
        if rate <= peaks[1]:
            return self.level + first * float(rate / peaks[0])
        j = min(int(np.searchsorted(peaks, rate)) - 1, len(peaks) - 2)
        falls = [_finite_interp(updates, self._times[k], self._curves[i, k]) - lowest for i in (j, j + 1)]
        fall = between(*map(np.asarray, falls), math.log(rate / peaks[j]) / math.log(peaks[j + 1] / peaks[j]))
        return self.level + first + float(fall) * min(updates / self._times[k][0], 1.0)


@functools.cache
def sweep_of(surface: Surface) -> Sweep:
    """The sweep of a seed, made once."""
    return Sweep(surface)


class Sweeping:
    """A job whose every update is one of a sweep; the noise of its batches is drawn, for each data order anew.

    Args:
        played: the table. Who drives the job counts its updates.
    """

    def __init__(self, played: Played) -> None:
        self._played, self._seed, self._sum, self._made = played, 0, 0.0, 0
        self.optimizer = type((played.job and played.job.kind) or "unknown", (), {})()
        self._orders: dict[int, tuple[Sweep, np.ndarray]] = {}

    def step(self, lr: float) -> float:
        """The training loss of an update."""
        if self._seed not in self._orders:
            sweep = sweep_of(self._played.surface(0))
            noise = np.random.default_rng((self._played.draw, self._seed)).standard_normal(LONGEST)
            self._orders[self._seed] = sweep, noise * sweep.noise
        sweep, noise = self._orders[self._seed]
        loss = sweep.loss(lr, self._sum + lr) + noise[self._made % LONGEST]
        self._sum, self._made = self._sum + lr, self._made + 1
        return float(loss)

    def evaluate(self) -> float:
        """The validation loss before any update."""
        return self._played.surface(0).untrained

    def state(self) -> tuple[int, float, int]:
        """Where the sweep is."""
        return self._seed, self._sum, self._made

    def restore(self, state: Any) -> None:
        """Goes back to where it was."""
        self._seed, self._sum, self._made = state

    def reseed(self, seed: int) -> None:
        """Takes the batches in another order."""
        self._seed = seed


def _finite_interp(place: float, points: np.ndarray, values: np.ndarray) -> float:
    with np.errstate(invalid="ignore"):
        value = float(np.interp(place, points, values))
    return math.inf if math.isnan(value) else value
