"""Durations in updates, parts of the horizon, epochs, examples or tokens, and the clock that converts them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from glideslope.documents import shown
from glideslope.errors import ScheduleError
from glideslope.schedules.numbers import MULTIPLES, NUMBER, is_finite, is_number, plain, written

UNITS = {"%": "percent of the horizon", "ep": "epochs", "ex": "examples", "tok": "tokens"}
UPDATES = "upd"  # the unit of updates, which only a part of one has to be written with: `0.5upd`
LONGEST = 1e30  # the largest number of a duration or a clock: no product of two overflows
_DURATION = re.compile(rf"\s*([+-]?{NUMBER})\s*(?:(%)|([kKMBT])?(ep|ex|tok|{UPDATES})?)\s*", re.ASCII)


@dataclass(frozen=True)
class Duration:
    """A length of training with its unit: `Duration(5, "%")` is written `5%`. Raises a ScheduleError if the value is
    negative or not finite, or the unit is unknown.

    >>> Duration(5, "%"), str(Duration(2e9, "tok"))
    (Duration(value=5, unit='%'), '2e9tok')
    """

    value: float  #: the number of units; finite and not negative
    unit: str = ""  #: "%" of the horizon, "ep" epochs, "ex" examples, "tok" tokens, or "" for updates

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", plain(self.value))
        if not isinstance(self.unit, str) or (self.unit and self.unit not in UNITS):
            raise ScheduleError(f"unknown unit {self.unit!r}: use one of {', '.join(UNITS)}, or none for updates")
        if not is_number(self.value):
            raise ScheduleError(f"a duration of {shown(self.value)}: it must be a number")
        if isinstance(self.value, int) and self.value > 10**300:
            raise ScheduleError("a duration with more than 300 digits: it must be a number of updates")
        if not (is_finite(self.value) and self.value >= 0):
            raise ScheduleError(f"a duration of {self.value}{self.unit}: it must be finite and not negative")
        if self.value > LONGEST:
            raise ScheduleError(f"a duration of {self.value}{self.unit}: give at most {LONGEST:g}")
        if self.unit == "%" and self.value > 100:
            raise ScheduleError(f"a duration of {self}: more than 100% of the horizon")

    @property
    def is_part_of_an_update(self) -> bool:
        """Whether it is less than an update, and more than nothing: as a bare number that would be a mistake."""
        return not self.unit and 0 < self.value < 1

    def __str__(self) -> str:
        return number_text(self.value) + (UPDATES if self.is_part_of_an_update else self.unit)


Time = int | float | str | Duration
"""The forms of a duration: `500`, `"5%"`, `"10ep"`, `"1e6ex"`, `"2e9tok"`, `"10k"`, `"2Mtok"`.

A bare number between 0 and 1 is refused, since it is mostly a fraction of the horizon, `"10%"`; what really is a part
of an update is written `"0.5upd"`.
"""


@dataclass(frozen=True)
class Clock:
    """The epochs, examples or tokens of an update, by which durations in them become updates. Raises a ScheduleError if
    a value is not positive.

    >>> Clock(steps_per_epoch=430).updates(Duration(10, "ep"))
    4300.0
    """

    steps_per_epoch: float | None = None  #: updates in an epoch
    examples_per_step: float | None = None  #: examples an update consumes, over all devices
    tokens_per_step: float | None = None  #: tokens an update consumes, over all devices

    def __post_init__(self) -> None:
        for name, value in list(vars(self).items()):
            object.__setattr__(self, name, number := plain(value))
            if number is None:
                continue
            if not is_number(number):
                raise ScheduleError(f"{name}={shown(number)}: it must be a number")
            if not (is_finite(number) and number > 0):
                raise ScheduleError(f"{name}={number}: it must be positive")
            if not 1 / LONGEST <= number <= LONGEST:
                raise ScheduleError(f"{name}={number}: give a number from {1 / LONGEST:g} to {LONGEST:g}")

    def updates(self, duration: Duration) -> float:
        """The number of updates (a real number) that a duration in any unit but "%" takes."""
        if duration.unit == "":
            return float(duration.value)
        name = {"ep": "steps_per_epoch", "ex": "examples_per_step", "tok": "tokens_per_step"}[duration.unit]
        worth = getattr(self, name)
        if worth is None:
            raise ScheduleError(
                f"{duration} is in {UNITS[duration.unit]}: say how many there are, clock=gs.Clock({name}=…) beside the "
                f"horizon, or in a text .over(steps, {name}=…)"
            )
        return _settled(duration.value * worth if duration.unit == "ep" else duration.value / worth)


@dataclass(frozen=True)
class Frame:
    """The reference of durations: the horizon in updates, where known, and the clock."""

    horizon: float | None = None
    clock: Clock = Clock()

    def updates(self, duration: Duration) -> float:
        """The duration as a real number of updates."""
        if duration.unit != "%":
            return self.clock.updates(duration)
        if self.horizon is None:
            raise ScheduleError(f"{duration} is a part of the horizon: give that in updates, schedule.over(10_000)")
        return _settled(self.horizon * duration.value / 100)


def _settled(updates: float) -> float:
    """A whole number of updates where only rounding keeps it from one: 2.2% of 1500 are 33."""
    whole = round(updates)
    return float(whole) if abs(updates - whole) <= 1e-14 * whole else updates


def duration(time: Time) -> Duration:
    """Reads a duration: a number of updates, or text with a unit. Raises a ScheduleError if the text is not a number
    with one of the units, or a bare number is less than an update.

    >>> duration("5%"), duration(500)
    (Duration(value=5.0, unit='%'), Duration(value=500, unit=''))
    """
    length = time_of(time)
    if length.is_part_of_an_update and not is_explicit(time):
        raise ScheduleError(
            f"{plain(time)!r} is less than one update: did you mean '{number_text(100 * length.value)}%' of the "
            f"horizon? A part of an update is written '{length}'"
        )
    return length


def timescale_of(time: Time) -> Duration:
    """A duration to divide by, so not zero."""
    if (timescale := duration(time)).value == 0:
        raise ScheduleError(f"timescale={time}: it must be positive")
    return timescale


def is_explicit(time: Time) -> bool:
    """Whether a part of an update is meant as one: it has its unit."""
    return isinstance(time, Duration) or (isinstance(time, str) and time.strip().endswith(UPDATES))


def time_of(time: Time) -> Duration:
    """Reads a duration or the time of a point, which may be within an update."""
    time = plain(time)
    if isinstance(time, Duration):
        return time
    if isinstance(time, str):
        if match := _DURATION.fullmatch(time):
            return with_unit(match[1], match[2] or (match[3] or "") + (match[4] or ""))
    elif is_number(time):
        return Duration(time)
    raise ScheduleError(
        f"{shown(time)} is not a duration: write 500, '10_000' or '10k' (updates), '5%', '10ep', '1e6ex' or '2Mtok'"
    )


def with_unit(number: str, unit: str) -> Duration:
    """A duration of a number and its unit as written, which may begin with k for thousands, or M for millions. Raises a
    ScheduleError if the unit is unknown, or the number is none that a `Duration` takes.

    >>> with_unit("1.1", "k"), with_unit("2", "Mtok"), with_unit("0.5", "upd")
    (Duration(value=1100.0, unit=''), Duration(value=2000000.0, unit='tok'), Duration(value=0.5, unit=''))
    """
    multiple = unit[:1] if unit[:1] in MULTIPLES and unit[1:] in (*UNITS, UPDATES, "") and unit[1:] != "%" else ""
    unit = unit[len(multiple) :]
    if unit not in (*UNITS, UPDATES, ""):
        raise ScheduleError(
            f"unknown unit {unit!r}: use one of {', '.join(UNITS)}, or none for updates; before it, or alone, k for "
            "thousands or M for millions"
        )
    return Duration(float(written(number + multiple)), "" if unit == UPDATES else unit)


def number_text(value: float) -> str:
    """The shortest text that reads back as the same number: `5`, `0.1`, `2e9`."""
    short = f"{value:g}"
    if float(short) == value:
        mantissa, e, exponent = short.partition("e")
        return mantissa + (e and f"e{int(exponent)}")
    return str(int(value)) if value == int(value) else repr(float(value))
