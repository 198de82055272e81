"""Tables that people make of their runs, in their forms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

from glideslope.documents import shown
from glideslope.errors import LawError
from glideslope.laws.logs.column_names import COLUMNS, named
from glideslope.laws.logs.delimited import header, table
from glideslope.laws.logs.names import normal, ranked
from glideslope.laws.logs.source import Source
from glideslope.schedules.numbers import number

OF_LOSSES = ("params", "tokens", "batch", "peak_lr", "loss")  # the columns of a table of final losses
_MOST_BYTES = 2**24  # of such a table
_LOST = ("", "none", "<na>", "n/a", "na", "-", "diverged")  # what stands for no number


@dataclass(frozen=True)
class Rows:
    """A table, with the names of `COLUMNS`."""

    names: dict[str, str]  #: of each column that it has, the name there
    places: tuple[str, ...]  #: where each row is
    entries: tuple[Mapping[str, Any], ...]  #: the rows

    def value(self, row: int, column: str) -> float | None:
        """The number in a cell, such as 124e6 or 124M; None where it is empty. Raises a LawError for another cell."""
        cell = self.entries[row].get(column)
        try:
            lost = isinstance(cell, Real) and math.isnan(cell)
            return None if lost or str(cell).strip().lower() in _LOST else number(cell)
        except (TypeError, ValueError):
            name = self.names[column]
            raise LawError(
                f"{self.places[row]}, column {name}: {cell!r} is no number; write it as 124e6 or 124M; a lost value is "
                "empty"
            ) from None


def rows_of(rows: Any, needed: Sequence[str], also: Sequence[str] = ()) -> Rows:
    """The columns of a table by their names in `COLUMNS`.

    Args:
        rows: a file, a mapping for each row, or a mapping or data frame of columns.
        needed: the columns that it has.
        also: those that it may have.

    Raises:
        LawError: it is no table, has no rows, or lacks a column that is needed.

    >>> rows_of([{"Model size": "124M", "lr": 0.001}], ["params", "peak_lr"]).entries
    ({'params': '124M', 'peak_lr': 0.001},)
    """
    if isinstance(rows, str | Path):
        file = table(Source(Path(rows)))
        where, entries, places = str(rows), list(file.rows()), [f"{rows}, line {line}" for line in file.lines]
    else:
        where, entries = "the table", _by_rows(rows)
        places = [f"{where}, row {i}" for i in range(1, len(entries) + 1)]
    if not all(isinstance(row, Mapping) for row in entries):
        raise LawError(f"{shown(rows, 60)} is no table: give a file, or a mapping for each row")
    if not entries:
        raise LawError(f"{where} has no rows")
    every = dict.fromkeys(name for row in entries for name in row)
    chosen = named(every, (*needed, *also))
    if lacking := [column for column in needed if column not in chosen]:
        names = "; ".join(f"{column}, which may be named {', '.join(COLUMNS[column][:6])}" for column in lacking[:1])
        raise LawError(
            f"{where}: no column {names}; give {', '.join((*needed, *(f'maybe {name}' for name in also)))}; it has "
            f"{', '.join(map(str, every))}"
        )
    return Rows(
        chosen, tuple(places), tuple({column: row.get(name) for column, name in chosen.items()} for row in entries)
    )


def is_of_losses(path: Path) -> bool:
    """Whether a file is a table of final losses, of a run each: it has their sizes and tokens, and no column of the
    step, but maybe one of the updates of each run."""
    try:
        names = header(Source(path)) if path.is_file() and path.stat().st_size < _MOST_BYTES else []
    except LawError:
        return False
    steps = {normal(name) for name in ranked(names, "step")} - {*COLUMNS["steps"], "_step"}
    return not steps and {"params", "tokens", "loss"} <= named(names, OF_LOSSES).keys()


def _by_rows(rows: Any) -> list[Any]:
    """The rows of a table that may be a mapping, an array or a data frame of columns, and that may have an index."""
    rows = rows.collect() if hasattr(rows, "collect") else rows
    rows = rows.reset_index() if any(getattr(getattr(rows, "index", None), "names", ())) else rows
    names = getattr(rows, "column_names", getattr(rows, "columns", rows if isinstance(rows, Mapping) else None))
    names = getattr(getattr(rows, "dtype", None), "names", None) if names is None else list(names)
    if names is None:
        every = list(rows) if isinstance(rows, Iterable) and getattr(rows, "ndim", None) != 0 else [rows]
        return [dict(row) if hasattr(row, "keys") else row for row in every]
    if twice := [str(name) for i, name in enumerate(names) if name in names[:i]]:
        raise LawError(f"the table has two columns {twice[0]}: give one")
    try:
        columns = {name: list(rows[name]) for name in names if not isinstance(rows[name], str)}
    except TypeError:  # a mapping of numbers: one row
        return [rows]
    every = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=False)]
    return every if columns else [rows]
