"""Reading loss curves as people have them: which of a log's series are the rate and the loss of a run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from glideslope.errors import LawError
from glideslope.laws.logs import Log, Row, number, of_events, of_rows, read_rows
from glideslope.laws.run import Run, last_segments, sampled

RATE = ("lr", "learning_rate", "learning rate", "train/learning_rate", "train/lr", "lr-adamw", "optimizer/lr", "lr-sgd")
TRAINING = ("loss", "train/loss", "train_loss", "training loss", "training_loss", "loss/train", "loss/training")
VALIDATION = (
    "val_loss", "val/loss", "validation loss", "validation_loss", "validation/loss", "valid_loss", "eval/loss",
    "eval_loss", "loss/val", "loss/validation", "loss/eval",
)  # fmt: skip
FINAL = ("final_loss", "final_val_loss")
BATCH = ("batch_size", "train/batch_size")

ENOUGH = 10
"""Validation losses of a run that are enough for them to be fitted, and not the training losses."""
_MOST_STEPS = 1e9


@dataclass(frozen=True)
class Read:
    """What files hold.

    Attributes:
        runs: the runs.
        notes: what was skipped, and which losses were taken where there are several.
    """

    runs: list[Run]
    notes: tuple[str, ...]


def read(paths: Iterable[Path | str], *, loss: str | None = None, warm: int | None = None) -> Read:
    """The runs in files.

    A CSV file has a row for each measurement, with columns for the step, the rate and the loss under any of their usual
    names, and may have one, `run`, that tells runs apart; `final_loss` and `batch_size` are read where they are. A
    folder is one that `race` or `tune` left, or holds such files, or TensorBoard's logs, a run in each folder. Exports
    of MLflow and of W&B's charts are read too, the rate and the loss in one file or in two. A table with the columns
    curve, schedule, peak_lr and steps names the files of runs whose rates weren't logged.

    Where there are validation and training losses, the former are taken if every run has ten or more; else the
    latter, with the last of the former as the final loss if it is of the end. Rates between two logged ones are on a
    straight line; before the first logged one the rate rises straight from 0 over the warmup, and is the first logged
    otherwise.

    Args:
        paths: files and folders.
        loss: the column of the loss, where the usual names don't tell.
        warm: updates of the warmup, which logs often miss.

    Raises:
        LawError: a file can't be read, or lacks a column: those it has are named. In a folder it is skipped.
    """
    logs: dict[tuple[str, str], Log] = {}
    optional: set[tuple[str, str]] = set()
    notes: list[str] = []
    for path in map(Path, paths):
        in_folder = path.is_dir()
        for file in _files(path):
            try:
                for key, log in _logs(file).items():
                    logs.setdefault(key, {}).update(log)
                    optional |= {key} if in_folder else set()
            except LawError as error:
                if not in_folder:
                    raise
                notes.append(f"skipped: {error}")
    kind, told = _kind(list(logs.values()), loss)
    runs = []
    stems = Counter(f"{Path(place).stem}{name}" for place, name in logs)
    for (place, name), log in logs.items():
        stem = Path(place).stem if stems[f"{Path(place).stem}{name}"] == 1 else str(Path(place).with_suffix(""))
        try:
            runs.append(_run(f"{stem} {name}".strip(), log, kind, loss, warm))
        except LawError as error:
            if (place, name) not in optional:
                raise
            notes.append(f"skipped: {error}")
    if not runs:
        why = f" ({'; '.join(notes)})" if notes else ""
        raise LawError(f"no runs: give CSV files with the columns step, lr and loss, or folders with such files{why}")
    return Read(runs, tuple(notes + told))


def _files(path: Path) -> list[Path]:
    """The files, and folders of event files, that a path stands for."""
    if not path.is_dir():
        return [path]
    own = path / "runs.csv"  # of a search; another table of that name has no steps
    if own.is_file():
        with own.open(encoding="utf-8", errors="replace") as opened:
            if "step" in opened.readline().strip().split(","):
                return [own]
    found = sorted(path.glob("*.csv")) or sorted({file.parent for file in path.rglob("*.tfevents.*")})
    if not found:
        raise LawError(f"{path}: there is no CSV file, nor TensorBoard's logs")
    return found


def _logs(file: Path) -> dict[tuple[str, str], Log]:
    """The logs in a file, by the place that tells them apart and the run's name."""
    if file.is_dir():
        return {(str(file), ""): of_events(file)}
    if ".tfevents." in file.name:
        return {(str(file.parent), ""): of_events(file.parent)}
    rows = read_rows(file)
    if {"curve", "schedule", "peak_lr", "steps"} <= rows[0].keys():
        return {(str(file.parent / row["curve"]), ""): _of_row(file, row) for row in rows}
    found, parts = of_rows(file, rows)
    return {("" if parts else str(file), name): log for name, log in found.items()}


def _of_row(file: Path, row: Row) -> Log:
    """The log that a row of a table of runs names, with the rates of its schedule."""
    curve = file.parent / row["curve"]
    log = {name: series for own in of_rows(curve, read_rows(curve))[0].values() for name, series in own.items()}
    steps, peak = number(row["steps"]), number(row["peak_lr"])
    if not (1 <= steps <= _MOST_STEPS and peak > 0):
        raise LawError(f"{file}, {row['curve']}: give steps and a peak_lr above 0")
    rates = peak * sampled(row["schedule"], int(steps))
    log = {name: series for name, series in log.items() if name.lower() not in RATE}
    log["lr"] = np.arange(int(steps) + 1.0), np.append(rates, rates[-1])
    for name in (*FINAL, *BATCH):
        if math.isfinite(value := number(row.get(name))):
            log[name] = np.array([steps]), np.array([value])
    return log


def _column(log: Log, names: tuple[str, ...]) -> str | None:
    by_lower = {name.lower(): name for name in log}
    return next((by_lower[name] for name in names if name in by_lower), None)


def _kind(logs: list[Log], loss: str | None) -> tuple[Literal["training", "validation"], list[str]]:
    """Which losses are fitted, for all runs alike, and a note where there was a choice."""
    found = [(log, _column(log, TRAINING), _column(log, VALIDATION)) for log in logs]
    if loss is not None or not any(training and validation for _, training, validation in found):
        return "training", []
    told = [(log, validation) for log, training, validation in found if training or validation]
    if all(validation and np.isfinite(log[validation][1]).sum() >= ENOUGH for log, validation in told):
        return "validation", ["the validation losses are fitted, the training losses aren't used"]
    return "training", ["the training losses are fitted: of the validation losses there are too few"]


def _run(name: str, log: Log, kind: str, loss: str | None, warm: int | None) -> Run:
    order = (loss.lower(),) if loss else TRAINING + VALIDATION if kind == "training" else VALIDATION + TRAINING
    found = {"lr": _column(log, RATE), "loss": _column(log, order)}
    for what, column in found.items():
        if column is None:
            names = ", ".join((RATE if what == "lr" else order)[:4])
            raise LawError(
                f"{name} has no column of the {what} ({names}): it has {', '.join(map(repr, log)) or 'none'}"
            )
    rate, measured = (log[str(column)] for column in found.values())
    steps, values = measured
    logged, rates = (part[np.isfinite(rate[1])] for part in rate)
    if not len(logged) or max(logged.max(), steps.max()) < 1:
        raise LawError(f"{name}: no row has a step and a rate")
    most = max(logged.max(), steps.max())
    if most > _MOST_STEPS:
        raise LawError(f"{name}: a step of {most:g}; at most {_MOST_STEPS:g} can be read")
    kept = last_segments(logged)
    updates = np.arange(math.ceil(most))
    lr = np.interp(updates, logged[kept], rates[kept])
    if warm:
        lr = np.where(updates < warm, np.interp(warm, logged[kept], rates[kept]) * updates / warm, lr)
    sizes, size = _column(log, BATCH), None
    if sizes is not None:
        changes, those = (part[last_segments(log[sizes][0])] for part in log[sizes])
        size = those[np.clip(np.searchsorted(changes, updates, side="right") - 1, 0, None)]
    return Run(lr, steps, values, name=name, final_loss=_final(log, str(found["loss"]), most), batch_size=size)


def _final(log: Log, loss: str, most: float) -> float | None:
    """The loss at the end on another set: told, or the last validation loss where training losses are fitted."""
    told = _column(log, FINAL)
    own = _column(log, VALIDATION) if told is None and loss.lower() in TRAINING else told
    if own is None:
        return None
    steps, values = (part[np.isfinite(log[own][1])] for part in log[own])
    at_end = len(values) and (told is not None or steps[-1] >= 0.98 * most)
    return float(values[-1]) if at_end else None
