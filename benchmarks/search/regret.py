"""How far what a search chose is from the best of a table."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from surface import Surface
from tables import Table


@dataclass(frozen=True)
class Scale:
    """What a loss of a job is worth.

    Attributes:
        best: the least mean loss of full runs in the table.
        untrained: the loss before any update.
        noise: the standard deviation of the loss of the best over the seeds; NaN where there is one seed.
        positive: whether all losses are positive, so that they have a ratio.
    """

    best: float
    untrained: float
    noise: float
    positive: bool

    @classmethod
    def of(cls, table: Table) -> Scale:
        """That of a table's job."""
        losses = np.append(table.losses, table.untrained)
        return cls(table.best, float(table.untrained.mean()), table.noise, bool((losses > 0).all()))

    def regret(self, loss: float) -> float:
        """1 for the best, and for what is within noise of it; the untrained loss for what ends above that, or diverged.

        loss/best; where losses may be 0 or less, 1 + (loss - best)/(untrained - best), so 2 for the untrained.
        """
        loss = min(loss, self.untrained)
        if loss <= self.best or (math.isfinite(self.noise) and loss - self.best <= self.noise):
            return 1.0
        return loss / self.best if self.positive else 1 + (loss - self.best) / (self.untrained - self.best)


def mean_loss(surfaces: tuple[Surface, ...], schedule: str, peak: float) -> float:
    """The mean over the seeds of the final loss of a full run; infinite where one diverges.

    A schedule that stops, `S.over(n) >> constant(0)`, ends as a run of n updates does.
    """
    horizon = surfaces[0].table.horizons[-1]
    if stopped := re.fullmatch(r"(.*)\.over\((\d+)\) >> constant\(0\)", schedule):
        schedule, horizon = stopped[1], int(stopped[2])
    return float(np.mean([surface.end(schedule, peak, horizon)[0] for surface in surfaces]))


def sweep_by_one_seed(table: Table) -> list[float]:
    """The regret of an exhaustive sweep that knows one seed, for each seed: of the setting whose full run ends lowest
    there, by its mean over the other seeds; none where there is one seed.
    """
    ends, scale = table.losses[:, :, -1].reshape(-1, len(table.seeds)), Scale.of(table)
    seeds = range(len(table.seeds)) if len(table.seeds) > 1 else ()
    return [scale.regret(float(np.delete(ends[ends[:, seed].argmin()], seed).mean())) for seed in seeds]
