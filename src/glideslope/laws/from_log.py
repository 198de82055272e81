"""The run of a log: which of its series are the rate and the loss, and the rate of each update."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from glideslope.errors import LawError
from glideslope.laws.curves import MOST_STEPS
from glideslope.laws.logs import Log, finite, same
from glideslope.laws.names import BATCH, FINAL, RATE, TRAINING, VALIDATION, named, ranked
from glideslope.laws.rates import Rates, thinned
from glideslope.laws.run import Run, last_segments

_UNSAID = 0.05
"""The part of a run whose rates may be missing without a note."""
_ADVICE = "; a table with the columns curve, schedule, peak_lr and steps gives the rates"


def run_of(name: str, log: Log, order: tuple[str, ...], loss: str | None, warm: int | None) -> tuple[Run, list[str]]:
    """The run of a log, and notes on what was taken where there was a choice.

    Args:
        name: of the run.
        log: its series.
        order: the names of the losses, those that are preferred first.
        loss: the name of the loss, where the usual ones don't tell.
        warm: updates of the warmup.

    Raises:
        LawError: a series is lacking, or as for `Run`.
    """
    rate, notes = _chosen(log, ranked(log, RATE), "rate")
    fitting = named(log, loss) if loss else ranked(log, order)
    training = ranked(fitting, TRAINING)
    kind = training if fitting[:1] == training[:1] else ranked(fitting, VALIDATION)
    column, more = _chosen(log, fitting if loss else kind, "loss")
    for what, chosen, names in (("lr", rate, RATE), ("loss", column, (loss,) if loss else order)):
        if chosen is None:
            has = ", ".join(repr(series) for series in log) or "none"
            usual = ", ".join(map(str, names[:4]))
            raise LawError(
                f"{name} has no column of the {what} ({usual}): it has {has}{_ADVICE if what == 'lr' else ''}"
            )
    notes += more
    logged, rates = finite(log[str(rate)])
    if len(logged) < len(log[str(rate)][0]):
        notes.append(f"{len(log[str(rate)][0]) - len(logged)} of the rates aren't numbers, and are skipped")
    steps, values = log[str(column)]
    if not len(logged) or max(logged.max(), steps.max()) < 1:
        raise LawError(f"{name}: no row has a step and a rate")
    most = max(logged.max(), steps.max())
    if most > MOST_STEPS:
        raise LawError(f"{name}: a step of {most:g}; at most {MOST_STEPS:g} can be read")
    logged, rates = _last(logged, rates)
    lr, invented = _rates(logged, rates, math.ceil(most), warm)
    size = None
    sizes, more = _chosen(log, ranked(log, BATCH), "batch size")
    if sizes is not None:
        size = _sizes(*_last(*log[sizes]), len(lr))
    final, remarks = _final(log, str(column), most)
    run = Run(lr, steps, values, name=name, final_loss=final, batch_size=size)
    return run, [*notes, *invented, *more, *remarks]


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
    notes = []
    first, last = float(logged[0]), float(logged[-1])
    if first > _UNSAID * updates and warm is None:
        notes.append(f"no rates before update {first:g}: taken to be the first logged; give the warmup, if any")
    if updates - last > _UNSAID * updates:
        notes.append(f"no rates after update {last:g}, but losses to {updates}: taken to be the last logged")
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


def _chosen(log: Log, fitting: Sequence[str], what: str) -> tuple[str | None, list[str]]:
    """The first of some series that has about as many values as any, and a note where another differs."""
    if not fitting:
        return None, []
    counts = {name: len(finite(log[name])[0]) for name in fitting}
    chosen = next(name for name in fitting if 10 * counts[name] >= max(counts.values()))
    others = [name for name in fitting if name != chosen and not same(log[name], log[chosen])]
    return chosen, [f"the {what} is {chosen!r}, not {', '.join(map(repr, others))}"] if others else []


def _final(log: Log, loss: str, most: float) -> tuple[float | None, list[str]]:
    """The loss at the end on another set, and notes: a column of it, or the last validation loss where training losses
    are fitted."""
    finals = ranked(log, FINAL)
    validation = ranked(log, VALIDATION) if not finals and ranked([loss], TRAINING) else finals
    column, notes = _chosen(log, validation, "final loss")
    if column is None:
        return None, []
    steps, values = finite(log[column])
    if not len(values) or not (finals or steps[-1] >= 0.98 * most):
        return None, []
    if finals and len(np.unique(values)) > 1:
        notes.append(f"{column!r} has {len(np.unique(values))} values: the last is taken")
    return float(values[-1]), notes
