"""A run: the rate of each update, and the loss that was measured on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from glideslope.documents import shown
from glideslope.errors import LawError
from glideslope.laws.batch_sizes import checked_sizes
from glideslope.laws.order import counted
from glideslope.laws.rates import Rates
from glideslope.laws.values import ByValue, shared
from glideslope.plural import plural
from glideslope.schedules import Schedule
from glideslope.schedules.arguments import as_kind


@dataclass(frozen=True, eq=False)
class Run(ByValue):
    """A training run, as a law is fitted on it: a value, with copies of the arrays that it is made of.

    Points whose loss isn't a number are dropped; of updates measured twice, as after a resume, the last is kept.
    `notes` says what was dropped, and `lost` has the steps whose loss isn't a number. Raises a LawError if the lengths
    differ, a loss isn't positive, steps go backwards otherwise than after a resume, or beyond the rates, or many steps
    have two losses.

    >>> run = Run(lr=[0.1] * 10, step=[2, 5, 5, 10], loss=[3.0, 2.6, 2.5, 2.4])
    >>> run.loss
    array([3. , 2.5, 2.4])
    >>> run.notes
    ('1 point measured again later: the later one is kept',)
    """

    lr: Any  #: the rate of each update, shape (T,), from the first one on, the warmup too; an array, or `Rates`
    step: Any  #: the updates made when the loss was measured, shape (n,); between two updates for a mean over several
    loss: Any  #: the loss, shape (n,), positive
    name: str = "run"  #: what the run is called in messages
    #: The loss at the end on another, larger evaluation set, where there is one; how far it lies from the curve is
    #: learned from all runs that have one.
    final_loss: float | None = None
    batch_size: Any = None  #: examples in an update, a number or shape (T,), where runs differ in it
    notes: tuple[str, ...] = field(default=(), init=False)
    lost: tuple[float, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        try:
            lr = self.lr if isinstance(self.lr, Rates) else _array(self.lr)
            step, loss = _array(self.step), _array(self.loss)
        except (TypeError, ValueError, OverflowError) as error:
            raise LawError(f"{self.name}: lr, step and loss are arrays of numbers ({error})") from None
        if not len(lr) or not are_rates(Rates.of(lr).values):
            raise LawError(f"{self.name}: lr has the rate of each update, a number from 0, and one above it")
        if len(step) != len(loss):
            raise LawError(
                f"{self.name}: {plural(len(step), 'step')} and {plural(len(loss), 'loss')}: give a loss for each step"
            )
        notes: list[str] = []
        lost: tuple[float, ...] = ()
        known = np.isfinite(loss) & np.isfinite(step)
        if not known.all():
            notes.append(f"{plural(int((~known).sum()), 'point')} without a number dropped")
            lost = tuple(step[~known & np.isfinite(step)].tolist())
            step, loss = step[known], loss[known]
        if np.any(loss <= 0):
            raise LawError(f"{self.name}: a loss of {loss[loss <= 0][0]:g}; a law is of losses above 0")
        if len(step) and step.min() < 0:
            raise LawError(f"{self.name}: a step of {step.min():g}: steps are the updates made, from 0")
        if len(step) and step.max() > len(lr):
            raise LawError(
                f"{self.name}: a step of {step.max():g}, but lr has the rates of "
                f"{plural(len(lr), 'update')}: give them all"
            )
        kept, again = counted(self.name, step, loss)
        in_order = np.array_equal(kept, np.arange(len(step)))
        final = as_kind(LawError, f"{self.name}: final_loss", self.final_loss, "float | None", is_positive=True)
        size = None if self.batch_size is None else checked_sizes(self.name, self.batch_size, len(lr))
        for name, value in (
            ("batch_size", size), ("final_loss", final), ("lr", lr),
            ("step", step if in_order else shared(step[kept])), ("loss", loss if in_order else shared(loss[kept])),
            ("notes", (*notes, *again)), ("lost", lost),
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        losses = f"{self.loss[0]:.4g} to {self.loss[-1]:.4g}" if len(self.loss) else "none"
        size = f"{plural(len(self.lr), 'update')}, peak {self.peak:.3g}, {plural(len(self.loss), 'loss')}"
        return f"<Run {self.name!r}: {size}, {losses}>"

    @classmethod
    def from_schedule(
        cls, schedule: Schedule | str, *, steps: int, peak: float, step: Any, loss: Any, **options: Any
    ) -> Run:
        """A run on a schedule, a value or its text, over so many updates; `options` are name, final_loss and
        batch_size, and the others as for the class.

        Raises:
            LawError: as for the class; or the schedule isn't one.
        """
        return cls(Rates.of_schedule(schedule, steps, peak), step, loss, **options)

    @cached_property
    def rates(self) -> Rates:
        """The rate of each update, of an array too."""
        return Rates.of(self.lr)

    @cached_property
    def peak(self) -> float:
        """The largest rate."""
        return float(self.lr.max())


def are_rates(values: np.ndarray) -> bool:
    """Whether numbers can be the rates of a run: none under 0, one above it."""
    return bool(np.all(np.isfinite(values)) and values.min() >= 0 and values.max() > 0)


def checked_rates(lr: Any) -> np.ndarray:
    """The rates of updates as an array, shape (T,). Raises a LawError if they aren't numbers."""
    try:
        return np.asarray(lr, dtype=float).ravel()
    except (TypeError, ValueError, OverflowError):
        raise LawError(
            f"{shown(lr, 60)} has no rates: give that of each update, peak * schedule.over(steps).sample(steps)"
        ) from None


def _array(values: Any) -> np.ndarray:
    return shared(values if isinstance(values, np.ndarray) and values.ndim == 1 else np.ravel(np.asarray(values)))


EARLY = 0.08  # the part of the longest run whose points a fit leaves out


def used(run: Run, longest: int) -> np.ndarray:
    """The points after the warmup, and after a part of the longest run: a law doesn't describe the very beginning."""
    warm, number = run.rates.warmup, len(run.step)
    late = int(np.searchsorted(run.step, max(warm, EARLY * longest), side="right"))
    return np.arange(late if late < number else np.searchsorted(run.step, warm, side="right"), number)


def without_twins(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """The runs, each once, and a note for each that is another's copy."""
    kept: list[Run] = []
    notes: list[str] = []
    alike: dict[tuple[int, bytes], list[Run]] = {}
    for run in runs if isinstance(runs, Sequence) else [runs]:
        if not isinstance(run, Run):
            raise LawError(f"{shown(run, 60)} is no Run: laws.read(path) gives those of a file, laws.Run(…) makes one")
        others = alike.setdefault((len(run.loss), run.loss[:: max(len(run.loss) // 64, 1)].tobytes()), [])
        names = ("step", "loss", "lr", "batch_size")
        twin = next((one for one in others if all(_equal(getattr(one, n), getattr(run, n)) for n in names)), None)
        if twin is None:
            kept.append(run)
            others.append(run)
        else:
            notes.append(f"{run.name} is the same as {twin.name}, and dropped")
    return kept, notes


def _equal(one: Any, other: Any) -> bool:
    """Whether two are the same of each update: both arrays, or both `Rates`, or numbers, or None."""
    if isinstance(one, Rates) or isinstance(other, Rates):
        return type(one) is type(other) and bool(
            len(one) == len(other)
            and np.array_equal(one.values, other.values)
            and np.array_equal(one.every_place(), other.every_place())
        )
    return np.array_equal(one, other)
