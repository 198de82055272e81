"""Cycles: up and down again, once or for ever."""

from __future__ import annotations

from glideslope.errors import ScheduleError
from glideslope.schedules.checks import check_factor
from glideslope.schedules.decays import cosine
from glideslope.schedules.durations import Duration, Time
from glideslope.schedules.horizon import Part
from glideslope.schedules.names import named
from glideslope.schedules.phases import constant, optional, warmup
from glideslope.schedules.primitives import Chebyshev, Ramp
from glideslope.schedules.schedule import Schedule
from glideslope.schedules.shapes import shape as shape_named
from glideslope.schedules.timescales import exponential


@named
def one_cycle(duration: Time | None = None, *, start: float = 0.1, final: float = 1e-4, last: float = 0.1) -> Schedule:
    """One cycle: up to the peak for half the time, down as long, then to almost nothing for the last tenth.

    Linear from `start` to 1 over (T - n)/2 updates, linear back to `start` over as many, then linear to `final`
    over the last n = last·T.

    Args:
        duration: the duration T; the rest of the horizon if not given.
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
    return Part(ramps, optional(duration))


@named
def two_phase_one_cycle(
    rise: Time = "30%", fall: Time | None = None, *, start: float = 0.04, final: float = 4e-6, shape: str = "cosine"
) -> Schedule:
    """Up to the peak, and all the way down: torch's OneCycleLR, whose phases end an update early (docs/parity.md).

    Args:
        rise: the duration of the rise.
        fall: the duration of the fall; the rest of the horizon if not given.
        start: the factor at t = 0, torch's 1/div_factor.
        final: the factor at the end, torch's 1/(div_factor·final_div_factor).
        shape: "cosine", "linear", or any other that `cooldown` takes.

    >>> schedule = two_phase_one_cycle(start=0.1).over(100)
    >>> [round(schedule(t), 3) for t in (0, 15, 30, 65)]
    [0.1, 0.55, 1.0, 0.5]
    """
    check_factor("final", final)
    return warmup(rise, start=start, shape=shape) >> Ramp(optional(fall), 1.0, final, shape_named(shape))


@named
def three_phase_one_cycle(
    rise: Time = "30%", fall: Time | None = None, *, start: float = 0.04, final: float = 4e-6, shape: str = "cosine"
) -> Schedule:
    """Up to the peak, down as long to where it began, and on to the final factor: torch's OneCycleLR(three_phase=True).

    Args:
        rise: the duration of the rise, and of the fall after it.
        fall: the duration of the last phase; the rest of the horizon if not given.
        start: the factor at t = 0 and at the end of the second phase.
        final: the factor at the end.
        shape: "cosine", "linear", or any other that `cooldown` takes.

    >>> schedule = three_phase_one_cycle(start=0.1, final=0).over(100)
    >>> [round(schedule(t), 3) for t in (0, 30, 60, 100)]
    [0.1, 1.0, 0.1, 0.0]
    """
    check_factor("final", final)
    down, form = warmup(rise, start=start, shape=shape), shape_named(shape)
    return down >> Ramp(optional(rise), 1.0, start, form) >> Ramp(optional(fall), start, final, form)


@named
def slanted_triangular(duration: Time | None = None, *, cut: float = 0.1, ratio: float = 32.0) -> Schedule:
    """A steep rise and a slow fall: (1 + p·(r - 1))/r with p = t/c up to c = cut·T, then 1 - (t - c)/(T - c).

    Args:
        duration: the duration T; the rest of the horizon if not given.
        cut: the fraction of T that the rise takes.
        ratio: r, the peak over the factor at both ends, at least 1.

    Raises:
        ScheduleError: cut isn't a fraction, or the ratio is under 1.

    Source: Howard & Ruder 2018, arXiv:1801.06146.

    >>> schedule = slanted_triangular(ratio=4).over(100)
    >>> [round(schedule(t), 3) for t in (0, 10, 55, 100)]
    [0.25, 1.0, 0.625, 0.25]
    """
    check_factor("cut", cut)
    check_factor("ratio", ratio)
    if cut > 1 or ratio < 1:
        raise ScheduleError(f"cut={cut}, ratio={ratio}: give a fraction from 0 to 1, and a ratio of at least 1")
    return Part(Ramp(Duration(100 * cut, "%"), 1 / ratio, 1.0) >> Ramp(None, 1.0, 1 / ratio), optional(duration))


@named
def triangular(up: Time = "10%", down: Time | None = None, *, low: float = 0.1) -> Schedule:
    """Up and down in straight lines, again and again.

    Args:
        up: the duration of the rise.
        down: the duration of the fall; that of the rise if not given.
        low: the lower factor; the upper is 1.

    Source: Smith 2017, arXiv:1506.01186, as torch's CyclicLR.

    >>> [round(triangular(10, low=0.2)(t), 3) for t in (0, 5, 10, 20, 25)]
    [0.2, 0.6, 1.0, 0.2, 0.6]
    """
    return _between(low, _triangle(up, down).repeat())


@named
def triangular2(up: Time = "10%", down: Time | None = None, *, low: float = 0.1) -> Schedule:
    """Up and down in straight lines, with half the amplitude in each next cycle.

    Args:
        up: the duration of the rise.
        down: the duration of the fall; that of the rise if not given.
        low: the lower factor; the upper begins at 1.

    Source: Smith 2017, arXiv:1506.01186.

    >>> [round(triangular2(10, low=0.2)(t), 3) for t in (0, 10, 20, 30)]
    [0.2, 1.0, 0.2, 0.6]
    """
    return _between(low, _triangle(up, down).repeat(ratio=0.5))


@named
def exp_range(up: Time = "10%", down: Time | None = None, *, low: float = 0.1, ratio: float = 0.9999) -> Schedule:
    """Up and down in straight lines, with an amplitude that falls by a ratio at each update: γ^t.

    Args:
        up: the duration of the rise.
        down: the duration of the fall; that of the rise if not given.
        low: the lower factor; the upper begins at 1.
        ratio: γ.

    Source: Smith 2017, arXiv:1506.01186.

    >>> round(exp_range(10, low=0.2, ratio=0.9)(10), 4) == round(0.2 + 0.8 * 0.9**10, 4)
    True
    """
    return _between(low, _triangle(up, down).repeat() * exponential(1, ratio=ratio))


@named
def cosine_restarts(period: Time = "25%", *, stretch: float = 2.0, ratio: float = 1.0, final: float = 0.0) -> Schedule:
    """Cosines with warm restarts: cycle i takes T_0·m^i updates and begins at r^i.

    Args:
        period: T_0.
        stretch: m, at least 1.
        ratio: r.
        final: the factor f that each cycle of height 1 ends at.

    Source: Loshchilov & Hutter 2017, arXiv:1608.03983.

    >>> [round(cosine_restarts(10)(t), 2) for t in (0, 5, 10, 20, 30)]
    [1.0, 0.5, 1.0, 0.5, 1.0]
    """
    return _between(final, cosine(period).repeat(stretch=stretch, ratio=ratio))


@named
def cosine_hard_restarts(duration: Time | None = None, *, cycles: float = 3, final: float = 0.0) -> Schedule:
    """Several equal cosines, one after another.

    Args:
        duration: the duration T; the rest of the horizon if not given.
        cycles: the number of cosines.
        final: the factor that each ends at.

    >>> schedule = cosine_hard_restarts(cycles=2).over(100)
    >>> [round(schedule(t), 2) for t in (0, 25, 50, 75, 100)]
    [1.0, 0.5, 1.0, 0.5, 0.0]
    """
    return Part(cosine(final=final).repeat(cycles), optional(duration))


@named
def chebyshev(duration: Time | None = None, *, ratio: float = 20.0) -> Schedule:
    """Chebyshev steps in fractal order: m/((1 + m)/2 - (1 - m)/2·cos(π(σ(t) + 1/2)/n)), m = 1/r, n = T or the next 2^k.

    σ is the order in which none of the large steps is undone: σ of 2n interlaces σ of n and 2n - 1 - σ of n.

    Args:
        duration: the duration T; the rest of the horizon if not given.
        ratio: r, about the greatest factor over the least, at least 1.

    Source: Agarwal, Goel & Zhang 2021, arXiv:2103.01338.

    >>> [round(chebyshev(4, ratio=3)(t), 3) for t in range(4)]
    [0.929, 0.342, 0.618, 0.42]
    """
    check_factor("ratio", ratio)
    if ratio < 1:
        raise ScheduleError(f"ratio={ratio}: it is the greatest factor over the least, at least 1")
    return Chebyshev(optional(duration), 1 / ratio)


def _triangle(up: Time, down: Time | None) -> Schedule:
    return warmup(up) >> Ramp(optional(up if down is None else down), 1.0, 0.0)


def _between(low: float, wave: Schedule) -> Schedule:
    """A wave from 0 to 1 as one from `low` to 1."""
    check_factor("low", low)
    if low > 1:
        raise ScheduleError(f"low={low}: it is over the upper factor, 1")
    return constant(low) + (1 - low) * wave if low else wave
