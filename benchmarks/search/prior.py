"""What a search may know beforehand: the tables of other trainings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tables import Table


@dataclass(frozen=True, eq=False)
class Prior:
    """The tables of the families to which the job that is searched doesn't belong.

    Attributes:
        tables: of those jobs, in order of their names.
    """

    tables: tuple[Table, ...]


def priors(tables: Mapping[str, Table], families: Mapping[str, str]) -> dict[str, Prior]:
    """What may be known of each family: all tables but its own; one value for all its jobs, so that what is learned
    from it can be kept.

    Args:
        tables: by the name of the job.
        families: by the name of the job.
    """
    return {
        family: Prior(tuple(tables[name] for name in sorted(tables) if families[name] != family))
        for family in sorted({families[name] for name in tables})
    }
