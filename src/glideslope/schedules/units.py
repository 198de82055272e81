"""The durations within a schedule: their units, and the same schedule with others in their place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from glideslope.schedules.durations import Clock, Duration, Frame
from glideslope.schedules.horizon import Over
from glideslope.schedules.named import Named
from glideslope.schedules.schedule import Schedule


def with_durations(item: Any, change: Callable[[Duration], Duration]) -> Any:
    """The same schedule, or argument of one, with each duration changed; one with its own horizon stays as it is."""
    match item:
        case Duration():
            return change(item)
        case Named():  # its name stays, since it is made again
            return item.maker(**{name: with_durations(value, change) for name, value in item.arguments})
        case Schedule() if not isinstance(item, Over):
            return item.map(partial(with_durations, change=change))
        case tuple():
            return tuple(with_durations(part, change) for part in item)
    return item


def in_updates(item: Any, frame: Frame) -> Any:
    """The same with every fraction of the horizon as so many updates."""
    return with_durations(
        item, lambda duration: Duration(frame.updates(duration)) if duration.unit == "%" else duration
    )


def by_clock(item: Any, clock: Clock) -> Any:
    """The same with every duration in epochs, examples or tokens as so many updates; also of a schedule times a
    feedback or a growth of the batch. Raises a ScheduleError if the clock lacks a unit that is used.

    >>> import glideslope as gs
    >>> by_clock(gs.warmup("2ep") >> gs.cooldown("10%"), Clock(steps_per_epoch=430))
    warmup(860) >> cooldown(10%)
    """
    inner = getattr(item, "schedule", None)
    if not isinstance(item, Schedule) and isinstance(inner, Schedule):
        return replace(item, schedule=by_clock(inner, clock))
    return with_durations(
        item, lambda duration: duration if duration.unit == "%" else Duration(clock.updates(duration))
    )


def first_in(item: Any, unit: str) -> Duration | None:
    """The first duration in a unit, of a schedule that has no horizon of its own; also of one times a feedback.

    >>> import glideslope as gs
    >>> first_in(gs.warmup("1ep") >> gs.hold("2ep"), "ep")
    Duration(value=1.0, unit='ep')
    """
    durations: list[Duration] = []

    def seen(duration: Duration) -> Duration:
        durations.append(duration)
        return duration

    inner = getattr(item, "schedule", None)
    with_durations(inner if not isinstance(item, Schedule) and isinstance(inner, Schedule) else item, seen)
    return next((duration for duration in durations if duration.unit == unit), None)
