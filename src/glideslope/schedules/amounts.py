"""Checks of the numbers that a user gives: updates, peaks, and others that must be positive."""

from __future__ import annotations

import math
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from typing import Any

from glideslope.documents import shown
from glideslope.errors import GlideslopeError, SearchError
from glideslope.schedules.numbers import MOST_UPDATES, is_finite, plain, short

_REAL: Any = (int, float, Fraction, Decimal)


def check_positive(**numbers: Any) -> None:
    """Raises unless each is positive, naming the one that isn't."""
    for name, given in numbers.items():
        number: Any = plain(given)
        if isinstance(number, bool) or not isinstance(number, _REAL):
            raise SearchError(f"{name}={shown(number)}: give a number")
        if number > MOST_UPDATES and not (isinstance(number, float) and math.isinf(number)):
            raise SearchError(f"{name}={short(number)}: at most 2^53, about 9e15, can be counted")
        if not (number > 0 and is_finite(number)):
            raise SearchError(f"{name}={short(number)}: it must be positive")


def check_peak(peak: object) -> float:
    """A peak rate as a float. Raises unless it is a positive number."""
    number = real("a peak rate", peak)
    if not (math.isfinite(number) and number > 0):
        raise SearchError(f"a peak rate of {peak}: it must be positive")
    return number


def real(name: str, value: Any, error: type[GlideslopeError] = SearchError) -> float:
    """A number, or the text of one as some configurations have it (YAML's `1e-3`), as a float. Raises the error if it
    is none.

    >>> real("peak", "1e-3")
    0.001
    """
    with suppress(TypeError, ValueError, RuntimeError, OverflowError):
        if not isinstance(value, bool):
            return float(value)
    raise error(f"{name}={shown(value)}: give a number")
