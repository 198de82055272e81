"""A schedule around one other, and where a part of a schedule lies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from glideslope.schedules.arrays import Formula
from glideslope.schedules.durations import Frame
from glideslope.schedules.schedule import Schedule


class Placed(NamedTuple):
    """A child of a schedule and its place: update t of the child is update `start + pace * t` of the schedule."""

    schedule: Schedule
    frame: Frame
    length: float
    start: float = 0.0
    pace: float = 1.0


@dataclass(frozen=True, repr=False)
class Wrapper(Schedule):
    """A schedule that is made of one other; what a subclass doesn't define is as that one's."""

    schedule: Schedule

    def children(self) -> tuple[Schedule, ...]:
        return (self.schedule,)

    def map(self, change: Callable[[Schedule], Schedule]) -> Schedule:
        return replace(self, schedule=change(self.schedule))

    def layout(self, frame: Frame, length: float) -> list[Placed]:
        return [Placed(self.schedule, frame, self.schedule.allotted(frame, length))]

    def most(self, begin: float) -> float:
        return self.schedule.most(begin)

    def length(self, frame: Frame) -> float | None:
        return self.schedule.length(frame)

    def shortest(self, frame: Frame) -> float:
        return self.schedule.shortest(frame)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        (child,) = self.layout(frame, length)
        return child.schedule.formula(child.frame, child.length, begin)


def enclosed(schedule: Schedule, binding: int = 3) -> str:
    """Its text as an operand, in parentheses if it binds less."""
    return str(schedule) if schedule.binding >= binding else f"({schedule})"
