"""Tables of runs: a row has the schedule of a run, and names the file of its curve."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from glideslope.errors import LawError, ScheduleError
from glideslope.laws.logs import roles
from glideslope.laws.logs.column_names import named
from glideslope.laws.logs.formats import tables_of
from glideslope.laws.logs.names import ROLES, number, role
from glideslope.laws.logs.parts import parts_of
from glideslope.laws.logs.series import Part, finite
from glideslope.laws.logs.source import Labels, Source
from glideslope.laws.logs.table import Row, Table
from glideslope.laws.rates import Rates
from glideslope.plural import plural

_NEEDED = ("curve", "schedule", "steps", "peak_lr")
MOST_STEPS = 1e12
_WHOLE = 0.9  # the part of a run from which on its curve counts as whole
_NEAR, _USUAL = 0.05, 0.9
"""How near a logged rate is to a schedule's, over the peak, and how often, if it is of that schedule."""


def is_of_curves(table: Table) -> bool:
    """Whether a table names the files of curves."""
    return len(named(table.columns, _NEEDED)) == len(_NEEDED)


def of_curves(file: Path, table: Table, labels: Labels) -> list[Part]:
    """The runs that a table of runs names. A row without a schedule is of a curve that has its rates. Where both have
    rates, the schedule's are taken. Raises a LawError if a curve can't be read, has other runs too, or contradicts its
    row."""
    rows: dict[tuple[str, str], Row] = {}
    parts, names = [], named(table.columns, _NEEDED)
    for given in table.rows():
        row = given | {column: given[name] for column, name in names.items()}
        name = str(row["curve"] or "").strip(), str(row.get("run") or "").strip()
        if rows.setdefault(name, row) is not row:
            if any(str(row.get(column)) != str(rows[name].get(column)) for column in table.columns):
                raise LawError(f"{file}: two rows name the curve {' '.join(name).strip()}: give each its own")
            continue
        parts.append(_of_row(file, row, *name, labels))
    return [replace(part, notes=(*table.notes, *part.notes)) for part in parts]


def _of_row(file: Path, row: Row, curve: str, run: str, labels: Labels) -> Part:
    if not curve:
        raise LawError(f"{file}: a row names no curve")
    source = Source(file.parent / curve, labels)
    if not source.path.exists():
        raise LawError(f"{file}: there is no {source.path}: the column curve has files, as seen from this table")
    parts = parts_of(source, tables_of(source))
    named = [part for part in parts if part.run == run] if run else parts
    if len(named) != 1:
        names = ", ".join(repr(part.run) for part in parts)
        raise LawError(f"{file}, {curve}: it has the runs {names}: say which in a column run, a row for each")
    part = named[0]
    steps, peak = _positive(file, row, "steps"), _positive(file, row, "peak_lr")
    if steps != round(steps) or steps > MOST_STEPS:
        raise LawError(f"{file}, {curve}: steps={steps:g}: give a whole number, at most {MOST_STEPS:g}")
    last = max(float(at[np.isfinite(values)].max(initial=0)) for at, values in part.log.values())
    if last > steps:
        raise LawError(
            f"{file}, {curve}: the table has {plural(steps, 'step', 'g')}, but the curve goes to {last:g}: correct one"
        )
    log, notes = part.log, list(part.notes)
    if last < _WHOLE * steps:
        notes.append(f"the curve ends at {last:g} of the table's {plural(steps, 'step', 'g')}")
    if str(row["schedule"] or "").strip():
        rates = _rates(file, curve, str(row["schedule"]), peak, int(steps))
        logged, _ = roles.rate(log, labels)
        if logged is not None and (how := differing(finite(log[logged]), rates, peak)):
            notes.append(f"{how}; the table's schedule is taken")
        log = {name: series for name, series in log.items() if name != labels.lr and role(name) != "rate"}
        log[labels.lr or "lr"] = np.append(rates.every_place(), steps), np.append(rates.values, rates.values[-1])
    for name in (*ROLES["final"], *ROLES["batch"]):
        if str(row.get(name) or "").strip():
            log = log | {name: (np.array([steps]), np.array([_positive(file, row, name)]))}
    return replace(part, log=log, whole=True, notes=tuple(notes), table=file)


def _positive(file: Path, row: Row, column: str) -> float:
    value = number(row.get(column))
    if not (math.isfinite(value) and value > 0):
        raise LawError(f"{file}, {row['curve']}: {column}={row.get(column)!r}: give steps and a peak above 0")
    return value


def _rates(file: Path, curve: str, schedule: str, peak: float, steps: int) -> Rates:
    try:
        return Rates.of_schedule(schedule, steps, peak)
    except ScheduleError as error:
        raise LawError(
            f"{file}, {curve}: {error}; leave the schedule empty to take the rates of the curve's file"
        ) from None


def differing(logged: tuple[np.ndarray, np.ndarray], rates: Rates, peak: float) -> str:
    """How logged rates differ from a schedule's, if they do."""
    steps, values = logged
    expected = rates.at(np.rint(steps))
    off = np.abs(values - expected) > _NEAR * peak
    if not len(off) or off.mean() <= 1 - _USUAL:
        return ""
    at = int(np.argmax(off))
    return (
        f"{off.sum()} of {len(off)} logged rates aren't the schedule's: {values[at]:g} at {steps[at]:g}, and not "
        f"{expected[at]:g}"
    )
