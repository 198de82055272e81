"""Momentum that moves against the rate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from glideslope.errors import ScheduleError
from glideslope.schedules.combined import Scaled
from glideslope.schedules.horizon import Over
from glideslope.schedules.names import Named, method
from glideslope.schedules.primitives import Part, Ramp
from glideslope.schedules.schedule import Schedule
from glideslope.schedules.sequence import Sequence


@method
def momentum(schedule: Schedule, high: float = 0.95, low: float = 0.85) -> Schedule:
    """Each ramp between the mirrored ends: `low` for the peak, `high` for the begin and what is under it."""
    if not 0 <= low <= high < 1:
        raise ScheduleError(f"high={high}, low={low}: give 0 ≤ low ≤ high < 1")
    ends = [end for ramp in _ramps(schedule) for end in (ramp.start, ramp.end) if end is not None]
    if not ends:
        raise ScheduleError(f"{schedule!r} says at no time what its factor is: begin it with a warmup or a constant")
    peak = max(ends)
    base = ends[0] if ends[0] < peak else min(ends)
    span = (peak - base) or 1.0

    def mirrored(end: float | None) -> float | None:
        return None if end is None else high - (high - low) * min(max((end - base) / span, 0.0), 1.0)

    return _changed(schedule, mirrored)


def _ramps(schedule: Schedule) -> Iterator[Ramp]:
    match schedule:
        case Ramp():
            yield schedule
        case Sequence():
            for phase in schedule.phases:
                yield from _ramps(phase)
        case Named() if schedule.subject is None:
            yield from _ramps(schedule.definition)
        case Part() | Over() | Scaled():
            yield from _ramps(schedule.schedule)
        case _:
            raise ScheduleError(f"{schedule!r} isn't made of ramps from one factor to another: none can be mirrored")


def _changed(schedule: Schedule, mirrored: Callable[[float | None], float | None]) -> Schedule:
    match schedule:
        case Ramp():
            return replace(schedule, start=mirrored(schedule.start), end=mirrored(schedule.end))
        case Sequence():
            return Sequence(tuple(_changed(phase, mirrored) for phase in schedule.phases))
        case Part() | Over():
            return replace(schedule, schedule=_changed(schedule.schedule, mirrored))
        case Named():
            return _changed(schedule.definition, mirrored)
        case Scaled():
            return _changed(schedule.schedule, mirrored)
    raise AssertionError(schedule)
