"""Named schedules: the functions and methods that make them, and the canonical form of their arguments."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Set
from typing import TYPE_CHECKING, Any, ParamSpec

from glideslope.documents import shown
from glideslope.errors import ScheduleError
from glideslope.schedules import theirs
from glideslope.schedules.checks import check_most
from glideslope.schedules.durations import Duration, is_explicit, number_text, time_of
from glideslope.schedules.numbers import is_finite, is_number, plain

if TYPE_CHECKING:
    from glideslope.schedules.schedule import Schedule

P = ParamSpec("P")

NAMES: dict[str, Callable[..., Schedule]] = {}  # every schedule that the text form knows by name

FACTORS: dict[str, Callable[..., Any]] = {}
"""Factors that can multiply a schedule in the text form; upper floors add theirs."""


def named(define: Callable[P, Schedule]) -> Callable[P, Schedule]:
    """Registers a function from arguments to a definition as a schedule of that name."""
    NAMES[define.__name__] = make = method(define)
    return make


def method(define: Callable[P, Schedule]) -> Callable[P, Schedule]:
    """Makes a method's schedule one that is named by the method and its arguments."""
    signature = inspect.signature(define)
    name, places = define.__name__, [place for place in signature.parameters.values() if place.name != "self"]
    parameters = [place.name for place in places]
    taken = [place.name + ("=…" if place.kind is place.KEYWORD_ONLY else "") for place in places]

    @functools.wraps(define)
    def make(*args: P.args, **kwargs: P.kwargs) -> Schedule:
        from glideslope.schedules.named import Named

        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            hint = theirs.hint_of_argument(kwargs, parameters)
            raise ScheduleError(f"{name}: {error}; it takes {name}({', '.join(taken)}){hint}") from None
        bound.apply_defaults()
        arguments = {key: canonical(value) for key, value in bound.arguments.items()}
        try:
            _check_kinds(signature.parameters, arguments)
            definition = define(**arguments)  # type: ignore[call-arg]
            check_most(definition)
        except (ScheduleError, ArithmeticError) as error:
            raise ScheduleError(f"{name}: {error}") from None
        return Named(definition, name, tuple(arguments.items()))

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
    if isinstance(value, Iterable) and not isinstance(value, Mapping | Set | bytes):
        return tuple(map(canonical, value.tolist() if hasattr(value, "tolist") else value))
    return value


def value_text(value: Any) -> str:
    """An argument as the text form writes it."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(value_text, value))}]"
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return number_text(value) if isinstance(value, int | float) else str(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, tuple)


_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "float": (is_number, "give a number, such as 0.1"),
    "float | None": (lambda value: value is None or is_number(value), "give a number, such as 0.1"),
    "str": (lambda value: isinstance(value, str), "give a word"),
    "bool": (lambda value: isinstance(value, bool), "give true or false"),
    "SequenceOf[float]": (_is_list, "give a list of numbers, such as [1, 0.5, 0.1]"),
    "SequenceOf[Time]": (_is_list, "give a list of times, such as ['30%', '60%'] or [3000, 6000]"),
}


def _check_kinds(parameters: Mapping[str, inspect.Parameter], arguments: Mapping[str, Any]) -> None:
    """Raises a ScheduleError, which names it, if an argument in its canonical form isn't of the kind that its parameter
    is annotated with. Times, and the items of lists, are checked where they are read."""
    for name, value in arguments.items():
        is_of_kind, advice = _KINDS.get(parameters[name].annotation, (None, ""))
        if is_of_kind is not None and not is_of_kind(value):
            text = number_text(value) if is_number(value) and is_finite(value) else shown(value, 80)
            raise ScheduleError(f"{name}={value if isinstance(value, Duration) else text}: {advice}")
