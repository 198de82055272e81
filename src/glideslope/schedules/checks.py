"""The limits of a factor, and of a schedule made of several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glideslope.documents import shown
from glideslope.errors import ScheduleError
from glideslope.schedules.durations import number_text
from glideslope.schedules.numbers import is_finite, is_number

if TYPE_CHECKING:
    from glideslope.schedules.schedule import Schedule

MOST = 1e30  # the largest factor, and the longest time: single precision holds it, and a little more

SHORTEST = 1e-9  # updates: the shortest time that is divided by, so that no quotient overflows


def check_factor(name: str, value: float) -> None:
    """Raises unless a factor is a finite number and not negative."""
    if not is_number(value):
        raise ScheduleError(f"{name}={shown(value)}: it must be a number")
    if not (is_finite(value) and value >= 0):
        raise ScheduleError(f"{name}={value}: it must be finite and not negative")
    if value > MOST:
        raise ScheduleError(f"{name}={value}: give at most {MOST:g}")


def check_positive(name: str, value: float) -> None:
    """Raises unless a number is one that a factor may be, and above 0."""
    check_factor(name, value)
    if value == 0:
        raise ScheduleError(f"{name}=0: it must be positive")


def check_most(schedule: Schedule) -> None:
    """Raises if the product of finite factors could be infinite."""
    if not schedule.most(1.0) <= MOST:
        raise ScheduleError(f"{schedule!r} may come to {schedule.most(1.0):g}: a factor is at most {MOST:g}")


def too_short(schedule: Schedule, takes: float, horizon: float) -> ScheduleError:
    """The error for a horizon that is shorter than what has to fit into it."""
    return ScheduleError(
        f"{schedule!r} takes {number_text(takes)} updates, the horizon is {number_text(horizon)}: "
        "give a longer horizon or shorter phases"
    )
