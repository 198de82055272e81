"""What a search may know beforehand: the tables of other trainings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from tables import Table

from glideslope.search.jobs.start import kind


@dataclass(frozen=True, eq=False)
class Prior:
    """The tables of the families to which the job that is searched doesn't belong.

    Attributes:
        tables: of those jobs, in order of their names.
        optimizers: the names of their optimizers' classes, in the same order.
    """

    tables: tuple[Table, ...]
    optimizers: tuple[str, ...] = ()

    def start(self, optimizer: str | None, schedule: str) -> float:
        """The median of the best peaks of a schedule, over the jobs with the same kind of optimizer, or over all."""
        kinds = [kind(name) for name in self.optimizers]
        alike = [table for table, one in zip(self.tables, kinds, strict=True) if one == kind(optimizer)]
        peaks = [table.peaks[table.losses[table.schedules.index(schedule), :, -1].mean(axis=-1).argmin()]
                 for table in alike or self.tables]  # fmt: skip
        return float(np.exp(np.median(np.log(peaks))))


def priors(tables: Mapping[str, Table], families: Mapping[str, str], optimizers: Mapping[str, str]) -> dict[str, Prior]:
    """What may be known of each family: all tables but its own; one value for all its jobs, so that what is learned
    from it can be kept.

    Args:
        tables: by the name of the job.
        families: by the name of the job.
        optimizers: the names of their classes, by the name of the job.
    """
    return {
        family: Prior(tuple(tables[name] for name in others), tuple(optimizers[name] for name in others))
        for family in sorted({families[name] for name in tables})
        for others in [[name for name in sorted(tables) if families[name] != family]]
    }
