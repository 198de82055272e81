"""What the fractions of a schedule are of: the horizon, the length of the training; or its own duration."""

from __future__ import annotations

import math
from dataclasses import dataclass

from glideslope.documents import shown
from glideslope.errors import ScheduleError
from glideslope.renamed import was_called
from glideslope.schedules.arrays import Formula
from glideslope.schedules.checks import too_short
from glideslope.schedules.durations import Clock, Duration, Frame, Time, duration, number_text
from glideslope.schedules.numbers import plain
from glideslope.schedules.schedule import Schedule
from glideslope.schedules.wrapper import Placed, Wrapper, enclosed


@dataclass(frozen=True, repr=False)
class Over(Wrapper):
    """A schedule with its horizon: fractions within it are of this horizon."""

    horizon: Duration
    clock: Clock

    def __post_init__(self) -> None:
        if not isinstance(self.clock, Clock):
            raise ScheduleError(f"clock={shown(self.clock)}: give a Clock, such as gs.Clock(steps_per_epoch=430)")
        if self.horizon.value == 0 or self.horizon.unit == "%":
            raise ScheduleError(f"a horizon of {self.horizon}: it must be a positive length, in updates or with a unit")
        self._factor  # noqa: B018  (a missing unit or too short a horizon is an error now, not at the first update)

    def layout(self, frame: Frame, length: float) -> list[Placed]:
        return super().layout(Frame(length, self.clock), length)

    def length(self, frame: Frame) -> float:
        return self.clock.updates(self.horizon)

    def shortest(self, frame: Frame) -> float:
        return self.length(frame)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        if (takes := self.schedule.shortest(Frame(length, self.clock))) > length * (1 + 1e-9):
            raise too_short(self.schedule, takes, length)
        return super().formula(frame, length, begin)

    @was_called("horizon", "steps")
    def over(self, steps: Time, clock: Clock | None = None) -> Schedule:
        return self.schedule.over(steps, clock or self.clock)

    def __str__(self) -> str:
        clock = "".join(f", {name}={number_text(value)}" for name, value in vars(self.clock).items() if value)
        return f"{enclosed(self.schedule)}.over({self.horizon}{clock})"


@dataclass(frozen=True, repr=False)
class Part(Wrapper):
    """A schedule whose fractions are of its own duration, not of the horizon."""

    duration: Duration | None

    def layout(self, frame: Frame, length: float) -> list[Placed]:
        return super().layout(Frame(length, frame.clock), length)

    def length(self, frame: Frame) -> float | None:
        return None if self.duration is None else frame.updates(self.duration)

    def shortest(self, frame: Frame) -> float:
        return self.length(frame) or 0.0

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        if math.isinf(length):
            raise ScheduleError("it has no duration: give one, or the horizon: schedule.over(10_000)")
        return super().formula(frame, length, begin)


def horizon_of(time: Time) -> Duration:
    """Reads a horizon: a duration of an update or more."""
    number = plain(time)
    if isinstance(number, int | float) and 0 < number < 1:
        raise ScheduleError(f"a horizon of {number} updates: give the length of the whole training, such as 10_000")
    return duration(time)


def with_horizon(schedule: Schedule, steps: Time, clock: Clock | None = None) -> Schedule:
    """The schedule over a horizon that is given beside it. Raises a ScheduleError if it has another of its own."""
    whole = schedule.over(steps, clock)
    lengths = whole.length(Frame()), schedule.length(Frame()) if isinstance(schedule, Over) else None
    if lengths[1] is not None and lengths[0] is not None and abs(lengths[0] - lengths[1]) > 1e-9 * lengths[1]:
        raise ScheduleError(
            f"{schedule} has a horizon of its own, and steps={steps} is another: leave out one of them; for this one, "
            f"write {schedule.schedule}"  # type: ignore[attr-defined]
        )
    return whole
