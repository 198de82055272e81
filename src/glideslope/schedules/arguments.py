"""Arguments of public functions: each of the kind that its annotation names, or an error that says what to give."""

from __future__ import annotations

import functools
import inspect
import os
import re
from collections.abc import Callable, Iterable, Mapping, Set
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from typing import Any, ParamSpec, TypeVar

from glideslope.documents import shown
from glideslope.errors import GlideslopeError
from glideslope.schedules.checks import MOST
from glideslope.schedules.numbers import is_finite, plain

P = ParamSpec("P")
Result = TypeVar("Result")


def checked(error: type[GlideslopeError], above_0: str = "") -> Callable[[Callable[P, Result]], Callable[P, Result]]:
    """Has the arguments of a function checked against its annotations; those that are named must be above 0.

    Numbers of NumPy, and arrays without dimensions, are given as Python's; what gives the items of a sequence, as a
    list. A class is known by its name, which may be imported for type checkers only."""

    def decorated(function: Callable[P, Result]) -> Callable[P, Result]:
        signature, positive = inspect.signature(function), above_0.split()

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> Result:
            bound = signature.bind(*args, **kwargs)
            for name, value in bound.arguments.items():
                if isinstance(annotation := signature.parameters[name].annotation, str):
                    bound.arguments[name] = as_kind(error, name, value, annotation, name in positive)
            return function(*bound.args, **bound.kwargs)

        return call

    return decorated


def as_kind(error: type[Exception], name: str, value: Any, annotation: str, is_positive: bool = False) -> Any:
    """A value as one of the kinds of an annotation. Raises an error that names it if it is of none.

    >>> as_kind(ValueError, "peak", -1, "float | None", is_positive=True)
    Traceback (most recent call last):
    ValueError: peak=-1: give a number above 0
    """
    kinds = re.split(r" *\|(?![^\[]*\]) *", annotation)  # those within brackets aside
    for kind in kinds:
        with suppress(_OtherKindError):
            converted = _as(kind, value)
            if converted is None or not is_positive or 1 / MOST <= converted <= MOST:
                return converted
            if converted > 0:
                raise error(f"{name}={shown(converted, 20)}: give a number from {1 / MOST:g} to {MOST:g}")
    words = [_WORDS.get(kind, f"a {kind}".replace("Sequence[", "list of ").rstrip("]")) for kind in kinds]
    advice = " or ".join(filter(None, words))
    raise error(f"{name}={shown(value, 80)}: give {advice}{' above 0' if is_positive else ''}")


class _OtherKindError(Exception):
    """A value isn't of a kind."""


_TYPES: dict[str, Any] = {
    "None": type(None), "Any": object, "bool": bool, "str": str, "Path": os.PathLike, "float": int | float,
    "int": int | float,
}  # fmt: skip
_WORDS = {
    "None": "", "bool": "True or False", "float": "a number", "int": "a whole number", "str": "a text",
    "Path": "a path", "Sequence[float]": "a list of numbers", "tuple[float, float]": "two numbers",
    "Iterable[Path | str]": "paths",
}  # fmt: skip


def _as(kind: str, value: Any) -> Any:
    """A value as of a kind, which is no alternative. Raises if it isn't one."""
    name, _, inner = kind.partition("[")
    if inner:
        is_list = isinstance(value, Iterable) and getattr(value, "ndim", None) != 0
        if not is_list or isinstance(value, str | bytes | Mapping | Set):
            raise _OtherKindError
        items = [as_kind(_OtherKindError, "", item, inner[:-1].split(",")[0]) for item in value]
        if name == "tuple" and len(items) != inner.count(",") + 1:
            raise _OtherKindError
        return items
    if name in ("bool", "float", "int"):
        value = plain(value)
        with suppress(OverflowError):
            value = float(value) if isinstance(value, Fraction | Decimal) else value
    if not (isinstance(value, _TYPES[name]) if name in _TYPES else name in {of.__name__ for of in type(value).__mro__}):
        raise _OtherKindError
    if name not in ("float", "int"):
        return value
    if isinstance(value, bool) or not is_finite(value) or (name == "int" and value != int(value)):
        raise _OtherKindError
    return int(value) if name == "int" else float(value) if abs(value) > 2**53 else value
