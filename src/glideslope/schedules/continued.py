"""A schedule scaled to begin where the one before it ended."""

from __future__ import annotations

from glideslope.errors import ScheduleError
from glideslope.schedules.arrays import Formula, scalars
from glideslope.schedules.durations import Clock, Frame
from glideslope.schedules.methods import Mapped
from glideslope.schedules.names import method
from glideslope.schedules.schedule import Schedule

LARGEST_RISE = 1e6
"""How far over its start a schedule that is scaled to begin where the last ended may come."""


@method
def continued(schedule: Schedule) -> Schedule:
    """f(t)·begin/f(0)."""

    def change(inner: Formula, length: float, begin: float) -> Formula:
        if (first := inner(0.0, scalars)) == 0:
            raise ScheduleError(f"{schedule!r} begins at 0, so no scale makes it begin where the last ended")
        if first * LARGEST_RISE < schedule.most(begin):
            raise ScheduleError(f"{schedule!r} begins at {first:g}, so that it would rise more than a millionfold from "
                                "where the last ended")  # fmt: skip
        scale = begin / first
        return lambda t, xp: scale * inner(t, xp)

    rise = _rise(schedule)
    return Mapped(schedule, change, lambda most, begin: rise * begin)


def _rise(schedule: Schedule) -> float:
    """How far over its start a schedule comes, as far as it can be known before its horizon is: at most
    `LARGEST_RISE`, beyond which it can't be used."""
    frame = Frame(10_000.0, Clock(1, 1, 1))
    try:
        length = schedule.length(frame)
        first = schedule.formula(frame, 10_000.0 if length is None else length, 1.0)(0.0, scalars)
    except Exception:  # of a user's own function any
        return LARGEST_RISE
    return min(max(schedule.most(1.0) / first, 1.0), LARGEST_RISE) if first > 0 else LARGEST_RISE
