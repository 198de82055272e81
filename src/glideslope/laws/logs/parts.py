"""The runs, or the parts of runs, in the named columns of a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from glideslope.errors import LawError
from glideslope.laws.logs import roles
from glideslope.laws.logs.names import RUN, factor, is_monitor, normal, phase, ranked, role
from glideslope.laws.logs.series import Log, Part, Series
from glideslope.laws.logs.source import Source
from glideslope.laws.logs.table import Columns, Table, filled, numbers

_PHASE = ("split", "phase", "mode", "stage", "subset", "set", "partition", "type", "kind", "event", "dataset")
"""Labels that say of each row whether it is of the training or of a validation."""
_FEW, _APART = 10, 5  # the steps, and what lies between them, from which on their place says that they count from 0
_NOTHING: Series = (np.empty(0), np.empty(0))


def parts_of(source: Source, tables: Sequence[Table]) -> list[Part]:
    """The runs, or parts of runs, in a file of these columns. Raises a LawError if their steps can't be told."""
    parts: dict[str, Part] = {}
    for table in tables:
        for run, columns in _by_run(table):
            log, notes = _log(source, columns)
            part = parts.setdefault(run, Part(source.path, run, {}, table.whole))
            every = dict.fromkeys((*part.notes, *table.notes, *notes))
            parts[run] = replace(part, log=log | part.log, notes=tuple(every))
    if not any(part.log for part in parts.values()):
        raise LawError(f"{source.path}: no row has a step and a value")
    return [_counted(part) for part in parts.values() if part.log]


def _by_run(table: Table) -> Iterator[tuple[str, Columns]]:
    """The columns of each run in a table, by all the columns that tell runs apart."""
    telling = [name for name in table.columns if normal(name) in RUN]
    if table.run or not telling:
        yield table.run, table.columns
        return
    rest = {name: cells for name, cells in table.columns.items() if name not in telling}
    places: dict[str, list[int]] = {}
    for i, cells in enumerate(zip(*(table.columns[name] for name in telling), strict=True)):
        texts = (f"{cell:g}" if isinstance(cell, float) else str(cell or "").strip() for cell in cells)
        places.setdefault(" ".join(texts).strip(), []).append(i)
    for run, at in places.items():
        yield run, {name: [cells[i] for i in at] for name, cells in rest.items()}


def _log(source: Source, columns: Columns) -> tuple[Log, list[str]]:
    """The series in some columns, and notes; of those that aren't needed, the name is enough."""
    needed = [name for name in columns if source.labels.measures(name) or role(name) == "epoch"]
    if not needed and ranked(columns, "step", "epoch"):
        return {name: _NOTHING for name in columns if filled(columns[name]).any()}, []
    steps = roles.steps(source.path, columns, source.labels)
    validation = _of_validation(columns)
    log: Log = {}
    notes, lost = list(steps.notes), 0
    for name, cells in columns.items():
        present = filled(cells) if name != steps.column else np.zeros(len(cells), dtype=bool)
        if not present.any():
            continue
        if name not in needed:
            log[name] = _NOTHING
            continue
        values = numbers(cells)
        if (scale := factor(name)) != 1:
            values = values * scale
            notes.append(f"{name!r} is taken times {scale:g}, as its name says")
        lost += int((np.isfinite(values) & ~np.isfinite(steps.at) & present).sum())
        present &= np.isfinite(steps.at)
        other = present & validation if role(name) == "training" else np.zeros(len(cells), dtype=bool)
        for of, at in ((name, present & ~other), (f"val {name}", other)):
            if at.any():
                log[of] = (steps.at, values) if at.all() else (steps.at[at], values[at])
    return log, [*notes, *((f"{lost} value{'s' if lost > 1 else ''} in rows without a step skipped",) if lost else ())]


def _of_validation(columns: Columns) -> np.ndarray:
    """Which rows a column says to be of a validation."""
    rows = len(next(iter(columns.values())))
    for name, cells in columns.items():
        if normal(name) in _PHASE and not isinstance(cells, np.ndarray):
            phases = {cell: phase(str(cell)) == "val" for cell in set(map(str, cells))}
            return np.array([phases[str(cell)] for cell in cells], dtype=bool)
    return np.zeros(rows, dtype=bool)


def _counted(part: Part) -> Part:
    """The part with the updates made as steps: those of Lightning, and those that are all one below the multiples of a
    number, are the number of the update, from 0. Raises a LawError if the steps count anew in each epoch."""
    for name in ranked(part.log, "epoch")[:1]:
        steps, epochs = part.log[name]
        again = np.diff(steps) < 0
        if again.any() and np.all(np.diff(epochs)[again] > 0):
            raise LawError(
                f"{part.file}: the steps begin anew in each epoch: add a column global_step, of all updates made"
            )
    monitors = [name for name in part.log if is_monitor(name)]
    lightning = bool(monitors) or part.file.name == "metrics.csv"
    regular = monitors or ranked(part.log, "rate") or ranked(part.log, "training")
    steps = part.log[regular[0]][0] if regular else np.empty(0)
    apart = np.diff(steps)
    if not np.all(apart > 0):
        steps = np.unique(steps)
        apart = np.diff(steps)
    if len(steps) < 2 or np.any(steps != np.round(steps)) or steps[-1] > 2**53:
        return part
    every = of_next = 1  # where two steps follow one another
    if not np.any(apart == 1):
        every, of_next = np.gcd.reduce(steps.astype(int)), np.gcd.reduce(steps.astype(int) + 1)
    if lightning and ranked(part.log, "epoch"):
        one_by_one = steps[0] == 1 and np.all(apart == 1)
        if one_by_one or every > of_next:  # it logs after each so many updates made
            return part
    elif len(steps) < _FEW or of_next < _APART or every > 1:
        return part
    note = f"updates are counted from 0: the step {steps[-1]:g} is {steps[-1] + 1:g} updates made"
    log = {name: (at + 1, values) for name, (at, values) in part.log.items()}
    return replace(part, log=log, notes=(*part.notes, note))
