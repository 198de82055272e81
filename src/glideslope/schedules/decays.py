"""Decays: from the peak down, at a pace of their own or over a duration."""

from __future__ import annotations

from glideslope.errors import ScheduleError
from glideslope.schedules import shapes
from glideslope.schedules.durations import Duration, Time, duration
from glideslope.schedules.names import named
from glideslope.schedules.phases import optional
from glideslope.schedules.primitives import Decay, Ramp
from glideslope.schedules.schedule import Schedule, check_factor


@named
def linear(duration: Time | None = None, *, start: float = 1.0, final: float = 0.0) -> Schedule:
    """A straight line: start + (final - start)·t/T.

    Args:
        duration: how long, T; what the horizon leaves if not given.
        start: the factor at t = 0.
        final: the factor at t = T.

    Raises:
        ScheduleError: a factor is negative or not finite.

    >>> linear(100, final=0.2)(50)
    0.6
    """
    check_factor("start", start)
    check_factor("final", final)
    return Ramp(optional(duration), start, final)


@named
def cosine(duration: Time | None = None, *, final: float = 0.0) -> Schedule:
    """Half a cosine: f + (1 - f)·(1 + cos(πt/T))/2.

    Args:
        duration: how long, T; what the horizon leaves if not given.
        final: the factor f at t = T.

    Raises:
        ScheduleError: the final factor is negative or not finite.

    Source: Loshchilov & Hutter 2017, arXiv:1608.03983.

    >>> schedule = cosine().over(100)
    >>> [round(schedule(t), 3) for t in (0, 25, 50, 100, 200)]
    [1.0, 0.854, 0.5, 0.0, 0.0]
    """
    check_factor("final", final)
    return Ramp(optional(duration), 1.0, final, shapes.cosine)


@named
def polynomial(duration: Time | None = None, *, power: float = 2.0, final: float = 0.0) -> Schedule:
    """A power of what is left: f + (1 - f)·(1 - t/T)^p.

    Args:
        duration: how long, T; what the horizon leaves if not given.
        power: the exponent p, positive.
        final: the factor f at t = T.

    Raises:
        ScheduleError: the power isn't positive, the final factor is negative, or either isn't finite.

    >>> polynomial(100, power=2)(50)
    0.25
    """
    check_factor("final", final)
    check_factor("power", power)
    if power == 0:
        raise ScheduleError("power=0: it must be positive")
    return Ramp(optional(duration), 1.0, final, lambda x, xp: 1.0 - (1.0 - x) ** power)


@named
def power(timescale: Time = "10%", *, exponent: float = 1.0, duration: Time | None = None) -> Schedule:
    """A power of time: 1/(1 + t/s)^c; with c = 1, half after s updates, a third after 2s.

    Args:
        timescale: s.
        exponent: c.
        duration: how long; what the horizon leaves, or for ever, if not given.

    Raises:
        ScheduleError: the timescale is zero, or the exponent is negative or not finite.

    Source: Géron, Hands-On Machine Learning, ch. 11.

    >>> [power(100)(t) for t in (0, 100, 300)]
    [1.0, 0.5, 0.25]
    """
    check_factor("exponent", exponent)
    return Decay(optional(duration), timescale_of(timescale), lambda x, xp: (1.0 + x) ** -exponent)


@named
def exponential(
    timescale: Time = "50%", *, ratio: float = 0.1, staircase: bool = False, duration: Time | None = None
) -> Schedule:
    """Falls by the same ratio in every timescale: r^(t/s); a staircase takes whole powers, r^floor(t/s).

    Args:
        timescale: s.
        ratio: r, by default ten times less every s updates.
        staircase: whether to fall in steps.
        duration: how long; what the horizon leaves, or for ever, if not given.

    Raises:
        ScheduleError: the timescale is zero, or the ratio isn't in (0, 1].

    Source: Géron, Hands-On Machine Learning, ch. 11.

    >>> round(exponential(100)(200), 6), exponential(100, ratio=0.5, staircase=True)(199)
    (0.01, 0.5)
    """
    check_factor("ratio", ratio)
    if not 0 < ratio <= 1:
        raise ScheduleError(f"ratio={ratio}: it must be over 0 and at most 1")
    curve = (lambda x, xp: ratio ** xp.floor(x)) if staircase else (lambda x, xp: ratio**x)
    return Decay(optional(duration), timescale_of(timescale), curve)


@named
def inverse_sqrt(warmup: Time = "5%", *, timescale: Time | None = None) -> Schedule:
    """Up over w updates and down with the inverse square root: min(t/w, √(w/t)).

    Args:
        warmup: w; 0 for none, which then needs the timescale.
        timescale: s, w if not given; after the warmup the factor is √(s/(s + t - w)).

    Raises:
        ScheduleError: neither a warmup nor a timescale.

    Source: Vaswani et al. 2017, arXiv:1706.03762, in the form of transformers' get_inverse_sqrt_schedule.

    >>> [inverse_sqrt(100)(t) for t in (50, 100, 400)]
    [0.5, 1.0, 0.5]
    """
    own = timescale_of(warmup if timescale is None else timescale)
    return Ramp(duration(warmup), 0.0, 1.0) >> Decay(None, own, lambda x, xp: 1.0 / xp.sqrt(1.0 + x))


def timescale_of(time: Time) -> Duration:
    """A duration to divide by, so not zero."""
    if (own := duration(time)).value == 0:
        raise ScheduleError(f"timescale={time}: it must be longer than nothing")
    return own
