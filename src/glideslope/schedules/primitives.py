"""What every schedule is composed of: ramps, decays in their own time, and parts with their own fractions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from glideslope.errors import ScheduleError
from glideslope.schedules import shapes
from glideslope.schedules.arrays import Array, Formula, floating
from glideslope.schedules.durations import Duration, Frame
from glideslope.schedules.schedule import Schedule


@dataclass(frozen=True, repr=False)
class Ramp(Schedule):
    """From `start` to `end`: start·(1 - s(x)) + end·s(x), x the fraction of the ramp that is over.

    A start of None is where the schedule before ended; an end of None is the start.
    """

    duration: Duration | None
    start: float | None
    end: float | None
    shape: Formula = shapes.linear

    def length(self, frame: Frame) -> float | None:
        return None if self.duration is None else frame.updates(self.duration)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        start = begin if self.start is None else self.start
        end = start if self.end is None else self.end
        shape = self.shape
        if start == end or length == 0:
            return lambda t, xp: 0.0 * floating(t, xp) + end
        if math.isinf(length):
            raise ScheduleError("a ramp without end: give its duration, or the horizon: schedule.over(10_000)")
        if end == 0:
            return lambda t, xp: start * (1.0 - shape(xp.clip(floating(t, xp) / length, 0.0, 1.0), xp))

        def factor(t: Array, xp: Any) -> Array:
            s = shape(xp.clip(floating(t, xp) / length, 0.0, 1.0), xp)
            return start * (1.0 - s) + end * s  # exact at both ends

        return factor

    def __str__(self) -> str:
        return f"a ramp from {self.start} to {self.end}"


@dataclass(frozen=True, repr=False)
class Decay(Schedule):
    """curve(t/s): a curve of the time since its start over a timescale s, held where its length ends."""

    duration: Duration | None
    timescale: Duration
    curve: Formula

    def length(self, frame: Frame) -> float | None:
        return None if self.duration is None else frame.updates(self.duration)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        timescale, curve = frame.updates(self.timescale), self.curve
        return lambda t, xp: curve(xp.clip(floating(t, xp), 0.0, length) / timescale, xp)

    def __str__(self) -> str:
        return f"a decay with timescale {self.timescale}"


@dataclass(frozen=True, repr=False)
class Part(Schedule):
    """A schedule whose fractions are of its own duration, not of the horizon."""

    duration: Duration | None
    schedule: Schedule

    def length(self, frame: Frame) -> float | None:
        return None if self.duration is None else frame.updates(self.duration)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        if math.isinf(length):
            raise ScheduleError("it has no duration: give one, or the horizon: schedule.over(10_000)")
        return self.schedule.formula(Frame(length, frame.clock), length, begin)

    def __str__(self) -> str:
        return str(self.schedule)
