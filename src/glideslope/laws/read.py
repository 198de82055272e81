"""Reading loss curves as people have them: CSV files, run directories, exports of W&B and MLflow."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from glideslope.errors import LawError
from glideslope.laws.run import Run, last_segments

STEP = ("step", "_step", "global_step", "trainer/global_step", "update", "updates", "iteration", "iter")
RATE = ("lr", "learning_rate", "learning rate", "train/learning_rate", "train/lr", "lr-adamw", "optimizer/lr")
LOSS = (
    "loss", "train/loss", "train_loss", "training loss", "val_loss", "validation loss", "val/loss", "eval/loss",
    "eval_loss",
)  # fmt: skip

Row = dict[str, str]

_MOST_STEPS = 1e9


def read(paths: Iterable[Path | str], *, loss: str | None = None, warm: int | None = None) -> list[Run]:
    """The runs in files.

    A CSV file has a row for each measurement, with columns for the step, the rate and the loss under any of their usual
    names, and may have one, `run`, that tells runs apart; a folder is one that `race` or `tune` left, or holds such
    files. Exports of MLflow (key, value, step) and of W&B's charts ("name - metric") are read too.

    Rates between two logged ones are on a straight line; before the first logged one the rate rises straight from 0
    over the warmup, and is the first logged otherwise.

    Args:
        paths: files and folders.
        loss: the column of the loss, where there are several.
        warm: updates of the warmup, which logs often miss.

    Raises:
        LawError: a file can't be read, or lacks a column: those it has are named.
    """
    files = [file for path in map(Path, paths) for file in (_in_folder(path) if path.is_dir() else [path])]
    runs = [run for file in files for run in _of_file(file, loss, warm)]
    if not runs:
        raise LawError("no runs: give CSV files with the columns step, lr and loss, or folders with such files")
    return runs


def _in_folder(folder: Path) -> list[Path]:
    found = [folder / "runs.csv"] if (folder / "runs.csv").is_file() else sorted(folder.glob("*.csv"))
    if not found:
        logs = any(folder.rglob("events.out.tfevents*"))
        hint = "TensorBoard's logs must be exported to CSV first" if logs else "there is no CSV file"
        raise LawError(f"{folder}: {hint}")
    return found


def _of_file(file: Path, loss: str | None, warm: int | None) -> list[Run]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            rows = list(csv.DictReader(opened))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LawError(f"{file} can't be read: {error}") from None
    if not rows:
        raise LawError(f"{file} has no rows under its header")
    if {"key", "value", "step"} <= rows[0].keys():
        rows = _wide(rows)
    step = _column(file, rows, STEP, "step")
    charts = {name.rpartition(" - ")[0] for name in rows[0] if " - " in name}
    if charts:
        return [_run(file, name, rows, step, loss, warm, f"{name} - ") for name in sorted(charts)]
    names = dict.fromkeys(row.get("run") or "" for row in rows)
    return [
        _run(file, name, [row for row in rows if (row.get("run") or "") == name], step, loss, warm, "")
        for name in names
    ]  # fmt: skip


def _run(file: Path, name: str, rows: list[Row], step: str, loss: str | None, warm: int | None, prefix: str) -> Run:
    own = [{key.removeprefix(prefix): value for key, value in row.items() if key} for row in rows]
    called = f"{file.stem}{f' {name}' if name else ''}"
    rate = _column(file, own, RATE, "lr")
    measured = _column(file, own, (loss,) if loss else LOSS, "loss")
    steps, rates, losses = (np.array([_number(row.get(column)) for row in own]) for column in (step, rate, measured))
    told = np.isfinite(steps) & (np.isfinite(rates) | np.isfinite(losses))
    steps, rates, losses = steps[told], rates[told], losses[told]
    known = np.isfinite(rates)
    if not known.any() or steps.max() < 1:
        raise LawError(f"{called}: no row has a step and a rate")
    if steps.max() > _MOST_STEPS:
        raise LawError(f"{called}: a step of {steps.max():g}; at most {_MOST_STEPS:g} can be read")
    kept = last_segments(steps[known])
    logged, at = steps[known][kept], rates[known][kept]
    updates = np.arange(math.ceil(steps.max()))
    lr = np.interp(updates, logged, at)
    if warm:
        lr = np.where(updates < warm, np.interp(warm, logged, at) * updates / warm, lr)
    return Run(lr, steps, losses, name=called)


def _column(file: Path, rows: list[Row], names: tuple[str, ...], what: str) -> str:
    by_lower = {key.lower(): key for key in rows[0] if key}
    for name in names:
        if name.lower() in by_lower:
            return by_lower[name.lower()]
    has = ", ".join(map(repr, by_lower.values()))
    raise LawError(f"{file} has no column of the {what} ({', '.join(names[:4])}): it has {has}")


def _wide(rows: list[Row]) -> list[Row]:
    """A row a step, from MLflow's row a value."""
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        run = row.get("run_id") or row.get("run") or ""
        place = found.setdefault((run, row["step"]), {"run": run, "step": row["step"]})
        place[row["key"]] = row["value"]
    keys = {key for row in found.values() for key in row}
    return [{key: row.get(key, "") for key in keys} for row in found.values()]


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan
