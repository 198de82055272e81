"""Schedules in epochs at the command line, where an option says how long one is."""

from __future__ import annotations

from typing import Any

from glideslope.errors import GlideslopeError, ScheduleError
from glideslope.schedules import Clock, parse
from glideslope.schedules.amounts import check_peak, check_positive
from glideslope.schedules.durations import UNITS
from glideslope.schedules.units import by_clock, first_in

_OPTIONS = {"ep": "--steps-per-epoch", "ex": "--examples-per-step", "tok": "--tokens-per-step"}


def parsed(text: str, steps_per_epoch: float | None) -> Any:
    """The schedule in a text, its epochs as so many updates. Raises a GlideslopeError where it can't be read."""
    value = _read(text)
    check_units(value, Clock(steps_per_epoch), options=("ep",))
    return by_clock(value, Clock(steps_per_epoch))


def check_units(value: Any, clock: Clock, options: tuple[str, ...] = tuple(_OPTIONS)) -> None:
    """Raises for a duration in a unit that the clock lacks, with the option, or the text, that gives it."""
    counts = {"ep": clock.steps_per_epoch, "ex": clock.examples_per_step, "tok": clock.tokens_per_step}
    for unit, worth in counts.items():
        used = None if worth else first_in(value, unit)
        if used is None:
            continue
        if unit in options:
            raise GlideslopeError(f"{value}: {used} is in {UNITS[unit]}: give {_OPTIONS[unit]}")
        name = _OPTIONS[unit].strip("-").replace("-", "_")
        raise GlideslopeError(f"{value}: {used} is in {UNITS[unit]}: write (…).over(HORIZON, {name}=N) in the schedule")


def _read(text: str) -> Any:
    try:
        return parse(text)
    except ScheduleError as error:
        if "steps_per_epoch" in str(error):  # of a horizon within the text
            raise ScheduleError(f"{error}; or leave out .over, and give --steps and --steps-per-epoch") from None
        raise


def rates_of(schedule: Any, peak: float, steps: int) -> Any:
    """The rates of a schedule, its peak and length checked."""
    from glideslope.laws import Rates

    check_positive(steps=steps)
    check_peak(peak)
    return Rates.of_schedule(schedule, steps, peak)
