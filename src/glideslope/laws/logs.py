"""Logs of training: CSV tables, exports of W&B and MLflow, and TensorBoard's event files, as series by name."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np

from glideslope.errors import LawError

STEP = ("step", "_step", "global_step", "trainer/global_step", "update", "updates", "iteration", "iter")
RUN = ("run_id", "run", "run_name", "experiment_id")
KEY = ("key", "metric", "metric_name")

Series = tuple[np.ndarray, np.ndarray]
"""Steps and the values at them, shape (n,) each."""
Log = dict[str, Series]
"""A run's series, by the name of the column or tag."""
Row = dict[str, str]


def of_rows(file: Path, rows: list[Row]) -> tuple[dict[str, Log], bool]:
    """The logs in a CSV file, by the run's name ("" where it has none), and whether they are parts of runs: an export
    of one chart or metric has the same runs as that of another.

    Raises:
        LawError: it has no steps.
    """
    columns = {name.lower(): name for name in rows[0] if name}
    step = _first(columns, STEP)
    if step is None:
        raise LawError(
            f"{file} has no column of the step ({', '.join(STEP[:4])}): it has {', '.join(map(repr, columns.values()))}"
        )
    run, key = _first(columns, RUN), _first(columns, KEY)
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}

    def add(name: str, column: str, row: Row, value: str | None) -> None:
        at = number(row.get(step))
        if (value or "").strip() and math.isfinite(at):
            found.setdefault(name, {}).setdefault(column, []).append((at, number(value)))

    charts = [name for name in columns.values() if " - " in name and not name.endswith(("__MIN", "__MAX"))]
    for row in rows:
        name = (row.get(run) or "") if run else ""
        if key is not None and "value" in columns:
            add(name, row.get(key) or "", row, row.get(columns["value"]))
        elif charts:
            for chart in charts:
                own, _, metric = chart.rpartition(" - ")
                add(own, metric, row, row.get(chart))
        else:
            for column in columns.values():
                if column not in (step, run):
                    add(name, column, row, row.get(column))
    if not found:
        raise LawError(f"{file}: no row has a step and a value")
    logs = {
        name: {column: (np.array(points)[:, 0], np.array(points)[:, 1]) for column, points in log.items()}
        for name, log in found.items()
    }
    return logs, bool(charts) or key is not None


def read_rows(file: Path) -> list[Row]:
    """The rows of a CSV file.

    Raises:
        LawError: it can't be read, or has none.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            rows = list(csv.DictReader(opened))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LawError(f"{file} can't be read: {error}") from None
    if not rows:
        raise LawError(f"{file} has no rows under its header")
    return rows


def of_events(folder: Path) -> Log:
    """The scalars in a folder of TensorBoard's event files.

    Raises:
        LawError: TensorBoard isn't installed, or the files can't be read.
    """
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from tensorboard.util.tensor_util import make_ndarray
    except ModuleNotFoundError:
        raise LawError(f"{folder}: TensorBoard's logs need it: pip install 'glideslope[tensorboard]'") from None
    try:
        events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0}).Reload()
        tags = events.Tags()
        found = {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in tags["scalars"]}
        for tag in tags["tensors"]:  # what TensorFlow 2 writes for a scalar
            values = [(event.step, make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)]
            if all(value.shape == () and value.dtype.kind in "fiu" for _, value in values):
                found[tag] = [(step, float(value)) for step, value in values]
    except Exception as error:  # whatever damaged files make it raise
        raise LawError(f"{folder} can't be read as TensorBoard's logs: {error}") from None
    return {tag: (np.array(points)[:, 0], np.array(points)[:, 1]) for tag, points in found.items() if points}


def number(text: str | None) -> float:
    """The number in a cell; NaN if there is none."""
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def _first(columns: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((columns[name] for name in names if name in columns), None)
