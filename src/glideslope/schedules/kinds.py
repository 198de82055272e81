"""The kinds of arguments that make a schedule, by their annotations: a list, a number, a word, or yes or no."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from glideslope.documents import shown
from glideslope.errors import ScheduleError
from glideslope.schedules.durations import Duration, number_text
from glideslope.schedules.numbers import is_finite


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, tuple)


_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "float": (_is_number, "it must be a number"),
    "float | None": (lambda value: value is None or _is_number(value), "it must be a number"),
    "str": (lambda value: isinstance(value, str), "give a word"),
    "bool": (lambda value: isinstance(value, bool), "give true or false"),
    "SequenceOf[float]": (_is_list, "give a list of numbers, such as [1, 0.5, 0.1]"),
    "SequenceOf[Time]": (_is_list, "give a list of times, such as ['30%', '60%'] or [3000, 6000]"),
}


def check_kinds(parameters: Mapping[str, inspect.Parameter], arguments: Mapping[str, Any]) -> None:
    """Raises a ScheduleError, which names it, if an argument in its canonical form isn't of the kind that its parameter
    is annotated with. Times, and the items of lists, are checked where they are read."""
    for name, value in arguments.items():
        is_of_kind, advice = _KINDS.get(parameters[name].annotation, (None, ""))
        if is_of_kind is not None and not is_of_kind(value):
            text = number_text(value) if _is_number(value) and is_finite(value) else shown(value, 80)
            raise ScheduleError(f"{name}={value if isinstance(value, Duration) else text}: {advice}")
