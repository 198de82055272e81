"""One schedule after another."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from glideslope.errors import ScheduleError
from glideslope.schedules.arrays import Array, Formula, is_before, scalars, since
from glideslope.schedules.checks import check_most, too_short
from glideslope.schedules.durations import Clock, Frame, number_text
from glideslope.schedules.schedule import Schedule
from glideslope.schedules.wrapper import Placed


@dataclass(frozen=True, repr=False)
class Sequence(Schedule):
    """One schedule after another. At most one has no duration: it fills what the horizon leaves."""

    phases: tuple[Schedule, ...]
    binding = 0

    def __post_init__(self) -> None:
        unbounded = [repr(phase) for phase in self.phases if fills(phase)]
        if len(unbounded) > 1:
            raise ScheduleError(
                f"{' and '.join(unbounded)} both have no duration: only one phase can fill what the horizon leaves"
            )
        if (percent := sum(map(percentage, self.phases))) > 100 * (1 + 1e-12):
            raise ScheduleError(f"{self!r}: its phases take {number_text(percent)}% of the horizon, more than 100%")
        check_most(self)

    def children(self) -> tuple[Schedule, ...]:
        return self.phases

    def map(self, change: Callable[[Schedule], Schedule]) -> Schedule:
        return Sequence(tuple(map(change, self.phases)))

    def layout(self, frame: Frame, length: float) -> list[Placed]:
        lengths = self._lengths(frame, length)
        starts = accumulate(lengths[:-1], initial=0.0)
        return [
            Placed(phase, frame, duration, start)
            for phase, duration, start in zip(self.phases, lengths, starts, strict=True)
        ]

    def is_steady(self) -> bool:
        return all(phase.is_steady() for phase in self.phases) and fills(self.phases[-1])

    def most(self, begin: float) -> float:
        highest = 0.0
        for phase in self.phases:
            begin = phase.most(begin)
            highest = max(highest, begin)
        return highest

    def length(self, frame: Frame) -> float | None:
        lengths = [phase.length(frame) for phase in self.phases]
        return None if None in lengths else math.fsum(length for length in lengths if length is not None)

    def shortest(self, frame: Frame) -> float:
        return math.fsum(phase.shortest(frame) for phase in self.phases)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        placed: list[tuple[Formula, float]] = []
        for phase, phase_frame, duration, start, _ in self.layout(frame, length):
            formula = phase.formula(phase_frame, duration, begin)
            placed.append((formula, start))
            begin = formula(duration, scalars) if math.isfinite(duration) else begin
        return _joined(placed)

    def shared_out(self, frame: Frame, length: float) -> list[float]:
        """The updates of each phase, one without a duration given the rest. Raises a ScheduleError if that is < 0."""
        lengths = self._lengths(frame, length)
        if (takes := math.fsum(lengths)) > length * (1 + 1e-9):
            raise too_short(self, takes, length)
        return lengths

    def _lengths(self, frame: Frame, length: float) -> list[float]:
        """The updates of each phase; 0 for the one without a duration where the others take more, and are cut off."""
        lengths = [phase.length(frame) for phase in self.phases]
        rest = length - math.fsum(duration for duration in lengths if duration is not None)
        return [max(rest, 0.0) if duration is None else duration for duration in lengths]

    def __str__(self) -> str:
        return " >> ".join(map(str, self.phases))


def _joined(placed: list[tuple[Formula, float]]) -> Formula:
    """The formula that is each of several from its start on."""
    later = [start for _, start in placed[1:]]

    def factor(t: Array, xp: Any) -> Array:
        if xp is scalars:
            formula, start = placed[bisect_right(later, t)]
            return formula(t - start, xp)
        if xp.__name__ == "numpy" and t.size and (i := bisect_right(later, t.min())) == bisect_right(later, t.max()):
            return placed[i][0](since(t, placed[i][1], xp), xp)  # as most pieces of a long array are
        value = placed[0][0](t, xp)
        for after, start in placed[1:]:
            if math.isfinite(start):
                value = xp.where(is_before(t, start, xp), value, after(since(t, start, xp), xp))
        return value

    return factor


def in_sequence(*schedules: Schedule) -> Schedule:
    """One after the other; sequences are joined into one."""
    return Sequence(tuple(phase for schedule in schedules for phase in phases(schedule)))


def phases(schedule: Schedule) -> tuple[Schedule, ...]:
    """The schedules that follow one another in it: a sequence's phases, or the schedule alone."""
    return schedule.phases if isinstance(schedule, Sequence) else (schedule,)


def fills(schedule: Schedule) -> bool:
    """Whether it has no duration of its own, and fills what the horizon leaves."""
    return schedule.length(Frame(1.0, Clock(1, 1, 1))) is None


def percentage(schedule: Schedule) -> float:
    """How much of the horizon, in percent, a schedule's own durations take at least."""
    one, two = (schedule.length(Frame(horizon, Clock(1, 1, 1))) or 0.0 for horizon in (1.0, 2.0))
    return 100 * (two - one)
