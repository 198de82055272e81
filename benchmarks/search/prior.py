"""What a search may know beforehand: the tables of other trainings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jobs.registry import Optimizing
from tables import Table


@dataclass(frozen=True, eq=False)
class Prior:
    """The tables of the families to which the job that is searched doesn't belong.

    Attributes:
        tables: of those jobs, in order of their names.
        optimized: how they are, in the same order.
    """

    tables: tuple[Table, ...]
    optimized: tuple[Optimizing, ...] = ()

    def start(self, job: Optimizing | None, schedule: str) -> float:
        """The usual peak of a job times the median, over the jobs with the same kind of optimizer, of the best peak of
        a schedule over the usual one; of another kind, or an unknown one, the median of the best peaks of all."""
        best = [table.peaks[table.losses[table.schedules.index(schedule), :, -1].mean(axis=-1).argmin()]
                for table in self.tables]  # fmt: skip
        kinds = zip(best, self.optimized, strict=True) if job else ()
        alike = [peak / one.usual for peak, one in kinds if job and one.kind == job.kind]
        return float(np.exp(np.median(np.log(alike or best)))) * (job.usual if job and alike else 1.0)


def priors(
    tables: Mapping[str, Table], families: Mapping[str, str], optimized: Mapping[str, Optimizing]
) -> dict[str, Prior]:
    """What may be known of each family: all tables but its own; one value for all its jobs, so that what is learned
    from it can be kept.

    Args:
        tables: by the name of the job.
        families: by the name of the job.
        optimized: how they are, by the name of the job.
    """
    return {
        family: Prior(tuple(tables[name] for name in others), tuple(optimized[name] for name in others))
        for family in sorted({families[name] for name in tables})
        for others in [[name for name in sorted(tables) if families[name] != family]]
    }
