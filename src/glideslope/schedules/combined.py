"""Schedules taken together, update by update: a + b, a * b, max(a, b), min(a, b), and 0.1 * a."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from glideslope.errors import ScheduleError
from glideslope.schedules.arrays import Array, Formula
from glideslope.schedules.checks import check_factor, check_most
from glideslope.schedules.durations import Frame, number_text
from glideslope.schedules.numbers import plain
from glideslope.schedules.schedule import Schedule
from glideslope.schedules.wrapper import Placed, Wrapper, enclosed

_COMBINE: dict[str, Callable[[Any, Any, Any], Any]] = {
    "+": lambda a, b, xp: a + b, "*": lambda a, b, xp: a * b, "max": lambda a, b, xp: xp.maximum(a, b),
    "min": lambda a, b, xp: xp.minimum(a, b),
}  # fmt: skip
_MOST: dict[str, Callable[[list[float]], float]] = {"+": math.fsum, "*": math.prod, "max": max, "min": min}
_BINDING = {"+": 1, "*": 2}


@dataclass(frozen=True, repr=False)
class Combined(Schedule):
    """Several schedules as one, each from its own start; one that is over holds its last value."""

    operation: str
    parts: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        check_most(self)

    def children(self) -> tuple[Schedule, ...]:
        return self.parts

    def map(self, change: Callable[[Schedule], Schedule]) -> Schedule:
        return replace(self, parts=tuple(map(change, self.parts)))

    def layout(self, frame: Frame, length: float) -> list[Placed]:
        return [Placed(part, frame, part.allotted(frame, length)) for part in self.parts]

    def is_steady(self) -> bool:
        return all(part.is_steady() for part in self.parts)

    def most(self, begin: float) -> float:
        return _MOST[self.operation]([part.most(begin) for part in self.parts])

    @property
    def binding(self) -> int:  # type: ignore[override]
        return _BINDING.get(self.operation, 3)

    def length(self, frame: Frame) -> float | None:
        lengths = [part.length(frame) for part in self.parts]
        return None if None in lengths else max(length for length in lengths if length is not None)

    def shortest(self, frame: Frame) -> float:
        if (length := self.length(frame)) is not None:
            return length
        return max(part.shortest(frame) for part in self.parts if part.length(frame) is None)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        first, *others = (part.schedule.formula(part.frame, part.length, begin) for part in self.layout(frame, length))
        combine = _COMBINE[self.operation]

        def factor(t: Array, xp: Any) -> Array:
            value = first(t, xp)
            for other in others:
                value = combine(value, other(t, xp), xp)
            return value

        return factor

    def __str__(self) -> str:
        if self.operation in _BINDING:
            return f" {self.operation} ".join(enclosed(part, self.binding) for part in self.parts)
        return f"{self.operation}({', '.join(map(str, self.parts))})"


@dataclass(frozen=True, repr=False)
class Scaled(Wrapper):
    """A schedule times a number."""

    scale: float
    binding = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", plain(self.scale))
        check_factor("the factor of a schedule", self.scale)
        check_most(self)

    def is_steady(self) -> bool:
        return self.schedule.is_steady()

    def most(self, begin: float) -> float:
        return self.scale * self.schedule.most(begin)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        inner, scale = super().formula(frame, length, begin), self.scale
        return lambda t, xp: scale * inner(t, xp)

    def __str__(self) -> str:
        return f"{number_text(self.scale)} * {enclosed(self.schedule, 2)}"


def is_factor(value: object) -> bool:
    """Whether a schedule can be multiplied by it, or added to it. Raises a ScheduleError if it is a text."""
    if isinstance(value, str):
        raise ScheduleError(f"{value!r} is a text: write glideslope.parse({value!r}), or a number without quotes")
    value = plain(value)
    return isinstance(value, Schedule | int | float) and not isinstance(value, bool)


def quotient(schedule: Schedule, divisor: float) -> Schedule:
    """A schedule over a number."""
    if divisor == 0:
        raise ScheduleError(f"{schedule!r} / 0: divide by a number above it")
    return schedule * float(1 / divisor)


def product(a: Schedule | float, b: Schedule | float) -> Schedule:
    """One times the other; numbers come first, as one."""
    scale = 1.0
    parts: list[Schedule] = []
    for factor in (a, b):
        inner = factor.schedule if isinstance(factor, Scaled) else factor
        number = factor.scale if isinstance(factor, Scaled) else 1.0 if isinstance(factor, Schedule) else plain(factor)
        check_factor("the factor of a schedule", number)
        scale *= number
        parts += _parts("*", inner) if isinstance(inner, Schedule) else []
    schedule = parts[0] if len(parts) == 1 else Combined("*", tuple(parts))
    scaled = any(isinstance(factor, Scaled) or not isinstance(factor, Schedule) for factor in (a, b))
    return Scaled(schedule, scale) if scaled else schedule


def total(a: Schedule | float, b: Schedule | float) -> Schedule:
    """One plus the other; a number is a constant schedule."""
    from glideslope.schedules.phases import constant

    parts = (part if isinstance(part, Schedule) else constant(part) for part in (a, b))
    return Combined("+", tuple(piece for part in parts for piece in _parts("+", part)))


def largest(*schedules: Schedule) -> Schedule:
    """The largest of several at each update. Raises a ScheduleError if none is given.

    >>> import glideslope as gs
    >>> gs.max(gs.linear(100), gs.constant(0.3))(90)
    0.3
    """
    return _of_several("max", schedules)


def smallest(*schedules: Schedule) -> Schedule:
    """The smallest of several at each update. Raises a ScheduleError if none is given.

    >>> import glideslope as gs
    >>> gs.min(gs.linear(100), gs.constant(0.3))(10)
    0.3
    """
    return _of_several("min", schedules)


def _of_several(operation: str, schedules: tuple[Schedule, ...]) -> Schedule:
    if not schedules or not all(isinstance(schedule, Schedule) for schedule in schedules):
        raise ScheduleError(f"{operation}{schedules!r}: give one schedule or more; a number is gs.constant(number)")
    return Combined(operation, schedules)


def _parts(operation: str, schedule: Schedule) -> tuple[Schedule, ...]:
    same = isinstance(schedule, Combined) and schedule.operation == operation
    return schedule.parts if same else (schedule,)  # type: ignore[attr-defined]


FUNCTIONS = {"max": largest, "min": smallest}  # the functions of several schedules, by their names in the text form
