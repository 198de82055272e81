"""Named schedules: what a user calls, prints and parses is a name with arguments; what it means is its definition."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ParamSpec

from glideslope.errors import ScheduleError
from glideslope.schedules import theirs
from glideslope.schedules.arrays import Formula
from glideslope.schedules.durations import Duration, Frame, is_explicit, number_text, time_of
from glideslope.schedules.numbers import is_finite, plain
from glideslope.schedules.schedule import METHODS, Schedule, check_most, enclosed

P = ParamSpec("P")

NAMES: dict[str, Callable[..., Schedule]] = {}
"""Every schedule that the text form knows by name."""

FACTORS: dict[str, Callable[..., Any]] = {}
"""What is no schedule, but can multiply one in the text form; upper floors add theirs."""


@dataclass(frozen=True, repr=False)
class Named(Schedule):
    """A schedule by its name; two are equal when name and arguments are.

    A method's first argument, `schedule`, is what it is called on.
    """

    name: str
    arguments: tuple[tuple[str, Any], ...]
    definition: Schedule = field(compare=False)

    @property
    def subject(self) -> Schedule | None:
        """The schedule that a method was called on."""
        return dict(self.arguments).get("schedule")

    @property
    def maker(self) -> Callable[..., Schedule]:
        """The function that it is made by."""
        return NAMES[self.name] if self.subject is None else METHODS[self.name]

    def most(self, begin: float) -> float:
        return self.definition.most(begin)

    def length(self, frame: Frame) -> float | None:
        return self.definition.length(frame)

    def shortest(self, frame: Frame) -> float:
        return self.definition.shortest(frame)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        try:
            return self.definition.formula(frame, length, begin)
        except ScheduleError as error:
            raise ScheduleError(f"{self!r}: {error}") from None

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self.name, dict(self.arguments))

    def __str__(self) -> str:
        written: list[str] = []
        values = dict(self.arguments)
        places = [p for p in inspect.signature(self.maker).parameters.values() if p.name != "schedule"]
        for i, parameter in enumerate(places):
            value = values[parameter.name]
            if value == canonical(parameter.default):
                continue
            in_place = parameter.kind != parameter.KEYWORD_ONLY and len(written) == i
            written.append(value_text(value) if in_place else f"{parameter.name}={value_text(value)}")
        owner = "" if self.subject is None else f"{enclosed(self.subject)}."
        return f"{owner}{self.name}({', '.join(written)})"


def named(define: Callable[P, Schedule]) -> Callable[P, Schedule]:
    """Registers a function from arguments to a definition as a schedule of that name."""
    NAMES[define.__name__] = make = _maker(define)
    return make


def method(define: Callable[P, Schedule]) -> Callable[P, Schedule]:
    """Registers a function from a schedule and arguments to a definition as a method of that name."""
    METHODS[define.__name__] = make = _maker(define)
    return make


def _maker(define: Callable[P, Schedule]) -> Callable[P, Schedule]:
    signature = inspect.signature(define)
    name = define.__name__

    @functools.wraps(define)
    def make(*args: P.args, **kwargs: P.kwargs) -> Schedule:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            hint = theirs.hint_of_argument(kwargs, signature.parameters)
            raise ScheduleError(f"{name}: {error}; it takes {name}({', '.join(signature.parameters)}){hint}") from None
        bound.apply_defaults()
        arguments = {key: canonical(value) for key, value in bound.arguments.items()}
        try:
            definition = define(*(), **arguments)  # type: ignore[call-arg]
            check_most(definition)
        except (ScheduleError, ArithmeticError) as error:
            raise ScheduleError(f"{name}: {error}") from None
        return Named(name, tuple(arguments.items()), definition)

    return make


def canonical(value: Any) -> Any:
    """An argument as it is compared: text that is a duration becomes one, lists and arrays become tuples."""
    value = plain(value)
    if isinstance(value, str):
        try:
            length = time_of(value)
        except ScheduleError:
            return value
        return canonical(length) if is_explicit(value) or length.unit else length.value
    if isinstance(value, Duration):
        return value if value.unit or value.is_part_of_an_update else value.value
    if isinstance(value, int) and abs(value) > 2**53 and is_finite(value):
        return float(value)  # as its text is read
    if isinstance(value, Iterable) and not isinstance(value, Mapping):
        return tuple(map(canonical, value.tolist() if hasattr(value, "tolist") else value))
    return value


def value_text(value: Any) -> str:
    """An argument as the text form writes it."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(value_text, value))}]"
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return number_text(value) if isinstance(value, int | float) else str(value)


def _rebuilt(name: str, arguments: dict[str, Any]) -> Schedule:
    return (METHODS if "schedule" in arguments else NAMES)[name](**arguments)
