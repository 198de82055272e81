"""A format of logs, and the named columns that it makes of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glideslope.laws.logs.names import number
from glideslope.laws.logs.source import Source

Row = dict[str, Any]  # the cells of a row by the name of their column: text, or numbers
Cells = Sequence[Any] | np.ndarray
"""The cells of a column: text, numbers and None; or an array of numbers, NaN where a cell is empty."""
Columns = Mapping[str, Cells]


@dataclass(frozen=True, eq=False)
class Table:
    """Named columns of a file."""

    columns: Columns  # all of one length
    run: str = ""  # the run that they are of; "" where the file doesn't say
    whole: bool = True  # False for a chart or a metric, since other files may hold the rest of the run
    notes: tuple[str, ...] = ()  # what was skipped
    lines: tuple[int, ...] = ()  # of the file, that the rows end on; none where there are no lines

    def rows(self) -> Iterator[Row]:
        """The rows, each as its cells by column."""
        return (dict(zip(self.columns, cells, strict=True)) for cells in zip(*self.columns.values(), strict=True))


@dataclass(frozen=True)
class Format:
    """A format of logs. A new one is such a value, in `formats.FORMATS` or `scripts.FORMATS`."""

    name: str  # what it is called in messages
    tables: Callable[[Source], list[Table] | None]
    """The named columns in a file of it; None where what the file holds shows that it is of another format."""


def of_rows(rows: Sequence[Row], notes: tuple[str, ...] = ()) -> Table:
    """The table of some rows, which need not have the same columns."""
    names = dict.fromkeys(name for row in rows for name in row)
    return Table({name: [row.get(name) for row in rows] for name in names}, notes=notes)


def numbers(cells: Cells) -> np.ndarray:
    """The numbers in a column, shape (n,); NaN where a cell holds none."""
    if isinstance(cells, np.ndarray):
        return cells
    return np.array([number(cell) for cell in cells], dtype=float)


def filled(cells: Cells) -> np.ndarray:
    """Which cells of a column hold anything, shape (n,)."""
    if isinstance(cells, np.ndarray):
        return np.asarray(np.isfinite(cells))
    return np.array([cell is not None and bool(str(cell).strip()) for cell in cells], dtype=bool)
