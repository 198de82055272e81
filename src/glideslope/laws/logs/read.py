"""Reading loss curves as people have them: which of a log's series are the rate and the loss of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from glideslope.errors import LawError
from glideslope.files import checked_path
from glideslope.laws.logs.folders import files_in
from glideslope.laws.logs.formats import tables_of
from glideslope.laws.logs.joined import joined, once
from glideslope.laws.logs.losses import kind_of_loss
from glideslope.laws.logs.parts import parts_of
from glideslope.laws.logs.run_of_log import Assigned, run_of
from glideslope.laws.logs.series import Part
from glideslope.laws.logs.source import COMPRESSED, Labels, Source
from glideslope.laws.logs.table_of_runs import is_of_curves, of_curves
from glideslope.laws.run import Run
from glideslope.renamed import was_called
from glideslope.schedules import Schedule
from glideslope.schedules.arguments import checked


@dataclass(frozen=True)
class Read:
    """What files hold."""

    runs: list[Run]  #: the runs
    notes: tuple[str, ...]  #: what was skipped, and what was taken where there was a choice

    def __repr__(self) -> str:
        return f"<Read: {len(self.runs)} runs, {len(self.notes)} notes>"


@was_called("warm", "warmup")
@checked(LawError, above_0="steps_per_epoch peak")
def read(
    paths: Iterable[Path | str] | Path | str, *, step: str | None = None, lr: str | None = None,
    loss: str | None = None, warmup: int | None = None, steps_per_epoch: float | None = None,
    schedule: Schedule | str | None = None, peak: float | None = None, steps: int | None = None,
) -> Read:  # fmt: skip
    """The runs in files.

    A file is of one of the formats in `glideslope.laws.logs.formats`, which its content shows; a folder is one that
    `race` or `tune` left, or holds such files or event files of TensorBoard, in folders of it too. The step, the rate
    and the loss are found under any of their usual names. A column `run` tells runs apart; `final_loss` and
    `batch_size` are read where they are. The rate and the loss may be in one file or in two, as in exports of charts. A
    table with the columns curve, schedule, peak and steps names the files of runs whose rates weren't logged.

    Where there are validation and training losses, the former are taken if every run has ten or more that a fit uses;
    else the latter, with the last of the former as the final loss if it is of the end. Rates between two logged ones
    are on a straight line; before the first logged one the rate rises straight from 0 over the warmup, and is the first
    logged otherwise.

    Args:
        paths: files and folders, or one.
        step: the column or tag of the updates made, where the usual names don't tell; or two with a comma between them:
            the epoch and the place in it, or the updates of some rows and of the others.
        lr: the column or tag of the rate.
        loss: the column or tag of the loss.
        warmup: updates of the warmup, which logs often miss.
        steps_per_epoch: updates in an epoch, for logs that count epochs only.
        schedule: the schedule of runs whose rates weren't logged, the same for all of them.
        peak: the rate where the schedule's factor is 1.
        steps: the updates of each whole run on the schedule; the last logged if not given.

    Raises:
        LawError: a file can't be read, or lacks a column: those it has are named. In a folder it is skipped, with a
            note. Or two files contradict each other.
    """
    if warmup is not None and not warmup >= 0:
        raise LawError(f"warmup={warmup}: give the updates of the warmup, from 0")
    if (schedule is None) != (peak is None) or (steps is not None and schedule is None):
        raise LawError("give schedule and peak together (--schedule and --peak), and steps with them")
    assigned = None if schedule is None or peak is None else Assigned(schedule, peak, steps)
    labels = Labels(step, lr, loss, steps_per_epoch)
    every = [paths] if isinstance(paths, Path | str) else paths
    parts, optional, skipped = _parts(every, labels)
    logs = dict(zip(_names(parts), parts, strict=True))
    parts.clear()  # here and below series are let go as soon as their run is made: the rates, above all
    remarks = [(name, note) for name, part in logs.items() for note in part.notes]
    series = {name: part.log for name, part in logs.items()}
    order, choice = kind_of_loss(series, labels, warmup, assigned)
    series.clear()
    runs, notes = [], []
    for name in list(logs):
        part = logs.pop(name)
        try:
            run, choices = run_of(name, part.log, order, labels, warmup, assigned)
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
    low, high = min(runs, key=lambda run: run.peak), max(runs, key=lambda run: run.peak)
    far = f"the peak of {high.name} is {high.peak:g}, that of {low.name} {low.peak:g}: are they in one unit?"
    apart = [far] if high.peak > 100 * low.peak else []
    return Read(runs, (*skipped, *choice, *_together(remarks), *notes, *apart))


def _parts(paths: Iterable[Path | str], labels: Labels) -> tuple[list[Part], set[Path], list[str]]:
    """What the files hold, those of them that may be skipped, and what was."""
    parts: list[Part] = []
    notes: list[str] = []
    optional: set[Path] = set()
    seen: set[Path] = set()
    for path in map(checked_path, paths):
        files, left = files_in(path)
        notes += left
        for file in files:
            if file.resolve() in seen:
                notes.append(f"{file} is given twice, and read once")
                continue
            seen.add(file.resolve())
            optional |= {file} if path.is_dir() else set()
            try:
                source = Source(file, labels)
                tables = tables_of(source)
                curves = len(tables) == 1 and is_of_curves(tables[0])
                parts += of_curves(file, tables[0], labels) if curves else parts_of(source, tables)
            except LawError as error:
                if not path.is_dir():
                    raise
                notes.append(f"skipped: {error}")
    parts, twice = once(parts)
    runs, more = joined(parts, labels)
    return runs, optional, notes + twice + more


_GENERAL = {"metrics", "main", "log", "logs", "train", "trainer_state", "history", "output", "stdout", "training_log"}
"""Names of files that a tool gives to each run's: the run's name is its folder's."""


def _names(parts: Sequence[Part]) -> list[str]:
    """A name for each run: of its file, and its own; with the folders where these are the same."""
    names = list(map(_short, parts))
    for files in ([part.file.with_suffix("") for part in parts], [part.file.absolute() for part in parts]):
        counts = Counter(names)
        longer = (f"{file} {part.run}".strip() for file, part in zip(files, parts, strict=True))
        names = [name if counts[name] == 1 else long for name, long in zip(names, longer, strict=True)]
    return names


def _short(part: Part) -> str:
    file = part.file.with_suffix("") if part.file.suffix in COMPRESSED else part.file
    if not part.whole:
        return part.run or file.stem
    if file.is_dir():
        return file.absolute().name
    if file.stem.lower() in _GENERAL and file.absolute().parent.name:
        file = file.absolute().parent
        file = file.parent if file.name.startswith("checkpoint-") else file  # of Transformers
        return f"{file.name} {part.run}".strip()
    return f"{file.stem} {part.run}".strip()


def _together(remarks: Iterable[tuple[str, str]]) -> list[str]:
    """Notes on runs, those of one text in one."""
    names: dict[str, list[str]] = {}
    for name, note in remarks:
        names.setdefault(note, []).append(name)
    return [f"{', '.join(subjects)}: {note}" for note, subjects in names.items()]
