"""Momentum that moves against the rate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from glideslope.errors import ScheduleError
from glideslope.schedules.combined import Scaled
from glideslope.schedules.horizon import Over, Part
from glideslope.schedules.named import Named
from glideslope.schedules.primitives import Ramp
from glideslope.schedules.schedule import Schedule
from glideslope.schedules.sequence import Sequence


def mirrored(schedule: Schedule, high: float, low: float) -> Schedule:
    """Each ramp between the mirrored ends: `low` for the peak, `high` for the begin and what is under it."""
    if not 0 <= low <= high < 1:
        raise ScheduleError(f"high={high}, low={low}: give 0 ≤ low ≤ high < 1")
    ends = [end for ramp in _ramps(schedule) for end in (ramp.start, ramp.end) if end is not None]
    if not ends:
        raise ScheduleError(f"{schedule!r} has no factor of its own: begin it with a warmup or a constant")
    peak = max(ends)
    base = ends[0] if ends[0] < peak else min(ends)
    span = (peak - base) or 1.0

    def momentum(end: float | None) -> float | None:
        return None if end is None else high - (high - low) * min(max((end - base) / span, 0.0), 1.0)

    return _changed(schedule, momentum)


def _ramps(schedule: Schedule) -> Iterator[Ramp]:
    if isinstance(schedule, Ramp):
        yield schedule
        return
    is_method = isinstance(schedule, Named) and schedule.subject is not None
    if is_method or not isinstance(schedule, Sequence | Named | Part | Over | Scaled):
        raise ScheduleError(f"{schedule!r} isn't made of ramps from one factor to another, so it can't be mirrored")
    for child in schedule.children():
        yield from _ramps(child)


def _changed(schedule: Schedule, momentum: Callable[[float | None], float | None]) -> Schedule:
    """The same ramps between other factors, and no scale."""
    if isinstance(schedule, Ramp):
        return replace(schedule, start=momentum(schedule.start), end=momentum(schedule.end))
    if isinstance(schedule, Scaled):
        return _changed(schedule.schedule, momentum)
    return schedule.map(lambda child: _changed(child, momentum))
