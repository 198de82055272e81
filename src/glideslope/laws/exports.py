"""Exports of charts and metrics: files that hold a series of a run, or the same series of several runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from glideslope.errors import LawError
from glideslope.laws.names import RATE, STEP, known, normal, plain, ranked
from glideslope.laws.steps import Steps
from glideslope.laws.tables import Row, Table

RUN = ("run_name", "run", "run_id", "experiment_id")
KEY = ("key", "metric", "metric_name", "tag")
VALUE = ("value", "metric_value")

Cell = tuple[str, str, float, Any]
"""A run, the name of a series of it, a step, and the value there."""

_OF_TENSORBOARD = re.compile(r"run-(.*)-tag-(.*)")
"""The name of a file that TensorBoard's page has exported."""


def of_charts(
    file: Path, table: Table, loss: str | None, steps_per_epoch: float | None
) -> tuple[list[Cell], tuple[str, ...]] | None:
    """The cells of an export of charts, with columns "run - metric", and notes; None if the table is none.

    Raises:
        LawError: it has no steps, or two columns of one run and metric that differ.
    """
    charts = {} if has_loss(table, loss) else _charts(file, table, loss)
    if not any(known(metric, loss) for _, metric in charts.values()):
        return None
    axes = {
        column: "_step" if column.strip() == "Step" else column  # W&B's name of it
        for column in table.columns
        if " - " not in column
    }
    cells: list[Cell] = []
    notes: dict[str, None] = {}
    for run in dict.fromkeys(run for run, _ in charts.values()):
        metrics = {column: metric for column, (name, metric) in charts.items() if name == run}
        steps = Steps.of(file, table.rows, axes | metrics, steps_per_epoch)  # a run may have a chart of its steps
        notes |= dict.fromkeys(steps.notes)
        cells += [(run, metrics[column], steps.at(row), row.get(column)) for row in table.rows for column in metrics]
    return cells, tuple(notes)


def of_metrics(
    file: Path, table: Table, loss: str | None, steps_per_epoch: float | None
) -> tuple[list[Cell], tuple[str, ...]] | None:
    """The cells of an export with a metric a row, named by a column or by the file, and notes; None if it is none.

    Raises:
        LawError: it has no steps.
    """
    values = [] if has_loss(table, loss) else ranked(table.columns, VALUE)
    keys = [key for key in ranked(table.columns, KEY) if any(known(str(row.get(key)), loss) for row in table.rows)]
    match = _OF_TENSORBOARD.fullmatch(file.stem)
    if not values or not (keys or match):
        return None
    steps = Steps.of(file, table.rows, {column: column for column in table.columns}, steps_per_epoch)
    runs = run_columns(table)
    cells: list[Cell] = []
    for row in table.rows:
        run, metric = (run_of(row, runs), str(row.get(keys[0]))) if keys or not match else (match[1], match[2])
        cells.append((run, metric, steps.at(row), row.get(values[0])))
    return cells, steps.notes


def has_loss(table: Table, loss: str | None) -> bool:
    """Whether a column of a table is a loss."""
    return any(known(column, loss) and not ranked([column], RATE) for column in table.columns)


def run_columns(table: Table) -> list[str]:
    """The columns that tell runs apart."""
    return [column for column in table.columns if normal(column) in RUN]


def run_of(row: Row, columns: list[str]) -> str:
    """The run of a row, by all the columns that tell runs apart."""
    return " ".join(str(row.get(column) or "").strip() for column in columns).strip()


def _charts(file: Path, table: Table, loss: str | None) -> dict[str, tuple[str, str]]:
    """The run and the metric of each column that is a chart's."""
    charts: dict[str, tuple[str, str]] = {}
    for column in table.columns:
        run, separator, metric = plain(column).rpartition(" - ")
        if not separator or not (known(metric, loss) or ranked([metric], STEP)):
            continue
        twin = next((other for other, chart in charts.items() if chart == (run, metric)), None)
        if twin is None:
            charts[column] = run, metric
        elif any(str(row.get(column)) != str(row.get(twin)) for row in table.rows):
            raise LawError(
                f"{file}: two columns are named {plain(column)!r}, so two runs have one name: rename one of them"
            )
    return charts
