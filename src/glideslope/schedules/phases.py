"""Phases of a training: warmup, hold, cooldown; and factors that are constant for a time."""

from __future__ import annotations

import math
from collections.abc import Sequence as SequenceOf
from itertools import pairwise

from glideslope.errors import ScheduleError
from glideslope.plural import plural
from glideslope.schedules.checks import check_factor
from glideslope.schedules.durations import Duration, Time, duration
from glideslope.schedules.names import named
from glideslope.schedules.primitives import Decay, Ramp
from glideslope.schedules.schedule import Schedule
from glideslope.schedules.sequence import Sequence
from glideslope.schedules.shapes import shape as shape_named


def optional(time: Time | None) -> Duration | None:
    """The duration of a phase, or None for one that fills what the horizon leaves."""
    return None if time is None else duration(time)


@named
def constant(factor: float = 1.0, duration: Time | None = None) -> Schedule:
    """The same factor throughout.

    Args:
        factor: the factor, dimensionless.
        duration: the duration; the rest of the horizon if not given.

    Raises:
        ScheduleError: the factor is negative or not finite.

    >>> constant(0.5)(1_000)
    0.5
    """
    check_factor("factor", factor)
    return Ramp(optional(duration), float(factor), float(factor))


@named
def warmup(duration: Time, *, start: float = 0.0, peak: float = 1.0, shape: str = "linear") -> Schedule:
    """Rises to the peak: start + (peak - start)·t/w over w updates, so 0 at t = 0 unless `start` is given.

    Args:
        duration: the duration w.
        start: the factor at t = 0.
        peak: the factor at t = w.
        shape: "linear", "cosine", "sqrt", "exponential", "power" or "rex".

    Raises:
        ScheduleError: a factor is negative or not finite, or the shape is unknown.

    Source: Goyal et al. 2017, arXiv:1706.02677.

    >>> schedule = warmup(4)
    >>> [schedule(t) for t in range(6)]
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """
    check_factor("start", start)
    check_factor("peak", peak)
    return Ramp(optional(duration), start, peak, shape_named(shape))


@named
def log_warmup(updates: float, *, start: float = 0.0) -> Schedule:
    """Rises to the peak with the logarithm of time: start + (1 - start)·log(t + 1)/log(w), 1 from t = w - 1 on.

    Args:
        updates: w, at least 2.
        start: the factor at t = 0.

    Source: DeepSpeed's WarmupLR.

    >>> [round(log_warmup(100)(t), 3) for t in (0, 9, 99, 500)]
    [0.0, 0.5, 1.0, 1.0]
    """
    check_factor("start", start)
    if not isinstance(updates, int | float) or not updates >= 2:
        raise ScheduleError(f"updates={updates}: give a number of updates, at least 2, since the slope depends on it")
    return Decay(
        Duration(updates - 1), Duration(1), lambda x, xp: start + (1.0 - start) * xp.log(1.0 + x) / math.log(updates),
        highest=max(start, 1.0),
    )  # fmt: skip


@named
def hold(duration: Time | None = None) -> Schedule:
    """Stays at the factor where the schedule before it ended; at 1 if there is none.

    Args:
        duration: the duration; the rest of the horizon if not given.

    >>> (warmup(10, peak=0.5) >> hold())(100)
    0.5
    """
    return Ramp(optional(duration), None, None)


@named
def cooldown(duration: Time | None = None, *, shape: str = "linear", final: float = 0.0) -> Schedule:
    """Falls from where the schedule before it ended to the final factor: the last phase of warmup-stable-decay.

    Args:
        duration: the duration; the rest of the horizon if not given.
        shape: with x the elapsed fraction, "linear" 1 - x, "sqrt" 1 - √x, "cosine" (1 + cos πx)/2, "exponential"
            (0.01^x - 0.01)/0.99, "power" (1 - x)², or "rex" (1 - x)/(1/2 + (1 - x)/2).
        final: the factor at its end.

    Raises:
        ScheduleError: the final factor is negative or not finite, or the shape is unknown.

    Source: Hu et al. 2024, arXiv:2404.06395; Hägele et al. 2024, arXiv:2405.18392.

    >>> schedule = (warmup("2%") >> hold() >> cooldown("20%", shape="sqrt")).over(100)
    >>> [schedule(t) for t in (1, 50, 85, 100)]
    [0.5, 1.0, 0.5, 0.0]
    """
    check_factor("final", final)
    return Ramp(optional(duration), None, final, shape_named(shape))


@named
def piecewise(values: SequenceOf[float] = (1.0, 0.1, 0.01), boundaries: SequenceOf[Time] = ("50%", "75%")) -> Schedule:
    """Piecewise constant: v_i for b_i ≤ t < b_{i+1}.

    Args:
        values: the factors, one more than the boundaries.
        boundaries: when each next value begins, counted from this schedule's start; all in one unit, rising.

    Raises:
        ScheduleError: not one value more than boundaries, boundaries that don't rise or mix units, a negative value.

    Source: Géron, Hands-On Machine Learning, ch. 11.

    >>> schedule = piecewise([1, 0.5, 0.1], [10, 20])
    >>> [schedule(t) for t in (0, 9, 10, 19, 20, 99)]
    [1.0, 1.0, 0.5, 0.5, 0.1, 0.1]
    """
    if len(values) != len(boundaries) + 1:
        raise ScheduleError(
            f"{plural(len(values), 'value')} and {len(boundaries)} boundaries: give one value more than boundaries"
        )
    for value in values:
        check_factor("values", value)
    times = [Duration(0, duration(boundaries[0]).unit) if boundaries else Duration(0), *map(duration, boundaries)]
    if len({time.unit for time in times}) > 1:
        raise ScheduleError(f"boundaries {', '.join(map(str, times[1:]))}: give all in the same unit")
    if any(a.value > b.value for a, b in pairwise(times)):
        raise ScheduleError(f"boundaries {', '.join(map(str, times[1:]))}: they must rise")
    lasting = [Duration(b.value - a.value, a.unit) for a, b in pairwise(times)]
    return Sequence(tuple(Ramp(length, float(v), float(v)) for length, v in zip([*lasting, None], values, strict=True)))


@named
def multistep(milestones: SequenceOf[Time] = ("50%", "75%"), *, ratio: float = 0.1) -> Schedule:
    """Multiplied by the same ratio at every milestone: r^(milestones passed).

    Args:
        milestones: when, counted from this schedule's start; all in one unit, rising.
        ratio: r.

    >>> [round(multistep([30, 60])(t), 3) for t in (29, 30, 60)]
    [1.0, 0.1, 0.01]
    """
    check_factor("ratio", ratio)
    if twice := [a for a, b in pairwise(milestones) if a == b]:
        raise ScheduleError(f"milestones: {twice[0]} is there twice; for a larger drop give piecewise its values")
    return piecewise([ratio**i for i in range(len(milestones) + 1)], milestones)


@named
def wsd(warmup: Time = "1%", cooldown: Time = "20%", *, shape: str = "linear", final: float = 0.0) -> Schedule:
    """Warmup, stable, decay: up to the peak, a hold there, and a cooldown at the end.

    Args:
        warmup: the duration of the warmup.
        cooldown: the duration of the cooldown.
        shape: of the cooldown.
        final: the factor at its end.

    Source: Hu et al. 2024, arXiv:2404.06395; Hägele et al. 2024, arXiv:2405.18392.

    >>> schedule = wsd("10%", "20%").over(100)
    >>> [schedule(t) for t in (5, 50, 90)]
    [0.5, 1.0, 0.5]
    """
    return _phases(warmup, cooldown, shape, final)


@named
def trapezoid(rise: Time = "20%", fall: Time = "20%") -> Schedule:
    """A straight line up, a hold at the peak, a straight line down.

    Args:
        rise: the duration of the rise.
        fall: the duration of the fall.

    >>> [trapezoid(10, 10).over(100)(t) for t in (5, 50, 95)]
    [0.5, 1.0, 0.5]
    """
    return _phases(rise, fall, "linear", 0.0)


@named
def flat_cosine(flat: Time = "75%", *, final: float = 0.0) -> Schedule:
    """A hold at the peak, then half a cosine down.

    Args:
        flat: the duration at the peak.
        final: the factor at the end.

    Source: fastai's fit_flat_cos, whose pct_start is 0.75.

    >>> [round(flat_cosine().over(100)(t), 3) for t in (75, 87.5, 100)]
    [1.0, 0.5, 0.0]
    """
    return hold(flat) >> cooldown(shape="cosine", final=final)


def _phases(rise: Time, fall: Time, shape: str, final: float) -> Schedule:
    return warmup(rise) >> hold() >> cooldown(fall, shape=shape, final=final)
