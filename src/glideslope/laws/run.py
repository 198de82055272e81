"""A run: the rate of each update, and the loss that was measured on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from glideslope.errors import LawError
from glideslope.laws.values import ByValue, read_only
from glideslope.schedules import Schedule, parse


@dataclass(frozen=True, eq=False)
class Run(ByValue):
    """A training run, as a law is fitted on it: a value, with copies of the arrays that it is made of.

    Points whose loss isn't a number are dropped; of updates measured twice, as after a resume, the last is kept.
    `notes` says what was dropped.

    Args:
        lr: the rate of each update, shape (T,), from the first one on, the warmup too.
        step: the updates made when the loss was measured, shape (n,); between two updates for a mean over several.
        loss: the loss, shape (n,), positive.
        name: what the run is called in messages.
        final_loss: the loss at the end on another, larger evaluation set, where there is one; how far it lies from the
            curve is learned from all runs that have one.
        batch_size: examples in an update, a number or shape (T,), where runs differ in it.

    Raises:
        LawError: the lengths differ, a loss isn't positive, steps go backwards otherwise than after a resume, or beyond
            the rates, or many steps have two losses.

    >>> run = Run(lr=[0.1] * 10, step=[2, 5, 5, 10], loss=[3.0, 2.6, 2.5, 2.4])
    >>> run.loss
    array([3. , 2.5, 2.4])
    >>> run.notes
    ('1 point measured again later: the later one is kept',)
    """

    lr: Any
    step: Any
    loss: Any
    name: str = "run"
    final_loss: float | None = None
    batch_size: Any = None
    notes: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        try:
            lr, step, loss = (read_only(np.ravel(np.asarray(value))) for value in (self.lr, self.step, self.loss))
        except (TypeError, ValueError) as error:
            raise LawError(f"{self.name}: lr, step and loss are arrays of numbers ({error})") from None
        if not len(lr) or not np.all(np.isfinite(lr)) or np.any(lr < 0) or not lr.any():
            raise LawError(f"{self.name}: lr has the rate of each update, a number from 0, and one above it")
        if len(step) != len(loss):
            raise LawError(f"{self.name}: {len(step)} steps and {len(loss)} losses: give a loss for each step")
        notes: list[str] = []
        known = np.isfinite(loss) & np.isfinite(step)
        if not known.all():
            notes.append(f"{_points(int((~known).sum()))} without a number dropped")
        step, loss = step[known], loss[known]
        if np.any(loss <= 0):
            raise LawError(f"{self.name}: a loss of {loss[loss <= 0][0]:g}; a law is of losses above 0")
        if len(step) and step.min() < 0:
            raise LawError(f"{self.name}: a step of {step.min():g}: steps are the updates made, from 0")
        if len(step) and step.max() > len(lr):
            raise LawError(
                f"{self.name}: a step of {step.max():g}, but lr has the rates of {len(lr)} updates: give them all"
            )
        back = int((np.diff(step) < 0).sum())
        if back > max(5, len(step) // 10):
            raise LawError(
                f"{self.name}: steps out of order, {back} of {len(step)} go back: sort them; a resumed run goes back "
                "once for each resume"
            )
        twice = int(((np.diff(step) == 0) & (np.diff(loss) != 0)).sum())
        if twice > max(2, len(step) // 10):
            raise LawError(
                f"{self.name}: {twice} steps have two losses that differ: tell runs apart by a column run, or give the "
                "mean of several losses of an update"
            )
        kept = last_segments(step)
        if len(kept) < len(step):
            notes.append(f"{_points(len(step) - len(kept))} measured again later: the later one is kept")
        if anew := int((step[1:][np.diff(step) < 0] <= step.min(initial=np.inf)).sum()):
            if anew > 1 and 2 * len(kept) < len(step):
                raise LawError(
                    f"{self.name}: the steps begin anew {_times(anew)}, and most points are measured again: give the "
                    "updates since the beginning of the run, not of each epoch, or tell several runs apart"
                )
            notes.append(f"the steps begin anew {_times(anew)}: if several runs are in one, tell them apart")
        if self.final_loss is not None and not (np.isfinite(self.final_loss) and self.final_loss > 0):
            raise LawError(f"{self.name}: final_loss={self.final_loss}: give a positive number, or None")
        size = None if self.batch_size is None else checked_sizes(self.name, self.batch_size, len(lr))
        for name, value in (
            ("batch_size", size),
            ("lr", lr),
            ("step", read_only(step[kept])),
            ("loss", read_only(loss[kept])),
            ("notes", tuple(notes)),
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def from_schedule(
        cls, schedule: Schedule | str, *, peak: float, steps: int, step: Any, loss: Any, **options: Any
    ) -> Run:
        """A run on a schedule.

        Args:
            schedule: a value or its text.
            peak: the rate where its factor is 1.
            steps: the updates of the whole run.
            step: the updates made when the loss was measured, shape (n,).
            loss: the loss, shape (n,).
            options: name, final_loss and batch_size.

        Raises:
            LawError: as for the class; or the schedule isn't one.
        """
        return cls(peak * sampled(schedule, steps), step, loss, **options)

    @property
    def peak(self) -> float:
        """The largest rate."""
        return float(self.lr.max())


def sampled(schedule: Schedule | str, steps: int) -> np.ndarray:
    """The factor of each update of a schedule; one with an end of its own keeps it."""
    value = parse(schedule) if isinstance(schedule, str) else schedule
    if not isinstance(value, Schedule):
        raise LawError(f"{value}: a law predicts schedules, without what measurements or batches do to them")
    return np.asarray(value.within(steps).sample(steps))


def checked_sizes(name: str, sizes: Any, updates: int) -> np.ndarray:
    """Batch sizes, one or one for each update.

    Raises:
        LawError: one isn't positive, or there are too few.
    """
    values = read_only(sizes)
    if values.shape not in ((), (updates,)) or not np.all(np.isfinite(values) & (values > 0)):
        raise LawError(f"{name}: give one batch size, or one for each of {updates} updates, above 0")
    return values


EARLY = 0.08
"""The part of the longest run whose points a fit leaves out."""


def used(run: Run, longest: int) -> np.ndarray:
    """The points after the warmup, and after a part of the longest run: a law doesn't describe the very beginning."""
    warm = int(np.argmax(run.lr >= 0.999 * run.peak))
    late = np.flatnonzero(run.step > max(warm, EARLY * longest))
    return late if len(late) else np.flatnonzero(run.step > warm)


def reference_batch(runs: Sequence[Run]) -> float | None:
    """The geometric mean of the batch sizes of runs, if they have any.

    Raises:
        LawError: some have one, and some not.
    """
    lacking = [run.name for run in runs if run.batch_size is None]
    if len(lacking) == len(runs):
        return None
    if lacking:
        raise LawError(f"{', '.join(lacking)}: without a batch_size, which other runs have: give it to all or to none")
    return float(np.exp(np.mean([np.log(run.batch_size).mean() for run in runs])))


def relative(run: Run, reference: float | None) -> np.ndarray | None:
    """The batch sizes of a run over a reference, shape (T,); None where they are the same."""
    if reference is None or np.all(run.batch_size == reference):
        return None
    return np.broadcast_to(run.batch_size / reference, run.lr.shape)


def last_segments(step: np.ndarray) -> np.ndarray:
    """The places of what counts, in order of the steps: where steps go back, a run was resumed, and what it then goes
    through again is measured anew; what lies beyond stays."""
    kept: list[int] = []
    starts = [0, *(np.flatnonzero(np.diff(step) <= 0) + 1).tolist(), len(step)]
    for begin, end in pairwise(starts):
        if end > begin:
            kept = [place for place in kept if not step[begin] <= step[place] <= step[end - 1]]
            kept += range(begin, end)
    return np.array(sorted(kept, key=lambda place: float(step[place])), dtype=int)


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _points(number: int) -> str:
    return f"{number} point{'s' if number > 1 else ''}"


def without_twins(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """The runs, each once, and a note for each that is another's copy."""
    kept: list[Run] = []
    notes: list[str] = []
    for run in runs:
        twin = next((other for other in kept if _same(other, run)), None)
        if twin is None:
            kept.append(run)
        else:
            notes.append(f"{run.name} is the same as {twin.name}, and dropped")
    return kept, notes


def _same(one: Run, other: Run) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("lr", "step", "loss", "batch_size")
    )
