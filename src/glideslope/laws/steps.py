"""The step of a row: which column tells the updates made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glideslope.errors import LawError
from glideslope.laws.columns import column as numbers
from glideslope.laws.names import EPOCH, STEP, normal, number
from glideslope.laws.tables import Row


@dataclass(frozen=True)
class Steps:
    """The column of the step: of updates, or, lacking that, of epochs.

    Attributes:
        column: the one that was taken.
        per_epoch: updates in an epoch, where the column counts epochs.
        first: 1 where epochs count from 0, so that a row is of the end of its epoch.
        notes: which columns weren't taken, and what to know of the one that was.
    """

    column: str
    per_epoch: float | None = None
    first: int = 0
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, file: Path, rows: Sequence[Row], names: dict[str, str], per_epoch: float | None) -> Steps:
        """The most trustworthy column that most rows have.

        Args:
            file: for messages.
            rows: the rows.
            names: the columns, and the name by which each is judged.
            per_epoch: updates in an epoch, for logs that count epochs only.

        Raises:
            LawError: there is none, it isn't whole, or it counts epochs of a length that isn't given.
        """
        fitting = _ranked(names, STEP)
        values = {column: numbers(rows, column) for column in fitting}
        filled = {column: int(np.isfinite(of_column).sum()) for column, of_column in values.items()}
        if not any(filled.values()) and (not fitting or _ranked(names, EPOCH)):
            return cls._of_epochs(file, rows, names, per_epoch)
        chosen = next(column for column in fitting if 2 * filled[column] >= max(filled.values()))
        known = values[chosen][np.isfinite(values[chosen])]
        if len(parts := known[known != np.round(known)]):
            raise LawError(
                f"{file}: {names[chosen]!r} has the step {parts[0]:g}, which isn't whole: name the column of the "
                "updates made 'global_step'"
            )
        others = [names[column] for column in fitting if _differ(values[chosen], values[column])]
        notes = [f"the step is {names[chosen]!r}, not {', '.join(map(repr, others))}"] if others else []
        if normal(names[chosen]) == "_step":
            notes.append(
                f"the step is {names[chosen]!r}, in which W&B counts calls of log: right only if each update logs "
                "once, or the job gives its own step; else log a global_step"
            )
        return cls(chosen, notes=tuple(notes))

    @classmethod
    def _of_epochs(cls, file: Path, rows: Sequence[Row], names: dict[str, str], per_epoch: float | None) -> Steps:
        epochs = _ranked(names, EPOCH)
        if not epochs:
            raise LawError(
                f"{file} has no column of the step (global_step, step, iteration, update): it has "
                f"{', '.join(repr(column) for column in names if column) or 'none'}"
            )
        if per_epoch is None:
            raise LawError(
                f"{file} counts epochs, and has no column of the step: give steps_per_epoch (--steps-per-epoch), the "
                "updates in an epoch"
            )
        values = numbers(rows, epochs[0])
        values = values[np.isfinite(values)]
        from_0 = bool(len(values)) and values.min() == 0 and bool(np.all(values == np.round(values)))
        note = f"steps are epochs of {per_epoch:g} updates{', counted from 0' if from_0 else ''}"
        return cls(epochs[0], per_epoch, int(from_0), (note,))

    def of_all(self, rows: Sequence[Row]) -> np.ndarray:
        """The updates made at each row, shape (n,); NaN where it doesn't say."""
        values = numbers(rows, self.column)
        return values if self.per_epoch is None else np.round((values + self.first) * self.per_epoch)

    def at(self, row: Row) -> float:
        """The updates made at a row; NaN if it doesn't say."""
        value = number(row.get(self.column))
        if self.per_epoch is None or not math.isfinite(value):
            return value
        return float(round((value + self.first) * self.per_epoch))


def _ranked(names: dict[str, str], order: tuple[str, ...]) -> list[str]:
    return [column for name in order for column in sorted(names) if normal(names[column]) == name]


def _differ(one: np.ndarray, other: np.ndarray) -> bool:
    both = np.isfinite(one) & np.isfinite(other)
    return bool(np.any(one[both] != other[both]))
