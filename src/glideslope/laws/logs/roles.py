"""Which column of a log is the step, the rate, the loss, the batch size or the final loss, and what says so."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glideslope.errors import LawError
from glideslope.laws.logs.in_epochs import begins_anew, updates
from glideslope.laws.logs.names import factor, named, normal, ranked, role
from glideslope.laws.logs.series import Log, finite, same
from glideslope.laws.logs.source import Labels
from glideslope.laws.logs.table import Cells, Columns, numbers

_OF = re.compile(r"\s*(\d+)\s*/\s*(\d+)\s*")  # a step and the steps in all: 100/2000
_PLACES = {
    "batch", "batch_idx", "batch_index", "batch_number", "batch_id", "batches", "minibatch", "mini_batch", "it", "part",
}  # fmt: skip
"""Columns of the place in an epoch; the last has parts of it, which may be counted in examples."""


@dataclass(frozen=True)
class Steps:
    """The updates made at each row of a table."""

    column: str  # the one that was taken
    at: np.ndarray  # the updates made, shape (n,); NaN where a row doesn't say
    notes: tuple[str, ...] = ()  # which columns weren't taken, and what to know of the one that was


def steps(file: Path, columns: Columns, labels: Labels) -> Steps:
    """The steps by the most trustworthy column that most rows have: of updates, or, lacking that, of epochs. Raises a
    LawError if there is none, it isn't whole, or it counts epochs of a length that `labels` doesn't give."""
    if labels.step and not named(columns, labels.step) and len(labels.steps) > 1:
        return _of_several(file, columns, labels)
    fitting = named(columns, labels.step) if labels.step else ranked(columns, "step")
    if labels.step and not fitting:
        raise LawError(f"{file} has no column {labels.step!r} of the step: it has {listed(columns)}")
    values = {column: _numbers(column, columns[column]) for column in fitting}
    filled = {column: int(np.isfinite(of_column).sum()) for column, of_column in values.items()}
    if labels.step and role(fitting[0]) == "epoch":
        return _of_epochs(file, columns, fitting, labels)
    epochs = ranked(columns, "epoch")
    if not any(filled.values()) and (not fitting or epochs):
        place = next((column for column in columns if normal(column) in _PLACES and epochs and not labels.step), None)
        if place is None:
            return _of_epochs(file, columns, epochs, labels)
        both, totals = _both(columns, epochs[0], place), _totals(columns[place])
        of_part = place == "part" and totals.any()  # within one epoch they may be examples, too
        if of_part or begins_anew(*both) or (totals.any() and np.all((both[1] == totals)[totals > 0])):
            return _in_epochs(file, columns, epochs[0], place, labels)
        if not totals.any():
            return _of_epochs(file, columns, epochs, labels)
        fitting, values, filled = [place], {place: both[1]}, {place: 1}
    chosen = next(column for column in fitting if 2 * filled[column] >= max(filled.values()))
    if epochs and not labels.step and begins_anew(*_both(columns, epochs[0], chosen)):
        return _in_epochs(file, columns, epochs[0], chosen, labels)
    known = values[chosen][np.isfinite(values[chosen])]
    if len(parts := known[known != np.round(known)]):
        raise LawError(
            f"{file}: {chosen!r} has the step {parts[0]:g}, which isn't whole: name the column of the updates made "
            "'global_step', or give it (--step)"
        )
    others = [column for column in fitting if column != chosen and _differ(values[chosen], values[column])]
    notes = [f"the step is {chosen!r}, not {', '.join(map(repr, others))}"] if others else []
    if factor(chosen) != 1:
        notes.append(f"the step is {chosen!r}, times {factor(chosen):g} as its name says")
    if normal(chosen) == "_step":
        notes.append(
            f"the step is {chosen!r}, in which W&B counts calls of log: right only if each update logs once, or the "
            "job gives its own step; else log a global_step"
        )
    return Steps(chosen, values[chosen], tuple(notes))


def rate(log: Log, labels: Labels) -> tuple[str | None, list[str]]:
    """The series of the rate, if there is one, and notes."""
    return _chosen(log, named(log, labels.lr) if labels.lr else ranked(log, "rate"), "rate")


def loss(log: Log, order: Sequence[str], labels: Labels) -> tuple[str | None, list[str]]:
    """The series of the loss, if any, and notes: the one that `labels` names, or of the first role in `order`."""
    if labels.loss:
        return _chosen(log, named(log, labels.loss), "loss")
    fitting = ranked(log, *order)
    return _chosen(log, [name for name in fitting if role(name) == role(fitting[0])], "loss")


def batch_size(log: Log) -> tuple[str | None, list[str]]:
    """The series of the batch size, if there is one, and notes."""
    return _chosen(log, ranked(log, "batch"), "batch size")


def final_loss(log: Log, loss: str, last: float) -> tuple[float | None, list[str]]:
    """The loss at the end on another set, and notes: a column's, or the last validation loss beside training losses."""
    finals = ranked(log, "final")
    validation = ranked(log, "validation") if not finals and role(loss) == "training" else finals
    column, notes = _chosen(log, validation, "final loss")
    if column is None:
        return None, []
    at, values = finite(log[column])
    if not len(values) or not (finals or at[-1] >= 0.98 * last):
        return None, []
    if finals and len(np.unique(values)) > 1:
        notes.append(f"{column!r} has {len(np.unique(values))} values: the last is taken")
    return float(values[-1]), notes


def listed(columns: Mapping[str, Any]) -> str:
    """The names of columns, for messages."""
    return ", ".join(repr(column) for column in columns if column) or "none"


def _of_epochs(file: Path, columns: Columns, epochs: list[str], labels: Labels) -> Steps:
    if not epochs:
        raise LawError(
            f"{file} has no column of the step (global_step, step, iteration, update): it has {listed(columns)}; name "
            "it with step= (--step)"
        )
    if labels.steps_per_epoch is None:
        raise LawError(
            f"{file} counts epochs, and has no column of the step: give steps_per_epoch (--steps-per-epoch), the "
            "updates in an epoch"
        )
    values = _numbers(epochs[0], columns[epochs[0]])
    known = values[np.isfinite(values)]
    from_0 = bool(len(known)) and known.min() == 0 and bool(np.all(known == np.round(known)))
    note = f"steps are epochs of {labels.steps_per_epoch:g} updates{', counted from 0' if from_0 else ''}"
    digits = next((digits for digits in range(7) if np.array_equal(known, np.round(known, digits))), 7)
    if digits > 1 and (unit := labels.steps_per_epoch * 10.0**-digits) > 1:
        note += f", known to {unit:g} updates by the {digits} decimals that they have"
    return Steps(epochs[0], np.round((values + int(from_0)) * labels.steps_per_epoch), (note,))


def _in_epochs(file: Path, columns: Columns, epoch: str, place: str, labels: Labels) -> Steps:
    if place == "part" and labels.steps_per_epoch is None:
        raise LawError(
            f"{file} has parts of epochs, which may be in examples: give steps_per_epoch (--steps-per-epoch)"
        )
    at, note = updates(file, *_both(columns, epoch, place), _totals(columns[place]), labels.steps_per_epoch)
    return Steps(place, at, (f"{note} ({epoch!r} and {place!r})",))


def _both(columns: Columns, epoch: str, place: str) -> tuple[np.ndarray, np.ndarray]:
    return _numbers(epoch, columns[epoch]), _numbers(place, columns[place])


def _totals(cells: Cells) -> np.ndarray:
    """Of how many each place is, 0 where a cell doesn't say."""
    matches = [_OF.fullmatch(cell) if isinstance(cell, str) else None for cell in cells]
    return np.array([float(match[2]) if match else 0.0 for match in matches])


def _of_several(file: Path, columns: Columns, labels: Labels) -> Steps:
    """The steps by two columns, epoch and place in it, or each of other rows. Raises a LawError if they don't fit."""
    fitting = [next(iter(named(columns, name)), "") for name in labels.steps]
    if not all(fitting):
        raise LawError(f"{file} has no columns {labels.step!r} of the step: it has {listed(columns)}")
    epochs = [column for column in fitting if role(column) == "epoch"]
    if epochs and len(fitting) == 2:
        return _in_epochs(file, columns, epochs[0], next(name for name in fitting if name not in epochs), labels)
    every = np.array([_numbers(column, columns[column]) for column in fitting])
    known = np.isfinite(every)
    at = np.take_along_axis(every, known.argmax(0)[None], 0)[0]
    if np.any(known & (every != at)):
        raise LawError(f"{file}: {labels.step!r} have different steps in one row: name one of them (--step)")
    return Steps("", at, (f"the step is in {', '.join(map(repr, fitting))}",))


def _numbers(name: str, cells: Cells) -> np.ndarray:
    """The numbers of a step's column, in the unit that its name says."""
    if not isinstance(cells, np.ndarray):
        cells = [match[1] if isinstance(cell, str) and (match := _OF.fullmatch(cell)) else cell for cell in cells]
    values = numbers(cells)
    return values if factor(name) == 1 else np.round(values * factor(name), 6)


def _differ(one: np.ndarray, other: np.ndarray) -> bool:
    both = np.isfinite(one) & np.isfinite(other)
    return bool(np.any(one[both] != other[both]))


def _chosen(log: Log, fitting: Sequence[str], what: str) -> tuple[str | None, list[str]]:
    """The first of some series that has about as many values as any, and a note where another differs."""
    if not fitting:
        return None, []
    counts = {name: len(finite(log[name])[0]) for name in fitting}
    chosen = next(name for name in fitting if 10 * counts[name] >= max(counts.values()))
    others = [name for name in fitting if name != chosen and not same(log[name], log[chosen])]
    return chosen, [f"the {what} is {chosen!r}, not {', '.join(map(repr, others))}"] if others else []
