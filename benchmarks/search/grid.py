"""Which runs of a job its table has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import glideslope as gs


@dataclass(frozen=True)
class Grid:
    """What every job is run with.

    Attributes:
        schedules: their texts.
        horizons: the updates of a run, shortest first.
        seeds: of the job.
    """

    schedules: tuple[str, ...] = (
        "constant()", "linear()", "cosine()", "one_cycle()", "hold() >> cooldown(20%)", "warmup(5%) >> linear()",
        "warmup(5%) >> cosine()", "warmup(5%) >> hold() >> cooldown(20%, shape=sqrt)",
    )  # fmt: skip
    horizons: tuple[int, ...] = (37, 75, 150, 300, 600)
    seeds: tuple[int, ...] = (0, 1, 2)

    def courses(self, peaks: np.ndarray) -> dict[tuple[int, int, int], np.ndarray]:
        """The rate of each update by the indices of the schedule, the peak and the horizon."""
        return {
            (i, j, k): float(peak) * gs.parse(schedule).over(updates).sample(updates)
            for i, schedule in enumerate(self.schedules)
            for j, peak in enumerate(peaks)
            for k, updates in enumerate(self.horizons)
        }


GRID = Grid()
QUICK = Grid(horizons=(37,), seeds=(0,))
