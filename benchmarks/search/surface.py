"""The results of one seed of a job at any peak rate and horizon: those of its table, and what lies between them."""

from __future__ import annotations

import math

import numpy as np
from tables import Table

import glideslope as gs

SHORTEST = 10
"""Updates of the shortest run that can be looked up."""


class Surface:
    """One seed of a table, interpolated in the logarithms of the peak and of the horizon.

    Outside the grid:

    - A peak below the lowest ends as the lowest does at a horizon with the same sum of rates. On the tables, this gives
      the results at the lowest peak from those at twice and four times it with a mean error of 2% and 5% of what
      training gains. A gain in proportion to the peak has an error of 21%, to its square root 14%.
    - A peak above the highest diverges.
    - A horizon below the shortest gains the part of the shortest run's gain that its training loss has fallen by then,
      or in proportion to the horizon where that doesn't fall. On the tables, 37 updates from runs of 75 and 150 have a
      mean error of 9%, the median 6%; a gain in proportion to the horizon 23%, to its square root 17%.

    A point whose neighbour diverged diverges where that is the nearer one; elsewhere it has the other's results.

    Args:
        table: the table.
        seed: the index of the seed in it.
    """

    def __init__(self, table: Table, seed: int) -> None:
        self.table = table
        self.untrained = float(table.untrained[seed])
        # The final loss and the curve, shape (schedules, peaks, horizons, 1 + parts).
        self._results = np.concatenate([table.losses[..., seed, None], table.curves[..., seed, :]], axis=-1)
        self._log_peaks = [math.log(peak) for peak in table.peaks]
        self._log_horizons = [math.log(horizon) for horizon in table.horizons]
        self._level = float(self._results[:, 0, 0, 1].mean())  # the training loss of the first updates, hardly trained
        parts = self._results.shape[-1] - 1
        self._middles = (np.arange(parts) + 0.5) / parts
        self._times = np.concatenate([[0.0], self._middles])

    def end(self, schedule: str, peak: float, horizon: float) -> tuple[float, np.ndarray]:
        """How a run ends: the final validation loss, infinite where it diverges; means of the training loss of parts.

        Raises:
            SearchError: the table has no such schedule, or the horizon is out of reach.
        """
        if schedule not in self.table.schedules:
            raise gs.SearchError(f"the tables have no {schedule}: choose from {', '.join(self.table.schedules)}")
        if not SHORTEST <= horizon <= self.table.horizons[-1]:
            raise gs.SearchError(f"a run of {horizon} updates: give {SHORTEST} to {self.table.horizons[-1]}")
        if not (math.isfinite(peak) and peak > 0):
            raise gs.SearchError(f"a peak rate of {peak}: it must be positive")
        results = self._at(self.table.schedules.index(schedule), peak, horizon)
        return float(results[0]), results[1:]

    def curves(self, schedule: str) -> np.ndarray:
        """Those of the table, shape (peaks, horizons, parts)."""
        return self._results[self.table.schedules.index(schedule), ..., 1:]

    def _at(self, schedule: int, peak: float, horizon: float) -> np.ndarray:
        lowest, highest = float(self.table.peaks[0]), float(self.table.peaks[-1])
        if peak > highest:
            return np.full(self._results.shape[-1], np.inf)
        if peak < lowest:
            return self._at(schedule, lowest, horizon * peak / lowest)
        if horizon < self.table.horizons[0]:
            return self._begun(self._at(schedule, peak, self.table.horizons[0]), horizon / self.table.horizons[0])
        j, right = _place(math.log(peak), self._log_peaks)
        k, longer = _place(math.log(horizon), self._log_horizons)
        grid = self._results[schedule]
        by_peak = between(grid[j, k : k + 2], grid[j + 1, k : k + 2], right)
        return between(by_peak[0], by_peak[1], longer)

    def _begun(self, results: np.ndarray, share: float) -> np.ndarray:
        """The results of a run of a share of the updates."""
        curve = np.concatenate([[self._level], results[1:]])
        short = _interpolated(share * self._middles, self._times, curve)
        fallen, fall = self._level - _interpolated(np.array([share]), self._times, curve)[0], self._level - curve[-1]
        gained = min(max(fallen / fall, 0.0), 1.0) if math.isfinite(fallen) and 0 < fall < math.inf else share
        return np.concatenate([[self.untrained + gained * (results[0] - self.untrained)], short])


def between(left: np.ndarray, right: np.ndarray, share: float) -> np.ndarray:
    """Values at a share of the way from the left to the right; where one is infinite, those of the nearer, or finite.

    >>> between(np.array([1.0, 1.0, np.inf]), np.array([2.0, np.inf, 3.0]), 0.25)
    array([1.25, 1.  ,  inf])
    """
    with np.errstate(invalid="ignore"):
        mixed = (1 - share) * left + share * right
    nearer = left if share < 0.5 else right
    other = np.where(np.isinf(left), right, left)
    lost = np.where(np.isinf(nearer) | (share == 0.5), np.inf, other)
    return np.where(np.isinf(left) | np.isinf(right), lost, mixed)


def _place(value: float, points: list[float]) -> tuple[int, float]:
    """The index of the point to the left, and the share of the way from it to the next."""
    k = next((k for k, point in enumerate(points[1:-1]) if value < point), len(points) - 2)
    return k, min(max((value - points[k]) / (points[k + 1] - points[k]), 0.0), 1.0)


def _interpolated(places: np.ndarray, points: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Linear between points; infinite from the last finite one on."""
    with np.errstate(invalid="ignore"):
        result = np.interp(places, points, values)
    return np.where(np.isnan(result), np.inf, result)
