"""Curves, tables and live progress in a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable
from types import TracebackType

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from glideslope.search.trials import Progress

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def curve(values: np.ndarray, width: int = 72, height: int = 14) -> str:
    """A curve in Braille characters, its axis from 0 to the largest value at the left."""
    top = float(values.max()) or 1.0
    canvas = np.zeros((height, width), dtype=int)
    columns = np.minimum(np.linspace(0, len(values) - 1, 2 * width).round().astype(int), len(values) - 1)
    for x, value in enumerate(values[columns]):
        y = round((1 - value / top) * (4 * height - 1))
        canvas[y // 4, x // 2] |= _DOTS[y % 4][x % 2]
    labels = {0: f"{top:.3g}", height - 1: "0"}
    lines = [f"{labels.get(i, ''):>9} ┤{''.join(chr(0x2800 + c) for c in row)}" for i, row in enumerate(canvas)]
    last = f"{len(values)} updates"
    return "\n".join([*lines, f"{'0':>12}{last:>{width - 2}}"])


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    """A table; numbers are written with four significant digits."""
    made = Table(title=title, title_justify="left")
    for i, column in enumerate(columns):
        made.add_column(column, justify="left" if i == 0 else "right")
    for row in rows:
        made.add_row(*map(cell, row))
    return made


def cell(value: object) -> str:
    """A value as a table shows it."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else "diverged" if value == math.inf else "–"
    return str(value)


class LiveProgress:
    """Shows a search while it runs, on standard error: a line for the run, with its bar and its loss."""

    def __init__(self) -> None:
        self.bar = Bar(
            TextColumn("{task.fields[stage]:<15}"), BarColumn(24), TextColumn("loss {task.fields[loss]:<8}"),
            TimeElapsedColumn(), TextColumn("{task.description}"), console=Console(stderr=True), transient=True,
            refresh_per_second=4,
        )  # fmt: skip
        self.task = self.bar.add_task("", stage="", loss="", total=1)

    def __enter__(self) -> LiveProgress:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def __call__(self, progress: Progress) -> None:
        self.bar.update(
            self.task, description=progress.what, completed=progress.done, total=progress.of,
            stage=progress.stage, loss=f"{progress.loss:.4g}",
        )  # fmt: skip
