"""What files hold of a run, as series of steps and values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glideslope.laws.values import ByValue

Series = tuple[np.ndarray, np.ndarray]  # steps and the values at them, shape (n,) each
Log = dict[str, Series]  # a run's series, by the name of the column or tag


@dataclass(frozen=True, eq=False)
class Part(ByValue):
    """What a file holds of a run."""

    file: Path  # the file, or the folder of event files
    run: str  # the run's name in it; "" where it has none
    log: Log  # its series
    whole: bool = True  # False for a chart or a metric, since other files may hold the rest of the run
    notes: tuple[str, ...] = ()  # what was skipped, and which column was taken where several fit
    table: Path | None = None  # the table of runs that names the file, if one does


def finite(series: Series) -> Series:
    """The points of a series whose value is a number."""
    kept = np.isfinite(series[1])
    return series if kept.all() else (series[0][kept], series[1][kept])


def same(one: Series, other: Series) -> bool:
    """Whether two series have the same steps and values."""
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True))
