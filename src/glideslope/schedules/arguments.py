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
from glideslope.schedules.sampling import short

P = ParamSpec("P")
Result = TypeVar("Result")


def checked(error: type[GlideslopeError], above_0: str = "") -> Callable[[Callable[P, Result]], Callable[P, Result]]:
    """Has the arguments of a function checked against its annotations; those that are named must be above 0.

    A number may be NumPy's, or an array without dimensions: the function gets one of Python's. A sequence may be
    anything that gives its items. A class is known by its name, which may be imported for type checkers only.

    >>> from glideslope.errors import LawError
    >>> @checked(LawError, above_0="peak")
    ... def rate(peak: float, factor: float | None = None) -> float:
    ...     return peak * (factor or 1.0)
    >>> rate(-1)
    Traceback (most recent call last):
    glideslope.errors.LawError: peak=-1: give a number above 0
    """
    positive = above_0.split()

    def decorated(function: Callable[P, Result]) -> Callable[P, Result]:
        signature = inspect.signature(function)

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
    """A value as one of the kinds of an annotation. Raises an error that names it if it is of none."""
    for kind in _kinds(annotation):
        with suppress(_OtherKindError):
            given = _as(kind, value)
            if given is None or not is_positive or 1 / MOST <= given <= MOST:
                return given
            if given > 0:
                raise error(f"{name}={short(given)}: give a number from {1 / MOST:g} to {MOST:g}")
    advice = " or ".join(map(_word, (kind for kind in _kinds(annotation) if kind != "None")))
    raise error(f"{name}={shown(value, 80)}: give {advice}{' above 0' if is_positive else ''}")


class _OtherKindError(Exception):
    """A value isn't of a kind."""


@functools.cache
def _kinds(annotation: str) -> list[str]:
    """The alternatives of an annotation, those within brackets aside."""
    return [kind.strip() for kind in re.split(r"\|(?![^\[]*\])", annotation)]


def _is_real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and is_finite(value)


_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "None": (lambda value: value is None, ""),
    "Any": (lambda _: True, ""),
    "bool": (lambda value: isinstance(value, bool), "True or False"),
    "float": (_is_real, "a number"),
    "int": (lambda value: _is_real(value) and value == int(value), "a whole number"),
    "str": (lambda value: isinstance(value, str), "a text"),
    "Path": (lambda value: isinstance(value, os.PathLike), "a path"),
    "Watch": (callable, "a function"),
    "Mapping": (lambda value: isinstance(value, Mapping), "a mapping"),
}


def _word(kind: str) -> str:
    name, _, inner = kind.partition("[")
    return (
        f"a list of {_word(_kinds(inner[:-1].split(',')[0])[0])}" if inner else _KINDS.get(name, ("", f"a {name}"))[1]
    )


def _as(kind: str, value: Any) -> Any:
    """A value as of a kind, which is no alternative. Raises if it isn't one."""
    name, _, inner = kind.partition("[")
    if name in ("Sequence", "Iterable", "tuple"):
        if isinstance(value, str | bytes | Mapping | Set) or not (
            isinstance(value, Iterable) and getattr(value, "ndim", None) != 0
        ):
            raise _OtherKindError
        items = [as_kind(_OtherKindError, "", item, inner[:-1].split(",")[0]) for item in value]
        if name == "tuple" and len(items) != inner.count(",") + 1:
            raise _OtherKindError
        return tuple(items) if name == "tuple" else items
    if name in ("bool", "float", "int"):
        value = plain(value)
        with suppress(OverflowError):
            value = float(value) if isinstance(value, Fraction | Decimal) else value
    is_of_kind = _KINDS[name][0] if name in _KINDS else lambda value: name in {t.__name__ for t in type(value).__mro__}
    if not is_of_kind(value):
        raise _OtherKindError
    return int(value) if name == "int" else float(value) if name == "float" and abs(value) > 2**53 else value
