"""A run: the rate of each update, and the loss that was measured on the way."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from glideslope.documents import shown
from glideslope.errors import LawError
from glideslope.laws.rates import Rates
from glideslope.laws.values import ByValue, shared
from glideslope.plural import plural
from glideslope.schedules import Schedule


@dataclass(frozen=True, eq=False)
class Run(ByValue):
    """A training run, as a law is fitted on it: a value, with copies of the arrays that it is made of.

    Points whose loss isn't a number are dropped; of updates measured twice, as after a resume, the last is kept.
    `notes` says what was dropped, and `lost` has the steps whose loss isn't a number.

    Args:
        lr: the rate of each update, shape (T,), from the first one on, the warmup too; an array, or `Rates`.
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
    lost: tuple[float, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        try:
            lr = self.lr if isinstance(self.lr, Rates) else _array(self.lr)
            step, loss = _array(self.step), _array(self.loss)
        except (TypeError, ValueError) as error:
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
        back = int((np.diff(step) < 0).sum())
        if back > max(5, len(step) // 10):
            raise LawError(
                f"{self.name}: steps out of order, {back} of {len(step)} go back: sort them; a resumed run goes back "
                "once for each resume"
            )
        twice = int(((np.diff(step) == 0) & (np.diff(loss) != 0)).sum())
        if twice > max(2, len(step) // 10):
            raise LawError(
                f"{self.name}: {plural(twice, 'step')} with two losses that differ: tell runs apart by a "
                "column run, or give the "
                "mean of several losses of an update"
            )
        kept = last_segments(step)
        in_order = np.array_equal(kept, np.arange(len(step)))
        if len(kept) < len(step):
            notes.append(f"{plural(len(step) - len(kept), 'point')} measured again later: the later one is kept")
        after, before = step[1:][np.diff(step) < 0], step[:-1][np.diff(step) < 0]
        if anew := int((after <= np.maximum(step.min(initial=np.inf), _ANEW * before)).sum()):
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
            ("step", step if in_order else shared(step[kept])),
            ("loss", loss if in_order else shared(loss[kept])),
            ("notes", tuple(notes)),
            ("lost", lost),
        ):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        losses = f"{self.loss[0]:.4g} to {self.loss[-1]:.4g}" if len(self.loss) else "none"
        size = f"{plural(len(self.lr), 'update')}, peak {self.peak:.3g}, {plural(len(self.loss), 'loss')}"
        return f"<Run {self.name!r}: {size}, {losses}>"

    @classmethod
    def from_schedule(
        cls, schedule: Schedule | str, *, steps: int, peak: float, step: Any, loss: Any, **options: Any
    ) -> Run:
        """A run on a schedule.

        Args:
            schedule: a value or its text.
            steps: the updates of the whole run.
            peak: the rate where its factor is 1.
            step: the updates made when the loss was measured, shape (n,).
            loss: the loss, shape (n,).
            options: name, final_loss and batch_size.

        Raises:
            LawError: as for the class; or the schedule isn't one.
        """
        return cls(Rates.of_schedule(schedule, steps, peak), step, loss, **options)

    @property
    def rates(self) -> Rates:
        """The rate of each update, of an array too."""
        return Rates.of(self.lr)

    @cached_property
    def peak(self) -> float:
        """The largest rate."""
        return float(self.lr.max())

    @cached_property
    def _warmup(self) -> int:
        """The first update, from 0, at nearly the largest rate."""
        return self.rates.first(0.999 * self.peak)


def are_rates(values: np.ndarray) -> bool:
    """Whether numbers can be the rates of a run: none under 0, one above it."""
    return bool(np.all(np.isfinite(values)) and values.min() >= 0 and values.max() > 0)


def checked_rates(lr: Any) -> np.ndarray:
    """The rates of updates as an array, shape (T,). Raises a LawError if they aren't numbers."""
    try:
        return np.asarray(lr, dtype=float).ravel()
    except (TypeError, ValueError):
        raise LawError(
            f"{shown(lr, 60)} has no rates: give that of each update, peak * schedule.over(steps).sample(steps)"
        ) from None


def _array(values: Any) -> np.ndarray:
    return shared(values if isinstance(values, np.ndarray) and values.ndim == 1 else np.ravel(np.asarray(values)))


def checked_sizes(name: str, sizes: Any, updates: int) -> np.ndarray | Rates:
    """Batch sizes, one or one for each update.

    Raises:
        LawError: one isn't positive, or there are too few.
    """
    if isinstance(sizes, Rates) and len(sizes) == updates:
        checked_sizes(name, sizes.values, len(sizes.values))
        return sizes
    values = shared(sizes)
    if values.shape not in ((), (updates,)) or not np.all(np.isfinite(values) & (values > 0)):
        raise LawError(f"{name}: give one batch size, or one for each of {plural(updates, 'update')}, above 0")
    return values


_ANEW = 0.1
"""The part of the updates made to which steps go back where they begin anew."""
EARLY = 0.08
"""The part of the longest run whose points a fit leaves out."""


def used(run: Run, longest: int) -> np.ndarray:
    """The points after the warmup, and after a part of the longest run: a law doesn't describe the very beginning."""
    warm, number = run._warmup, len(run.step)
    late = int(np.searchsorted(run.step, max(warm, EARLY * longest), side="right"))
    return np.arange(late if late < number else np.searchsorted(run.step, warm, side="right"), number)


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
    return float(np.exp(np.mean([Rates.of(run.batch_size).mean(np.log) for run in runs])))


def relative(run: Run, reference: float | None) -> Rates | None:
    """The batch sizes of a run over a reference, shape (T,); None where they are the same."""
    return None if reference is None else over(run.batch_size, reference, len(run.lr))


def over(batch_size: Any, reference: float, updates: int) -> Rates | None:
    """Batch sizes, one or one for each update, over a reference; None where they are the same."""
    sizes = Rates.of(batch_size)
    if np.allclose(sizes.values, reference, rtol=1e-9, atol=0.0):
        return None
    if len(sizes.values) == 1:
        return Rates(sizes.values / reference, [0], updates)
    return Rates(sizes.values / reference, sizes.places, updates)


def last_segments(step: np.ndarray) -> np.ndarray:
    """The places of what counts, in order of the steps: where steps go back, a run was resumed, and what it then goes
    through again is measured anew; what lies beyond stays."""
    if np.all(np.diff(step) > 0):
        return np.arange(len(step))
    steps, kept = step.tolist(), []
    ends = [*(np.flatnonzero(np.diff(step) <= 0) + 1).tolist(), len(step)]
    lows: list[float] = []  # of the ranges, in order and apart, that later segments go through
    highs: list[float] = []
    for begin, end in reversed(list(pairwise([0, *ends]))):
        for place in range(begin, end):
            i = bisect_right(lows, steps[place]) - 1
            if i < 0 or steps[place] > highs[i]:
                kept.append(place)
        low, high = steps[begin], steps[end - 1]
        first, last = bisect_left(highs, low), bisect_right(lows, high)
        if first < last:
            low, high = min(low, lows[first]), max(high, highs[last - 1])
        lows[first:last], highs[first:last] = [low], [high]
    places = np.array(sorted(kept), dtype=int)
    return np.asarray(places[np.argsort(step[places], kind="stable")])


def _times(number: int) -> str:
    return "once" if number == 1 else plural(number, "time")


def without_twins(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """The runs, each once, and a note for each that is another's copy."""
    kept: list[Run] = []
    notes: list[str] = []
    alike: dict[tuple[int, bytes], list[Run]] = {}
    for run in runs:
        if not isinstance(run, Run):
            raise LawError(f"{shown(run, 60)} is no Run: laws.read(path) gives those of a file, laws.Run(…) makes one")
        others = alike.setdefault((len(run.loss), run.loss[:: max(len(run.loss) // 64, 1)].tobytes()), [])
        twin = next((other for other in others if _same(other, run)), None)
        if twin is None:
            kept.append(run)
            others.append(run)
        else:
            notes.append(f"{run.name} is the same as {twin.name}, and dropped")
    return kept, notes


def _same(one: Run, other: Run) -> bool:
    arrays = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("step", "loss"))
    return arrays and _equal(one.lr, other.lr) and _equal(one.batch_size, other.batch_size)


def _equal(one: Any, other: Any) -> bool:
    """Whether two are the same of each update: both arrays, or both `Rates`, or numbers, or None."""
    if isinstance(one, Rates) or isinstance(other, Rates):
        return type(one) is type(other) and bool(
            len(one) == len(other)
            and np.array_equal(one.values, other.values)
            and np.array_equal(one.every_place(), other.every_place())
        )
    return np.array_equal(one, other)
