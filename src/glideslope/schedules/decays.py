"""Decays: from the peak down, at a pace of their own or over a duration."""

from __future__ import annotations

import math
from typing import Any

from glideslope.errors import ScheduleError
from glideslope.schedules import shapes
from glideslope.schedules.arrays import Formula
from glideslope.schedules.checks import check_factor, check_positive
from glideslope.schedules.durations import Duration, Time, duration, timescale_of
from glideslope.schedules.names import named
from glideslope.schedules.phases import optional
from glideslope.schedules.primitives import Decay, Hyperbola, Ramp
from glideslope.schedules.schedule import Schedule


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
def cosine(duration: Time | None = None, *, final: float = 0.0, exponent: float = 1.0) -> Schedule:
    """Half a cosine: f + (1 - f)·((1 + cos(πt/T))/2)^p.

    Args:
        duration: how long, T; what the horizon leaves if not given.
        final: the factor f at t = T.
        exponent: p, positive.

    Source: Loshchilov & Hutter 2017, arXiv:1608.03983.

    >>> schedule = cosine().over(100)
    >>> [round(schedule(t), 3) for t in (0, 25, 50, 100, 200)]
    [1.0, 0.854, 0.5, 0.0, 0.0]
    """
    check_positive("exponent", exponent)
    if exponent == 1:
        return _down(duration, final, shapes.cosine)
    return _down(duration, final, lambda x, xp: 1.0 - (1.0 - shapes.cosine(x, xp)) ** exponent)


@named
def polynomial(duration: Time | None = None, *, power: float = 2.0, final: float = 0.0) -> Schedule:
    """A power of what is left: f + (1 - f)·(1 - t/T)^p.

    Args:
        duration: how long, T; what the horizon leaves if not given.
        power: the exponent p, positive.
        final: the factor f at t = T.

    >>> polynomial(100, power=2)(50)
    0.25
    """
    check_positive("power", power)
    return _down(duration, final, lambda x, xp: 1.0 - (1.0 - x) ** power)


@named
def polynomial_cycles(period: Time = "25%", *, power: float = 1.0, final: float = 0.0) -> Schedule:
    """A polynomial to a next end each time it comes to one: f + (1 - f)·(1 - t/(n·P))^p, n = ceil(t/P), at least 1.

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
def k_decay(duration: Time | None = None, *, k: float = 2.0, final: float = 0.0) -> Schedule:
    """A cosine of a power of time: f + (1 - f)·(1 + cos(π(t/T)^k))/2.

    Args:
        duration: how long, T; what the horizon leaves if not given.
        k: the exponent, positive; over 1 it decays later than the cosine.
        final: the factor f at t = T.

    Source: Zhang & Li 2020, arXiv:2004.05909.

    >>> round(k_decay(100, k=2)(50), 4)
    0.8536
    """
    check_positive("k", k)
    return _down(duration, final, lambda x, xp: shapes.cosine(x**k, xp))


@named
def rex(duration: Time | None = None, *, final: float = 0.0) -> Schedule:
    """Late and steep: f + (1 - f)·(1 - x)/(1/2 + (1 - x)/2), x = t/T.

    Args:
        duration: how long, T; what the horizon leaves if not given.
        final: the factor f at t = T.

    Source: Chen et al. 2021, arXiv:2107.04197.

    >>> round(rex(100)(50), 4)
    0.6667
    """
    return _down(duration, final, shapes.rex)


@named
def tanh(duration: Time | None = None, *, lower: float = 6.0, upper: float = 3.0, final: float = 0.0) -> Schedule:
    """A hyperbolic tangent: f + (1 - f)·(1 - tanh(-L + (L + U)·t/T))/2; its ends are near 1 and f, not there.

    Args:
        duration: how long, T; what the horizon leaves if not given.
        lower: L, where it begins at the left of the step.
        upper: U, where it ends at the right.
        final: the factor f.

    Source: Hsueh et al. 2018, arXiv:1806.01593.

    >>> [round(tanh(90)(t), 3) for t in (0, 60, 90)]
    [1.0, 0.5, 0.002]
    """
    check_factor("lower", lower)
    check_factor("upper", upper)
    return _down(duration, final, lambda x, xp: (1.0 + xp.tanh((lower + upper) * x - lower)) / 2.0)


@named
def hyperbolic(duration: Time | None = None, *, bound: Time, final: float = 0.0) -> Schedule:
    """A hyperbola that begins alike for any length: 1 - (1 - f)·(h(0) - h(t)), h(t) = √((T-t)/U·(2 - (T+t)/U)).

    Args:
        duration: how long, T; what the horizon leaves if not given.
        bound: U, the longest training it is meant for, in the duration's unit; at least T.
        final: the factor f that it would come to at t = T = U.

    Source: Kim 2024, arXiv:2407.15200.

    >>> round(hyperbolic(100, bound=100)(50), 4), round(hyperbolic(100, bound=200)(100), 4)
    (0.5, 0.134)
    """
    check_factor("final", final)
    return Hyperbola(optional(duration), timescale_of(bound), final)


@named
def power(timescale: Time = "10%", *, exponent: float = 1.0, duration: Time | None = None) -> Schedule:
    """A power of time: 1/(1 + t/s)^c; with c = 1, half after s updates, a third after 2s.

    Args:
        timescale: s.
        exponent: c.
        duration: how long; what the horizon leaves, or for ever, if not given.

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
        duration: how long; what the horizon leaves, or for ever, if not given.

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
        duration: how long; what the horizon leaves, or for ever, if not given.

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
    """Times the same ratio every so many updates: r^floor(t/s).

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


def _down(time: Time | None, final: float, shape: Formula) -> Schedule:
    check_factor("final", final)
    return Ramp(optional(time), 1.0, final, shape)


def _check_ratio(ratio: float) -> None:
    check_factor("ratio", ratio)
    if not 0 < ratio <= 1:
        raise ScheduleError(f"ratio={ratio}: it must be over 0 and at most 1")
