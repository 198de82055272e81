"""Reading loss curves as people have them: which of a log's series are the rate and the loss of a run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from glideslope.errors import LawError
from glideslope.laws.curves import is_of_curves, of_curves
from glideslope.laws.events import of_events
from glideslope.laws.files import files_in
from glideslope.laws.from_log import run_of
from glideslope.laws.logs import Log, Part, parts_of, table_of
from glideslope.laws.names import RATE, TRAINING, VALIDATION, normal, ranked
from glideslope.laws.parts import joined, once
from glideslope.laws.run import Run, used
from glideslope.renamed import was_called

ENOUGH = 10
"""Validation losses of a run that are enough for them to be fitted, and not the training losses."""


@dataclass(frozen=True)
class Read:
    """What files hold.

    Attributes:
        runs: the runs.
        notes: what was skipped, and what was taken where there was a choice.
    """

    runs: list[Run]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<Read: {len(self.runs)} runs, {len(self.notes)} notes>"


@was_called("warm", "warmup")
def read(
    paths: Iterable[Path | str] | Path | str,
    *,
    loss: str | None = None,
    warmup: int | None = None,
    steps_per_epoch: float | None = None,
) -> Read:
    """The runs in files.

    A file is a table (CSV, or with tabs, semicolons or spaces), JSON (an object a line, or `trainer_state.json` of
    Transformers), or what a training script printed, with a step, a rate and a loss under any of their usual names. A
    column `run` tells runs apart; `final_loss` and `batch_size` are read where they are. A folder is one that `race` or
    `tune` left, or holds such files or TensorBoard's, in folders of it too. Exports of MLflow, of TensorBoard's page
    and of W&B's charts are read too, the rate and the loss in one file or in two. A table with the columns curve,
    schedule, peak_lr and steps names the files of runs whose rates weren't logged.

    Where there are validation and training losses, the former are taken if every run has ten or more that a fit uses;
    else the latter, with the last of the former as the final loss if it is of the end. Rates between two logged ones
    are on a straight line; before the first logged one the rate rises straight from 0 over the warmup, and is the first
    logged otherwise.

    Args:
        paths: files and folders, or one.
        loss: the column of the loss, where the usual names don't tell.
        warmup: updates of the warmup, which logs often miss.
        steps_per_epoch: updates in an epoch, for logs that count epochs only.

    Raises:
        LawError: a file can't be read, or lacks a column: those it has are named. In a folder it is skipped, with a
            note. Or two files contradict each other.
    """
    if steps_per_epoch is not None and not (math.isfinite(steps_per_epoch) and steps_per_epoch > 0):
        raise LawError(f"steps_per_epoch={steps_per_epoch}: give a positive number")
    if warmup is not None and not warmup >= 0:
        raise LawError(f"warmup={warmup}: give the updates of the warmup, from 0")
    every = [paths] if isinstance(paths, Path | str) else paths
    parts, optional, skipped = _parts(every, loss, steps_per_epoch)
    logs = dict(zip(_names(parts), parts, strict=True))
    parts.clear()  # here and below series are let go as soon as their run is made: the rates, above all
    remarks = [(name, note) for name, part in logs.items() for note in part.notes]
    order, choice = _kind(logs, loss, warmup)
    runs, notes = [], []
    for name in list(logs):
        part = logs.pop(name)
        try:
            run, choices = run_of(name, part.log, order, loss, warmup)
        except LawError as error:
            if part.file not in optional:
                raise
            skipped.append(f"skipped: {error}")
            continue
        runs.append(run)
        remarks += [(name, note) for note in choices]
        notes += [f"{name}: {note}" for note in run.notes]
    if not runs:
        why = f" ({'; '.join(skipped)})" if skipped else ""
        raise LawError(f"no runs: give CSV files with the columns step, lr and loss, or folders with such files{why}")
    return Read(runs, (*skipped, *choice, *_together(remarks), *notes))


def _parts(
    paths: Iterable[Path | str], loss: str | None, steps_per_epoch: float | None
) -> tuple[list[Part], set[Path], list[str]]:
    """What the files hold, those of them that may be skipped, and what was."""
    parts: list[Part] = []
    notes: list[str] = []
    optional: set[Path] = set()
    seen: set[Path] = set()
    for path in map(Path, paths):
        files, left = files_in(path)
        notes += left
        for file in files:
            if file.resolve() in seen:
                notes.append(f"{file} is given twice, and read once")
                continue
            seen.add(file.resolve())
            optional |= {file} if path.is_dir() else set()
            try:
                parts += _of_file(file, loss, steps_per_epoch)
            except LawError as error:
                if not path.is_dir():
                    raise
                notes.append(f"skipped: {error}")
    parts, twice = once(parts)
    runs, more = joined(parts, loss)
    return runs, optional, notes + twice + more


def _of_file(file: Path, loss: str | None, steps_per_epoch: float | None) -> list[Part]:
    if file.is_dir():
        return [of_events(file)]
    table = table_of(file)
    if is_of_curves(table):
        return of_curves(file, table, loss, steps_per_epoch)
    return parts_of(file, table, loss, steps_per_epoch)


_GENERAL = {"metrics", "main", "log", "logs", "train", "trainer_state", "history", "output", "stdout", "training_log"}
"""Names of files that a tool gives to each run's: the run's name is its folder's."""


def _names(parts: Sequence[Part]) -> list[str]:
    """A name for each run: of its file, and its own; with the folders where these are the same."""
    short = [_short(part) for part in parts]
    counts = Counter(short)
    longer = [
        name if counts[name] == 1 else f"{part.file.with_suffix('')} {part.run}".strip()
        for name, part in zip(short, parts, strict=True)
    ]
    counts = Counter(longer)
    return [
        name if counts[name] == 1 else f"{part.file.absolute()} {part.run}".strip()
        for name, part in zip(longer, parts, strict=True)
    ]


def _short(part: Part) -> str:
    if not part.whole:
        return part.run or part.file.stem
    file = part.file
    if file.is_dir():
        return file.absolute().name
    if file.stem.lower() in _GENERAL and file.absolute().parent.name:
        file = file.absolute().parent
        file = file.parent if file.name.startswith("checkpoint-") else file  # of Transformers
        return f"{file.name} {part.run}".strip()
    return f"{file.stem} {part.run}".strip()


def _kind(logs: dict[str, Part], loss: str | None, warm: int | None) -> tuple[tuple[str, ...], list[str]]:
    """The names of the losses that are fitted, for all runs alike, and a note where there was a choice."""
    if loss is not None:
        return (), []
    kinds = {
        name: (bool(ranked(part.log, TRAINING)), bool(ranked(part.log, VALIDATION))) for name, part in logs.items()
    }
    measured = {name: kind for name, kind in kinds.items() if any(kind)}
    notes = []
    if any(all(kind) for kind in measured.values()):
        why = "there are too few"
        if all(validation for _, validation in measured.values()):
            why = _lacking({name: logs[name].log for name in measured}, warm)
            if not why:
                return VALIDATION + TRAINING, ["the validation losses are fitted, the training losses aren't used"]
        notes.append(f"the training losses are fitted: of the validation losses {why}")
    for kind, names in (("training", TRAINING), ("validation", VALIDATION)):
        series = {name: (ranked(logs[name].log, names) or [""])[0] for name in measured}
        if len(different := sorted({normal(column) for column in series.values() if column})) > 1:
            notes.append(f"the {kind} losses have different names, {', '.join(different)}: are they of the same data?")
    alone = [name for name, (training, _) in measured.items() if not training]
    if alone and len(alone) < len(measured):
        notes.append(f"{', '.join(alone)}: validation losses are fitted, beside the training losses of the others")
    return TRAINING + VALIDATION, notes


def _lacking(logs: dict[str, Log], warm: int | None) -> str:
    """What the validation losses lack for a fit, if anything."""
    runs = []
    for name, log in logs.items():
        try:
            runs.append(run_of(name, log, VALIDATION, None, warm)[0])
        except LawError as error:
            if not ranked(log, RATE):
                continue
            return f"some can't be fitted ({error})"
    longest = max((len(run.lr) for run in runs), default=0)
    few = [run for run in runs if len(used(run, longest)) < ENOUGH]
    return f"there are too few in {', '.join(run.name for run in few)}" if few else ""


def _together(remarks: Iterable[tuple[str, str]]) -> list[str]:
    """Notes on runs, those of one text in one."""
    names: dict[str, list[str]] = {}
    for name, note in remarks:
        names.setdefault(note, []).append(name)
    return [f"{', '.join(subjects)}: {note}" for note, subjects in names.items()]
