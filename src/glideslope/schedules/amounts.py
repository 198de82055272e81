"""Checks of the numbers that a user gives: updates, peaks, and others that must be positive."""

from __future__ import annotations

import math

from glideslope.documents import shown
from glideslope.errors import SearchError
from glideslope.schedules.sampling import MOST_UPDATES, short


def check_positive(**numbers: float) -> None:
    """Raises unless each is positive, naming the one that isn't."""
    for name, number in numbers.items():
        if not hasattr(number, "__float__"):
            raise SearchError(f"{name}={shown(number)}: give a number")
        if number > MOST_UPDATES and not (isinstance(number, float) and math.isinf(number)):
            raise SearchError(f"{name}={short(number)}: at most 2^53, about 9e15, can be counted")
        if not (math.isfinite(number) and number > 0):
            raise SearchError(f"{name}={number}: it must be positive")


def check_peak(peak: float) -> None:
    """Raises unless a peak rate is a positive number."""
    if not (math.isfinite(peak) and peak > 0):
        raise SearchError(f"a peak rate of {peak}: it must be positive")
