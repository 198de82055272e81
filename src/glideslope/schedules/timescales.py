"""Decays with a timescale of their own, which the length of the training does not change."""

from __future__ import annotations

import math
from typing import Any

from glideslope.errors import ScheduleError
from glideslope.schedules.checks import check_factor, check_positive
from glideslope.schedules.durations import Duration, Time, duration, timescale_of
from glideslope.schedules.names import named
from glideslope.schedules.phases import optional
from glideslope.schedules.primitives import Decay, Ramp
from glideslope.schedules.schedule import Schedule


@named
def polynomial_cycles(period: Time = "25%", *, power: float = 1.0, final: float = 0.0) -> Schedule:
    """A polynomial whose end moves on each time it is reached: f + (1 - f)·(1 - t/(n·P))^p, n = ceil(t/P), at least 1.

    Args:
        period: P.
        power: the exponent p, positive.
        final: the factor f at the ends.

    Source: Keras, PolynomialDecay(cycle=True).

    >>> [round(polynomial_cycles(10)(t), 3) for t in (5, 10, 15, 20)]
    [0.5, 0.0, 0.25, 0.0]
    """
    check_positive("power", power)
    check_factor("final", final)

    def curve(x: Any, xp: Any) -> Any:
        ends = xp.clip(-xp.floor(-x), 1.0, math.inf)
        return final + (1.0 - final) * (1.0 - x / ends) ** power

    return Decay(None, timescale_of(period), curve, highest=max(final, 1.0))


@named
def power(timescale: Time = "10%", *, exponent: float = 1.0, duration: Time | None = None) -> Schedule:
    """A power of time: 1/(1 + t/s)^c; with c = 1, half after s updates, a third after 2s.

    Args:
        timescale: s.
        exponent: c.
        duration: the duration; the rest of the horizon, or no end, if not given.

    Source: Géron, Hands-On Machine Learning, ch. 11.

    >>> [power(100)(t) for t in (0, 100, 300)]
    [1.0, 0.5, 0.25]
    """
    check_factor("exponent", exponent)
    return Decay(optional(duration), timescale_of(timescale), lambda x, xp: (1.0 + x) ** -exponent)


@named
def inverse_time(
    timescale: Time = "10%", *, rate: float = 1.0, staircase: bool = False, duration: Time | None = None
) -> Schedule:
    """The inverse of time: 1/(1 + r·t/s); a staircase takes the whole part, 1/(1 + r·floor(t/s)).

    Args:
        timescale: s.
        rate: r.
        staircase: whether to fall in steps.
        duration: the duration; the rest of the horizon, or no end, if not given.

    >>> inverse_time(100, staircase=True)(199)
    0.5
    """
    check_factor("rate", rate)
    return Decay(optional(duration), timescale_of(timescale), lambda x, xp: 1.0 / (1.0 + rate * x), staircase)


@named
def exponential(
    timescale: Time = "50%", *, ratio: float = 0.1, staircase: bool = False, duration: Time | None = None
) -> Schedule:
    """Falls by the same ratio in every timescale: r^(t/s); a staircase takes whole powers, r^floor(t/s).

    Args:
        timescale: s.
        ratio: r, by default ten times less every s updates.
        staircase: whether to fall in steps.
        duration: the duration; the rest of the horizon, or no end, if not given.

    Raises:
        ScheduleError: the timescale is zero, or the ratio isn't in (0, 1].

    Source: Géron, Hands-On Machine Learning, ch. 11.

    >>> round(exponential(100)(200), 6), exponential(100, ratio=0.5, staircase=True)(199)
    (0.01, 0.5)
    """
    _check_ratio(ratio)
    return Decay(optional(duration), timescale_of(timescale), lambda x, xp: ratio**x, staircase)


@named
def step(every: Time = "30%", *, ratio: float = 0.1) -> Schedule:
    """Multiplied by the same ratio every s updates: r^floor(t/s).

    Args:
        every: s.
        ratio: r.

    >>> [step(30)(t) for t in (29, 30)]
    [1.0, 0.1]
    """
    _check_ratio(ratio)
    return Decay(None, timescale_of(every), lambda x, xp: ratio**x, True)


@named
def inverse_sqrt(warmup: Time = "5%", *, timescale: Time | None = None) -> Schedule:
    """Rises over w updates, then falls with the inverse square root of time: min(t/w, √(w/t)).

    Args:
        warmup: w; 0 for no warmup, which needs a timescale.
        timescale: s, w if not given; after the warmup the factor is √(s/(s + t - w)).

    Raises:
        ScheduleError: there is neither a warmup nor a timescale.

    Source: Vaswani et al. 2017, arXiv:1706.03762, in the form of transformers' get_inverse_sqrt_schedule.

    >>> [inverse_sqrt(100)(t) for t in (50, 100, 400)]
    [0.5, 1.0, 0.5]
    """
    scale = timescale_of(warmup if timescale is None else timescale)
    return Ramp(duration(warmup), 0.0, 1.0) >> Decay(None, scale, lambda x, xp: 1.0 / xp.sqrt(1.0 + x))


@named
def noam(warmup: float = 4000, *, width: float = 512) -> Schedule:
    """The rate of the Transformer: d^-0.5·min(n^-0.5, n·w^-1.5), n = t + 1. Its peak, (d·w)^-0.5, isn't 1.

    Args:
        warmup: w, in updates, at least 1.
        width: the width of the model, d.

    Source: Vaswani et al. 2017, arXiv:1706.03762.

    >>> noam(100, width=100)(99)
    0.01
    """
    check_positive("width", width)
    if not isinstance(warmup, int | float) or not warmup >= 1:
        raise ScheduleError(f"warmup={warmup}: give a number of updates, at least 1, since the peak depends on it")
    peak = (warmup * width) ** -0.5
    rise = Ramp(Duration(warmup - 1), peak / warmup, peak)
    return rise >> Decay(None, Duration(warmup), lambda x, xp: peak / xp.sqrt(1.0 + x), highest=peak)


def _check_ratio(ratio: float) -> None:
    check_factor("ratio", ratio)
    if not 0 < ratio <= 1:
        raise ScheduleError(f"ratio={ratio}: it must be over 0 and at most 1")
