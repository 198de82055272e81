"""Parts of runs in several files, such as W&B's charts of the rate and of the loss, joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from glideslope.errors import LawError
from glideslope.laws.logs import roles
from glideslope.laws.logs.series import Log, Part, same
from glideslope.laws.logs.source import Labels


def joined(parts: Sequence[Part], labels: Labels) -> tuple[list[Part], list[str]]:
    """The runs, each with all of its series, whatever the order of the files, and notes. A part that has a rate and a
    loss is a run. The others of a name are one run; where a run of that name is whole, they are of it. Raises a
    LawError if two parts of a name have one series with other values, so that they are of different runs."""
    runs: list[Part] = []
    rests: dict[str, list[Part]] = {}
    notes: list[str] = []
    for part in parts:
        known = (roles.rate(part.log, labels)[0], roles.loss(part.log, ("training", "validation"), labels)[0])
        if part.whole or None not in known:
            runs.append(part)
        else:
            rests.setdefault(part.run, []).append(part)
    for name, rest in rests.items():
        places = [i for i, run in enumerate(runs) if run.run == name and not run.whole]
        if len(places) > 1:
            raise LawError(
                f"{rest[0].file}: {name or 'its run'!r} is the name of {len(places)} runs, in "
                f"{', '.join(str(runs[i].file) for i in places)}: rename them, or read each with its own files"
            )
        if places:
            runs[places[0]] = _joined([runs[places[0]], *rest], labels, notes)
        else:
            runs.append(_joined(rest, labels, notes))
    return runs, notes


def once(parts: Sequence[Part]) -> tuple[list[Part], list[str]]:
    """The parts, without the files that a table of runs names too, and a note on each of these. Raises a LawError if
    two tables name one file, and say different things of it."""
    of_table: dict[tuple[Path, str], Part] = {}
    notes = []
    for part in parts:
        if part.table is not None:
            other = of_table.setdefault((part.file.resolve(), part.run), part)
            if replace(part, table=None, notes=()) != replace(other, table=None, notes=()):
                raise LawError(f"{part.file}: {other.table} and {part.table} say different things of it: give one")
            if other is not part:
                notes.append(f"{part.file} is named by {other.table} and by {part.table}, and read once")
    kept = []
    for part in parts:
        named_by = of_table.get((part.file.resolve(), part.run))
        if named_by is None or named_by is part:
            kept.append(part)
        elif part.table is None:
            notes.append(f"{part.file} is read as {named_by.table} says, and not once more")
    return kept, notes


def _joined(parts: Sequence[Part], labels: Labels, notes: list[str]) -> Part:
    log: Log = {}
    files = {}
    for part in parts:
        for name, series in part.log.items():
            if name not in log:
                log[name], files[name] = series, part.file
            elif not labels.measures(name):
                continue
            elif same(log[name], series):
                notes.append(f"{part.run}: {name!r} is in {files[name]} and in {part.file}, the same, and read once")
            else:
                raise LawError(
                    f"{part.run or 'a run without a name'}: {name!r} is in {files[name]} and in {part.file} with other "
                    "values, so these are of two runs: name the runs, or read each with its own files"
                )
    every = tuple(dict.fromkeys(note for part in parts for note in part.notes))
    return replace(parts[0], log=log, notes=every)
