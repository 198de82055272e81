"""What is drawn of a schedule: its rates, and where its phases begin."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from glideslope.batches import Growth
from glideslope.errors import ScheduleError
from glideslope.feedback import Feedback
from glideslope.feedback.feedback import controlled
from glideslope.schedules import Clock, Schedule
from glideslope.schedules.combined import Combined, Scaled
from glideslope.schedules.durations import Frame
from glideslope.schedules.horizon import Over
from glideslope.schedules.methods import Mapped
from glideslope.schedules.names import Named
from glideslope.schedules.primitives import Part
from glideslope.schedules.sequence import Sequence
from glideslope.search.labels import label


@dataclass(frozen=True)
class Time:
    """The axis of time: its name, and how much of it an update is."""

    name: str
    per_update: float = 1.0

    @classmethod
    def of(cls, name: str, clock: Clock) -> Time:
        """Updates, epochs, examples or tokens.

        Raises:
            ScheduleError: the clock doesn't say how many there are in an update.
        """
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
    """A schedule over a horizon.

    Attributes:
        text: the schedule.
        rates: of each update, shape (steps,); of one that measurements move, before any of them; where the batch grows,
            at as many examples.
        sizes: examples in the batch at each of these, shape (steps,), where it grows.
        boundaries: when phases begin, in updates, the first left out.
    """

    text: str
    rates: np.ndarray
    boundaries: list[float]
    sizes: np.ndarray | None = None

    @classmethod
    def of(cls, given: Schedule | Feedback | Growth, steps: int, peak: float, clock: Clock) -> Curve:
        """The curve of a schedule, possibly times a feedback or a growth of the batch."""
        if isinstance(given, Growth):
            schedule = given.schedule.within(steps)
            if schedule is not given.schedule:
                schedule = given.schedule.over(steps, clock)
            sizes, factors, examples = replace(given, schedule=schedule.lasting(steps)).plan()
            # Drawn over updates of the base batch, as what it is compared with is.
            at = np.searchsorted(examples, np.arange(steps) * given.growing.base, side="right") - 1
            text = f"{label(given)}, {len(sizes):,} updates, batches to {sizes.max():,}"
            return cls(text, peak * factors[at], cls.of(given.schedule, steps, peak, clock).boundaries, sizes[at])
        if isinstance(given, Feedback):
            curve = cls.of(controlled(given).schedule, steps, peak, clock)
            return replace(curve, text=f"{label(given)}, before any measurement")
        schedule = given
        whole = schedule.within(steps)  # as a search runs it: its own end, where it has one
        if whole is not schedule:
            whole = schedule.over(steps, clock)
        found = boundaries(whole, Frame(steps, clock), steps if whole is not schedule else _length(whole, steps))
        return cls(label(schedule), peak * whole.sample(steps), sorted({t for t in found if 0 < t < steps}))


def _length(schedule: Schedule, steps: int) -> float:
    """The updates of a schedule with an end of its own, else `steps`."""
    length = schedule.length(Frame())
    return steps if length is None else length


def boundaries(schedule: Schedule, frame: Frame, length: float) -> list[float]:
    """When the phases of a schedule begin, in updates since its own start."""
    match schedule:
        case Named():
            return boundaries(schedule.definition, frame, length)
        case Over():
            own = schedule.clock.updates(schedule.horizon)
            return boundaries(schedule.schedule, Frame(own, schedule.clock), own)
        case Part():
            return boundaries(schedule.schedule, Frame(length, frame.clock), length)
        case Scaled() | Mapped():
            return boundaries(schedule.schedule, frame, length)
        case Combined():
            return [t for part in schedule.parts for t in boundaries(part, frame, length)]
        case Sequence():
            found, start = [], 0.0
            for phase, own in zip(schedule.phases, schedule.shared_out(frame, length), strict=True):
                found += [start, *(start + t for t in boundaries(phase, frame, own))]
                start += own
            return found
    return []
