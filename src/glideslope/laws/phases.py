"""A rate that is straight between many points, written as people would: in named phases, or with fewer points."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import rshift

import numpy as np

from glideslope.schedules import Schedule, cooldown, hold, interpolate, warmup
from glideslope.schedules.arrays import scalars
from glideslope.schedules.shapes import SHAPES

NAMED = 0.02  # how far the factors of named phases may be from those of the points, the peak being 1
MERGED = (0.005, 0.0005)
"""The same where points that nearly lie on a straight line are left out: what is tried, and what if that costs loss."""
_FLAT = 1e-3


def written(times: np.ndarray, factors: np.ndarray) -> Iterator[Schedule]:
    """Schedules that a rate may be written as, the plainest first; the last is the rate itself, straight between the
    turns at `times`, in percent of the horizon, rising from 0 to 100, shape (n,), with `factors` there, the first 0
    where it warms up. Each is `warmup(w%) >> hold(h%) >> …`, less what it lacks: then one cooldown with a shape, or
    points."""
    times = _rounded(times)
    if (cooled := _cooled(times, factors)) is not None:
        yield cooled
    for tolerance in (*MERGED, 0.0):
        yield _in_points(times, factors, tolerance)


def _begun(times: np.ndarray, factors: np.ndarray) -> tuple[list[Schedule], int]:
    """The warmup, and the point at which it ends."""
    if factors[0] > 0 or len(times) < 3:
        return [], 0
    return [warmup(_percent(times[1]), peak=float(factors[1]))], 1


def _flat_until(factors: np.ndarray, first: int) -> int:
    """The last point up to which the rate stays as it is at the first."""
    moved = np.flatnonzero(np.abs(factors[first:] - factors[first]) > _FLAT)
    return len(factors) - 1 if not len(moved) else first + int(moved[0]) - 1


def _in_points(times: np.ndarray, factors: np.ndarray, tolerance: float) -> Schedule:
    """The phases before the rate falls, and then points, those left out that are within a tolerance of a line."""
    phases, first = _begun(times, factors)
    flat = _flat_until(factors, first) if tolerance else first
    if flat > first:
        phases.append(hold(_percent(times[flat] - times[first])))
    if flat < len(times) - 1:
        kept = flat + np.flatnonzero(_turns(times[flat:], factors[flat:], tolerance))
        values = factors[kept].tolist()
        if flat > first:
            values[0] = float(factors[first])
        phases.append(interpolate([_percent(time - times[flat]) for time in times[kept]], values))
    return reduce(rshift, phases)


def _turns(times: np.ndarray, factors: np.ndarray, tolerance: float) -> np.ndarray:
    """Which points are kept, so that no other is further than the tolerance from the line between those beside it."""
    kept = np.zeros(len(times), dtype=bool)
    kept[[0, -1]] = True
    pending = [(0, len(times) - 1)]
    while pending:
        low, high = pending.pop()
        line = np.interp(times[low : high + 1], times[[low, high]], factors[[low, high]])
        distance = np.abs(factors[low : high + 1] - line)
        worst = low + int(np.argmax(distance))
        if distance.max() > max(tolerance, 1e-9) and low < worst < high:
            kept[worst] = True
            pending += [(low, worst), (worst, high)]
    return kept


def _cooled(times: np.ndarray, factors: np.ndarray) -> Schedule | None:
    """The phases before the rate falls, and one cooldown, where one is near enough; and a hold at its end."""
    phases, first = _begun(times, factors)
    flat, final = _flat_until(factors, first), float(np.round(factors[-1], 4))
    if flat == len(times) - 1:
        return reduce(rshift, [*phases, hold(_percent(times[flat] - times[first]))])
    low = len(factors) - 1 - _flat_until(factors[::-1], 0)  # from where it is at its end
    starts = np.linspace(times[flat], times[flat + 1], 9)[:-1].round(2)
    later = np.linspace(times[low - 1], times[low], 5)[:0:-1].round(2)
    for end in dict.fromkeys([float(times[-1]), *later.tolist()]):  # without a hold at the end, if it may be
        fits = [fit for start in starts.tolist() for fit in _fits(times[first:], factors[first:], start, end, final)]
        if fits and min(fits)[0] <= NAMED:
            break
    else:
        return None
    _, start, name = min(fits)
    if start > times[first]:
        phases.append(hold(_percent(start - times[first])))
    phases.append(cooldown(_percent(end - start), shape=name, final=final))
    if end < times[-1]:
        phases.append(hold(_percent(times[-1] - end)))
    return reduce(rshift, phases)


def _fits(
    times: np.ndarray, factors: np.ndarray, start: float, end: float, final: float
) -> Iterator[tuple[float, float, str]]:
    """How far the points are from a cooldown between two times, at most, of each shape: (distance, start, shape)."""
    if end - start < 0.01 or start < times[0]:
        return
    over = np.clip((times - start) / (end - start), 0, 1).tolist()
    for name, shape in SHAPES.items():
        shares = np.array([float(shape(x, scalars)) for x in over])
        yield float(np.abs(factors[0] + (final - factors[0]) * shares - factors).max()), start, name


def _percent(value: float) -> str:
    return f"{round(float(value), 9):.9g}%"


def _rounded(times: np.ndarray) -> np.ndarray:
    """Times with as few decimals, two or more, as keep them apart, and the warmup's end as it is."""
    for decimals in (2, 4, 6):
        rounded = np.round(times, decimals)
        if np.all(np.diff(rounded) > 0) and abs(rounded[1] - times[1]) <= 1e-3 * times[1]:
            return rounded
    return times
