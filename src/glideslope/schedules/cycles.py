"""Cycles: up and down again."""

from __future__ import annotations

from glideslope.errors import ScheduleError
from glideslope.schedules.durations import Duration, Time
from glideslope.schedules.names import named
from glideslope.schedules.phases import optional
from glideslope.schedules.primitives import Part, Ramp
from glideslope.schedules.schedule import Schedule, check_factor


@named
def one_cycle(duration: Time | None = None, *, start: float = 0.1, final: float = 1e-4, last: float = 0.1) -> Schedule:
    """One cycle: up to the peak for half the time, down as long, then to almost nothing for the last tenth.

    Linear from `start` to 1 over (T - n)/2 updates, linear back to `start` over as many, then linear to `final`
    over the last n = last·T.

    Args:
        duration: how long, T; what the horizon leaves if not given.
        start: the factor at both ends of the cycle.
        final: the factor at t = T, by default a thousandth of `start`.
        last: the fraction of T that the last phase takes, from 0 up to 1.

    Raises:
        ScheduleError: a factor is negative or not finite, or `last` isn't a fraction under 1.

    Source: Smith 2018, arXiv:1803.09820; Géron, Hands-On Machine Learning, ch. 11.

    >>> schedule = one_cycle().over(100)
    >>> [round(schedule(t), 4) for t in (0, 45, 90, 100)]
    [0.1, 1.0, 0.1, 0.0001]
    """
    check_factor("start", start)
    check_factor("final", final)
    check_factor("last", last)
    if last >= 1:
        raise ScheduleError(f"last={last}: it is the fraction of the cycle that the last phase takes, under 1")
    half = Duration(50 * (1 - last), "%")
    ramps = Ramp(half, start, 1.0) >> Ramp(half, 1.0, start) >> Ramp(None, start, final)
    return Part(optional(duration), ramps)
