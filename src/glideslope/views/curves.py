"""The curve of a schedule: its rates, and where its phases begin."""

from __future__ import annotations

import math
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, replace

import numpy as np

from glideslope.batches import Growth
from glideslope.errors import ScheduleError
from glideslope.feedback import Feedback
from glideslope.policy import as_policy
from glideslope.schedules import Clock, Schedule
from glideslope.schedules.durations import Frame
from glideslope.schedules.sampling import counted, sampled
from glideslope.search.runs.labels import label
from glideslope.views.charts import Chart, Mark, Series
from glideslope.views.thinning import PIECES, WHOLE

MOST_DRAWN = 1_000_000
"""The updates that are drawn one by one, at most; of more some thousands, every turn of a phase among them."""


@dataclass(frozen=True)
class Time:
    """The axis of time: its name, and how much of it an update is."""

    name: str
    per_update: float = 1.0

    @classmethod
    def of(cls, name: str, clock: Clock) -> Time:
        """The axis in a unit. Raises a ScheduleError if the clock doesn't say how many of it are in an update."""
        worth = {
            "updates": 1.0, "examples": clock.examples_per_step, "tokens": clock.tokens_per_step,
            "epochs": clock.steps_per_epoch and 1 / clock.steps_per_epoch,
        }[name]  # fmt: skip
        if worth is None:
            option = {"epochs": "--steps-per-epoch"}.get(name, f"--{name}-per-step")
            raise ScheduleError(f"an axis in {name}: say how many there are, {option}")
        return cls(name, worth)


@dataclass(frozen=True)
class Curve:
    """A schedule over a horizon."""

    text: str  # the schedule
    at: np.ndarray  # updates made, whole numbers, shape (n,): every one, or some of very many
    # Before these updates, shape (n,); of one that measurements move, before any of them; where the batch grows, at as
    # many examples.
    rates: np.ndarray
    steps: int  # the updates of the horizon
    boundaries: list[float]  # when phases begin, in updates, the first left out
    sizes: np.ndarray | None = None  # examples in the batch at each of these, shape (n,), where it grows

    @property
    def is_whole(self) -> bool:
        """Whether every update is there."""
        return len(self.at) == self.steps

    @classmethod
    def of(
        cls, schedule: Schedule | Feedback | Growth, steps: int, peak: float, clock: Clock, at: np.ndarray | None = None
    ) -> Curve:
        """The curve of a schedule, possibly times a feedback or a growth of the batch, over so many updates: at each of
        them, or at those given, shape (n,). The clock is for durations in other units."""
        at = places([schedule], steps, clock) if at is None else at
        if isinstance(schedule, Growth):
            return _of_growth(schedule, steps, peak, clock, at)
        if isinstance(schedule, Feedback):
            curve = cls.of(as_policy(schedule).schedule, steps, peak, clock, at)
            return replace(curve, text=f"{label(schedule)}, before any measurement")
        whole = schedule.within(steps, clock)
        starts = boundaries(whole, Frame(steps, clock), whole.allotted(Frame(), steps))
        rates = np.array(np.broadcast_to(peak * np.asarray(whole(at)), at.shape))
        return cls(label(schedule), at, rates, steps, sorted({t for t in starts if 0 < t < steps}))


def places(schedules: SequenceOf[Schedule | Feedback | Growth], steps: int, clock: Clock) -> np.ndarray:
    """The updates at which schedules are drawn together: every one, or some of very many, shape (n,)."""
    if counted(steps) <= MOST_DRAWN:
        return np.arange(steps)
    bare = [as_policy(value).schedule for value in schedules]
    return np.unique(np.concatenate([sampled(schedule.within(steps, clock), steps)[0] for schedule in bare]))


def horizon(schedule: Schedule | Feedback | Growth) -> int:
    """The updates of a schedule that has an end. Raises a ScheduleError if it has none, or a unit needs a clock."""
    bare = as_policy(schedule).schedule
    length = bare.length(Frame())
    if length is None:
        raise ScheduleError(f"{bare!r} has no horizon: give the updates, such as .plot(1000), or .over(1000) first")
    return max(math.ceil(length), 1)


def chart(drawn: SequenceOf[Curve], time: Time, title: str, has_peak: bool = True) -> Chart:
    """The rate over time, without a peak the factor, a curve for each schedule; dotted lines where phases begin."""
    series = []
    for curve in drawn:
        places = np.arange(len(curve.at)) if len(curve.at) <= WHOLE else _kept(curve)
        series.append(Series(curve.text, curve.at[places] * time.per_update, curve.rates[places]))
    marks = [Mark(curve.text, boundary * time.per_update) for curve in drawn for boundary in curve.boundaries]
    note = " Dotted lines are where phases begin." if marks else ""
    caption, y = ("The rate", "learning rate") if has_peak else ("The factor", "factor")
    return Chart(title, f"{caption} before each update.{note}", time.name, y, series, marks, linear=True)


def _kept(curve: Curve) -> np.ndarray:
    """The places of a long curve that are drawn: the least and the largest of each of many stretches."""
    last = len(curve.at) - 1
    width = last // PIECES + 1
    pieces = np.pad(curve.rates, (0, -len(curve.at) % width), mode="edge").reshape(-1, width)
    begins = np.arange(len(pieces)) * width
    ends = np.concatenate([begins + pieces.argmin(axis=1), begins + pieces.argmax(axis=1), [0, last]])
    return np.unique(np.minimum(ends, last))


def _of_growth(policy: Growth, steps: int, peak: float, clock: Clock, at: np.ndarray) -> Curve:
    """A curve over updates of the base batch, as what it is compared with is."""
    growth = replace(policy, schedule=policy.schedule.within(steps, clock).lasting(steps))
    base = policy.growing.base
    if len(at) == steps:
        sizes, factors, examples = growth.plan()
        updates, largest = f"{len(sizes):,}", sizes.max()
        place = np.searchsorted(examples, at * base, side="right") - 1
        sizes, factors = sizes[place], factors[place]
    else:
        pairs = [growth.at(t * base) for t in at.tolist()]
        sizes, factors = (np.array(column) for column in zip(*pairs, strict=True))
        # The last batch is what is left, however little; the sizes between two places are nearly on a straight line.
        updates, largest = f"about {np.trapezoid(base / sizes[:-1], at[:-1]):,.0f}", sizes.max()
    text = f"{label(policy)}, {updates} updates, batches to {largest:,}"
    starts = Curve.of(policy.schedule, steps, peak, clock, at).boundaries
    return Curve(text, at, peak * factors, steps, starts, sizes)


def boundaries(schedule: Schedule, frame: Frame, length: float) -> list[float]:
    """When the phases of a schedule begin, in updates since its own start."""
    return [
        child.start + child.pace * t
        for child in schedule.layout(frame, length)
        for t in (0.0, *boundaries(child.schedule, child.frame, child.length))
    ]
