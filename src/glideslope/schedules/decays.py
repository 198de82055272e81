"""Decays over a duration: from the peak down to an end."""

from __future__ import annotations

from glideslope.schedules import shapes
from glideslope.schedules.arrays import Formula
from glideslope.schedules.checks import check_factor, check_positive
from glideslope.schedules.durations import Time, timescale_of
from glideslope.schedules.names import named
from glideslope.schedules.phases import optional
from glideslope.schedules.primitives import Hyperbola, Ramp
from glideslope.schedules.schedule import Schedule


@named
def linear(duration: Time | None = None, *, start: float = 1.0, final: float = 0.0) -> Schedule:
    """A straight line: start + (final - start)·t/T.

    Args:
        duration: the duration T; the rest of the horizon if not given.
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
        duration: the duration T; the rest of the horizon if not given.
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
    """A power of the remaining time: f + (1 - f)·(1 - t/T)^p.

    Args:
        duration: the duration T; the rest of the horizon if not given.
        power: the exponent p, positive.
        final: the factor f at t = T.

    >>> polynomial(100, power=2)(50)
    0.25
    """
    check_positive("power", power)
    return _down(duration, final, lambda x, xp: 1.0 - (1.0 - x) ** power)


@named
def k_decay(duration: Time | None = None, *, k: float = 2.0, final: float = 0.0) -> Schedule:
    """A cosine of a power of time: f + (1 - f)·(1 + cos(π(t/T)^k))/2.

    Args:
        duration: the duration T; the rest of the horizon if not given.
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
    """A late and steep decay: f + (1 - f)·(1 - x)/(1/2 + (1 - x)/2), x = t/T.

    Args:
        duration: the duration T; the rest of the horizon if not given.
        final: the factor f at t = T.

    Source: Chen et al. 2021, arXiv:2107.04197.

    >>> round(rex(100)(50), 4)
    0.6667
    """
    return _down(duration, final, shapes.rex)


@named
def tanh(duration: Time | None = None, *, lower: float = 6.0, upper: float = 3.0, final: float = 0.0) -> Schedule:
    """A hyperbolic tangent: f + (1 - f)·(1 - tanh(-L + (L + U)·t/T))/2; it begins near 1 and ends near f.

    Args:
        duration: the duration T; the rest of the horizon if not given.
        lower: L; the tangent begins at -L.
        upper: U; it ends at U.
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
    """A hyperbola whose start is alike for every length: 1 - (1 - f)·(h(0) - h(t)), h(t) = √((T-t)/U·(2 - (T+t)/U)).

    Args:
        duration: the duration T; the rest of the horizon if not given.
        bound: U, the longest training it is meant for, in the duration's unit; at least T.
        final: the factor f that it would reach at t = T = U.

    Source: Kim 2024, arXiv:2407.15200.

    >>> round(hyperbolic(100, bound=100)(50), 4), round(hyperbolic(100, bound=200)(100), 4)
    (0.5, 0.134)
    """
    check_factor("final", final)
    return Hyperbola(optional(duration), timescale_of(bound), final)


def _down(time: Time | None, final: float, shape: Formula) -> Schedule:
    check_factor("final", final)
    return Ramp(optional(time), 1.0, final, shape)
