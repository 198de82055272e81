"""Logs of training as series by name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from glideslope.errors import LawError
from glideslope.laws import lines
from glideslope.laws.columns import Columns, of_large
from glideslope.laws.exports import Cell, of_charts, of_metrics, run_columns, run_of
from glideslope.laws.names import EPOCH, RATE, TRAINING, is_monitor, known, number, ranked
from glideslope.laws.steps import Steps
from glideslope.laws.tables import Table, has_header, of_text, text_of
from glideslope.laws.values import ByValue

Series = tuple[np.ndarray, np.ndarray]
"""Steps and the values at them, shape (n,) each."""
Log = dict[str, Series]
"""A run's series, by the name of the column or tag."""


@dataclass(frozen=True, eq=False)
class Part(ByValue):
    """What a file holds of a run.

    Attributes:
        file: the file, or the folder of event files.
        run: the run's name in it; "" where it has none.
        log: its series.
        whole: False for a chart or a metric, since other files may hold the rest of the run.
        notes: what was skipped, and which column was taken where several fit.
        table: the table of runs that names the file, if one does.
    """

    file: Path
    run: str
    log: Log
    whole: bool = True
    notes: tuple[str, ...] = ()
    table: Path | None = None


def table_of(file: Path) -> Table:
    """The rows of a file: a table, JSON, or what a script printed.

    Raises:
        LawError: it can't be read, or has no rows.
    """
    if (large := of_large(file)) is not None:
        return large
    text = text_of(file)
    table = lines.of_json(file, text) if text.lstrip()[0] in "{[" else None
    if table is None and file.suffix.lower() not in (".csv", ".tsv") and not has_header(text):
        table = lines.of_lines(text)
    return table or of_text(file, text)


def parts_of(file: Path, table: Table, loss: str | None = None, steps_per_epoch: float | None = None) -> list[Part]:
    """The runs, or the parts of runs, in a table.

    Args:
        file: the file that it is from.
        table: its rows.
        loss: the column of the loss, where the usual names don't tell.
        steps_per_epoch: updates in an epoch, for logs that count epochs only.

    Raises:
        LawError: it has no steps, or two columns of one run and metric.
    """
    export = of_charts(file, table, loss, steps_per_epoch) or of_metrics(file, table, loss, steps_per_epoch)
    if export is None and isinstance(table.rows, Columns) and not run_columns(table):
        return _of_numbers(file, table, table.rows, loss, steps_per_epoch)
    cells: Iterable[Cell]
    cells, notes = export or _of_columns(file, table, steps_per_epoch)
    logs: dict[str, dict[str, list[tuple[float, float]]]] = {}
    wanted: dict[str, bool] = {}
    lost = 0
    for run, name, at, value in cells:
        if value is None or not str(value).strip():
            continue
        if name not in wanted:
            wanted[name] = known(name, loss) or bool(ranked([name], EPOCH))
        if math.isfinite(at):
            points = logs.setdefault(run, {}).setdefault(name, [])
            if wanted[name]:  # of others the name is enough
                points.append((at, number(value)))
        elif wanted[name]:
            lost += math.isfinite(number(value))
    if not logs:
        raise LawError(f"{file}: no row has a step and a value")
    notes = (*table.notes, *notes, *_without_a_step(lost))
    return [
        counted(Part(file, run, {name: _series(points) for name, points in log.items()}, export is None, notes))
        for run, log in logs.items()
    ]


def _of_numbers(file: Path, table: Table, rows: Columns, loss: str | None, steps_per_epoch: float | None) -> list[Part]:
    """The one run in a large table of numbers with a series a column."""
    steps = Steps.of(file, rows, {column: column for column in table.columns}, steps_per_epoch)
    at = steps.of_all(rows)
    at.flags.writeable = False
    log: Log = {}
    lost = 0
    for name, values in rows.columns.items():
        measured, wanted = np.isfinite(values), known(name, loss) or bool(ranked([name], EPOCH))
        kept = measured & np.isfinite(at)
        lost += int((measured & ~kept).sum()) if wanted and name != steps.column else 0
        if name != steps.column and kept.any():
            whole = at, values
            log[name] = whole if wanted and kept.all() else (at[kept], values[kept]) if wanted else (at[:0], at[:0])
    if not log:
        raise LawError(f"{file}: no row has a step and a value")
    return [counted(Part(file, "", log, notes=(*table.notes, *steps.notes, *_without_a_step(lost))))]


def _without_a_step(lost: int) -> tuple[str, ...]:
    return (f"{lost} value{'s' if lost > 1 else ''} in rows without a step skipped",) if lost else ()


def counted(part: Part) -> Part:
    """The part with the updates made as steps: those of Lightning are the number of the update, from 0.

    Raises:
        LawError: the steps count anew in each epoch.
    """
    for name in ranked(part.log, EPOCH)[:1]:
        steps, epochs = part.log[name]
        again = np.diff(steps) < 0
        if again.any() and np.all(np.diff(epochs)[again] > 0):
            raise LawError(
                f"{part.file}: the steps begin anew in each epoch: add a column global_step, of all updates made"
            )
    monitors = [name for name in part.log if is_monitor(name)]
    regular = monitors or ranked(part.log, RATE) or ranked(part.log, TRAINING)
    if not (monitors or part.file.name == "metrics.csv") or not regular or not ranked(part.log, EPOCH):
        return part
    steps = np.unique(part.log[regular[0]][0]).astype(int)
    every = steps[0] == 1 and np.all(np.diff(steps) == 1)
    if every or np.gcd.reduce(steps) > np.gcd.reduce(steps + 1):  # it logs after each so many updates made
        return part
    note = f"Lightning counts updates from 0: its step {steps[-1]} is {steps[-1] + 1} updates made"
    log = {name: (at + 1, values) for name, (at, values) in part.log.items()}
    return replace(part, log=log, notes=(*part.notes, note))


def finite(series: Series) -> Series:
    """The points of a series whose value is a number."""
    kept = np.isfinite(series[1])
    return series if kept.all() else (series[0][kept], series[1][kept])


def same(one: Series, other: Series) -> bool:
    """Whether two series have the same steps and values."""
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True))


def _of_columns(file: Path, table: Table, steps_per_epoch: float | None) -> tuple[Iterator[Cell], tuple[str, ...]]:
    """The cells of a table with a series a column."""
    steps = Steps.of(file, table.rows, {column: column for column in table.columns}, steps_per_epoch)
    runs = run_columns(table)
    columns = [column for column in table.columns if column not in (*runs, steps.column)]

    def cells() -> Iterator[Cell]:
        for row in table.rows:
            run, at = run_of(row, runs), steps.at(row)
            for column in columns:
                yield run, column, at, row.get(column)

    return cells(), steps.notes


def _series(points: list[tuple[float, float]]) -> Series:
    array = np.array(points, dtype=float).reshape(-1, 2)
    return array[:, 0], array[:, 1]
