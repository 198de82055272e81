"""The run of a log: which of its series are the rate and the loss, and the rate of each update."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glideslope.errors import LawError
from glideslope.laws.logs import roles
from glideslope.laws.logs.names import ROLES
from glideslope.laws.logs.series import Log, finite
from glideslope.laws.logs.source import Labels
from glideslope.laws.logs.table_of_runs import MOST_STEPS, differing
from glideslope.laws.order import last_segments
from glideslope.laws.rates import Rates, thinned
from glideslope.laws.run import Run
from glideslope.schedules import Schedule

_UNSAID = 0.05  # the part of a run whose rates may be missing without a note
_GAP = 5
"""How many times as long as usual a gap between logged rates is that is noted, if it is that part of the run too."""
_JUMP = 30  # how far a rate may rise from one that was logged to the next without a note
_ADVICE = (
    "; name it with lr= (--lr), or give schedule= and peak= (--schedule, --peak); a table with the columns curve, "
    "schedule, peak and steps gives the rates of several runs"
)


@dataclass(frozen=True)
class Assigned:
    """The schedule of runs whose rates weren't logged."""

    schedule: Schedule | str  # the schedule, or its text
    peak: float  # the rate where its factor is 1
    steps: int | None = None  # the updates of the whole run; the last logged if None


def run_of(
    name: str, log: Log, order: tuple[str, ...], labels: Labels, warmup: int | None, assigned: Assigned | None
) -> tuple[Run, list[str]]:
    """The run of a log, and notes on what was taken where there was a choice: of losses the first role in `order`,
    columns by `labels` if named there, a warmup of so many updates, which logs often miss, and the schedule `assigned`
    where the rates weren't logged. Raises a LawError if a series is lacking, or as for `Run`."""
    rate, notes = roles.rate(log, labels)
    column, more = roles.loss(log, order, labels)
    if rate is None and assigned is None:
        raise _lacking(name, "lr", [labels.lr] if labels.lr else ROLES["rate"], log, _ADVICE)
    if column is None:
        usual = [labels.loss] if labels.loss else ROLES[order[0]]
        raise _lacking(name, "loss", usual, log, "; name it with loss= (--loss)")
    notes += more
    steps, values = log[column]
    at, rates = (np.empty(0), np.empty(0)) if rate is None else finite(log[rate])
    if rate is not None and len(at) < len(log[rate][0]):
        notes.append(f"{len(log[rate][0]) - len(at)} of the rates aren't numbers, and are skipped")
    most = max(at.max(initial=0), steps.max(initial=0))
    if most < 1 or (rate is not None and not len(at)):
        raise LawError(f"{name}: no row has a step and a rate")
    if most > MOST_STEPS:
        raise LawError(f"{name}: a step of {most:g}; at most {MOST_STEPS:g} can be read")
    if rate is None and assigned is not None:
        lr, invented = _of_schedule(name, assigned, math.ceil(most))
    else:
        lr, invented = _rates(*_last(at, rates), math.ceil(most), warmup)
        if assigned is not None:
            planned = Rates.of_schedule(assigned.schedule, assigned.steps or math.ceil(most), assigned.peak)
            if how := differing((at, rates), planned, assigned.peak):
                notes.append(f"{how}; the logged ones are taken")
    size = None
    sizes, more = roles.batch_size(log)
    if sizes is not None:
        size = _sizes(*_last(*log[sizes]), len(lr))
    final, remarks = roles.final_loss(log, column, most)
    run = Run(lr, steps, values, name=name, final_loss=final, batch_size=size)
    return run, [*notes, *invented, *more, *remarks]


def _lacking(name: str, what: str, names: Sequence[str], log: Log, advice: str) -> LawError:
    usual = ", ".join(names[:4])
    return LawError(f"{name} has no column of the {what} ({usual}): it has {roles.listed(log)}{advice}")


def _of_schedule(name: str, assigned: Assigned, last: int) -> tuple[Rates, list[str]]:
    """The rates of a schedule for a run that has none, and a note on its length where that is the last step logged."""
    if assigned.steps is not None and assigned.steps < last:
        raise LawError(f"{name}: it goes to update {last}, but steps={assigned.steps}: give the updates of the run")
    rates = Rates.of_schedule(assigned.schedule, assigned.steps or last, assigned.peak)
    note = f"the rates are the schedule's over {last:,} updates, the last logged; give steps= (--steps) if it has more"
    return rates, [note] if assigned.steps is None else []


def _last(steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A series in order, without what a resumed run logged again."""
    kept = last_segments(steps)
    return (steps, values) if len(kept) == len(steps) and np.all(np.diff(kept) == 1) else (steps[kept], values[kept])


def _sizes(changes: np.ndarray, sizes: np.ndarray, updates: int) -> Rates:
    """The batch size of each update: the last logged."""
    other = np.flatnonzero(np.diff(sizes, prepend=np.nan) != 0)
    begins, sizes = np.ceil(changes[other]), sizes[other]
    begins[0] = 0.0
    places = np.concatenate([begins, begins[1:] - 1])
    values = np.concatenate([sizes, sizes[:-1]])
    at, first = np.unique(np.where(places < updates, places, 0.0), return_index=True)
    return Rates(values[first], at, updates)


def _rates(logged: np.ndarray, rates: np.ndarray, updates: int, warm: int | None) -> tuple[Rates, list[str]]:
    """The rate of each update, straight between logged ones, and notes on what wasn't logged."""
    notes = _in_other_units(logged, rates)
    first, last = float(logged[0]), float(logged[-1])
    if first > _UNSAID * updates and warm is None:
        notes.append(f"no rates before update {first:g}: taken to be the first logged; give the warmup, if any")
    if updates - last > _UNSAID * updates:
        notes.append(f"no rates after update {last:g}, but losses to {updates}: taken to be the last logged")
    gaps = np.diff(logged)
    if len(gaps) and gaps.max() > max(_UNSAID * updates, _GAP * float(np.median(gaps))):
        i = int(np.argmax(gaps))
        notes.append(f"no rates from update {logged[i]:g} to {logged[i + 1]:g}: taken to be straight between")
    if warm and warm < first:
        logged, rates = np.concatenate([[warm], logged]), np.concatenate([rates[:1], rates])
    elif warm and first < warm and rates[0] > 1.02 * np.interp(warm, logged, rates) * max(first, 1) / warm:
        notes.append(f"rates logged before the warmup's end at {warm} don't rise over it, and are taken as logged")
    if warm and logged[0] > 0:
        logged, rates = np.concatenate([[0.0], logged]), np.concatenate([[0.0], rates])
    if logged[0] < 0 or logged[-1] >= updates:  # before the first update, or after the last
        inside = (logged > 0) & (logged < updates - 1)
        ends = np.unique([0.0, updates - 1.0])
        first_rate, *last_rate = np.interp(ends, logged, rates)
        rates = np.concatenate([[first_rate], rates[inside], last_rate])
        logged = np.concatenate([ends[:1], logged[inside], ends[1:]])
    return Rates(*thinned(rates, logged), updates), notes


def _in_other_units(logged: np.ndarray, rates: np.ndarray) -> list[str]:
    """A note where a rate rises so far that it may be in another unit from there on."""
    before, after = rates[:-1], rates[1:]
    jumps = np.flatnonzero((after > _JUMP * before) & (before > 0) & (logged[1:] > _UNSAID * logged[-1]))
    if not len(jumps):
        return []
    i = int(jumps[0])
    return [f"the rate rises {after[i] / before[i]:.0f}-fold at update {logged[i + 1]:g}: are all in one unit?"]
