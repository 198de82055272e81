"""A schedule by its name: what a user calls, prints and parses; its definition is what it computes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from glideslope.errors import ScheduleError
from glideslope.schedules.arrays import Formula
from glideslope.schedules.durations import Frame
from glideslope.schedules.names import NAMES, canonical, value_text
from glideslope.schedules.schedule import Schedule
from glideslope.schedules.wrapper import Wrapper, enclosed


@dataclass(frozen=True, repr=False)
class Named(Wrapper):
    """A definition with its name; two are equal when name and arguments are. With another definition the name is lost.

    A method's first argument, `self`, is the schedule that it is called on.
    """

    schedule: Schedule = field(compare=False)
    name: str
    arguments: tuple[tuple[str, Any], ...]

    @property
    def subject(self) -> Schedule | None:
        """The schedule that a method was called on."""
        return dict(self.arguments).get("self")

    @property
    def maker(self) -> Callable[..., Schedule]:
        """The function or method that it is made by."""
        return _maker(self.name, dict(self.arguments))

    def map(self, change: Callable[[Schedule], Schedule]) -> Schedule:
        return change(self.schedule)

    def is_steady(self) -> bool:
        return self.schedule.is_steady() and (self.subject is None or self.subject.is_steady())

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        try:
            return super().formula(frame, length, begin)
        except ScheduleError as error:
            raise ScheduleError(f"{self!r}: {error}") from None

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self.name, dict(self.arguments))

    def __str__(self) -> str:
        texts: list[str] = []
        values = dict(self.arguments)
        for i, place in enumerate(_places(self.maker)):
            value = values[place.name]
            if value == canonical(place.default):
                continue
            in_place = place.kind != place.KEYWORD_ONLY and len(texts) == i
            texts.append(value_text(value) if in_place else f"{place.name}={value_text(value)}")
        owner = "" if self.subject is None else f"{enclosed(self.subject)}."
        return f"{owner}{self.name}({', '.join(texts)})"


def _maker(name: str, arguments: dict[str, Any]) -> Callable[..., Schedule]:
    return getattr(Schedule, name) if "self" in arguments else NAMES[name]


@functools.cache
def _places(maker: Callable[..., Schedule]) -> list[inspect.Parameter]:
    """The parameters that a call of it may give; kept, since a search names its schedules often."""
    return [place for place in inspect.signature(maker).parameters.values() if place.name != "self"]


def _rebuilt(name: str, arguments: dict[str, Any]) -> Schedule:
    return _maker(name, arguments)(**arguments)
