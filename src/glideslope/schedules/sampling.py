"""A schedule as some of its updates, between which it is nearly straight: to draw it, and to sum over it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from glideslope.errors import ScheduleError
from glideslope.schedules.durations import Frame
from glideslope.schedules.numbers import MOST_UPDATES, is_number, plain, short
from glideslope.schedules.schedule import Schedule

MOST_SAMPLES = 500_000_000  # factors of which an array is made, at most: 4 GB
EACH = 32_768  # a schedule of so many updates is taken at each of them
_GRID, _MOST, _NEAR = 2049, 12_000, 24
"""Updates taken evenly, at most, and near each turn on either side, at distances that grow."""
_TOLERANCE = 1e-5  # how far a straight line may lie from the schedule in the middle, over the largest factor
_TURNS = 120  # turns that have updates near them; of more, only the turns themselves


def each(schedule: Schedule, steps: int) -> np.ndarray:
    """The factors of `steps` updates, an array of shape (steps,); see `Schedule.sample`."""
    if (steps := counted(steps)) > MOST_SAMPLES:
        raise ScheduleError(
            f"an array of more than {MOST_SAMPLES:g} factors was asked for: call the schedule with the updates that "
            "you need, schedule.within(steps)(np.array([0, 1000]))"
        )
    return np.asarray(schedule.within(steps)(np.arange(steps)))


def sampled(schedule: Schedule, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Some updates of a schedule, the turns among them, and its factors there.

    Up to 32,768 updates each is taken. Of more, some thousands are: evenly, where phases and cycles begin, and where a
    straight line isn't near enough, down to both sides of a jump; of more cycles than these, some, each whole.

    The schedule has a horizon, or an end of its own; otherwise `steps` is its horizon. Returns updates made, whole
    numbers from 0 to steps - 1 in order, and the factors, arrays of shape (n,). Raises a ScheduleError if steps isn't a
    whole number from 1 to 2^53, or as for a call of the schedule.

    >>> import glideslope as gs
    >>> at, factors = sampled(gs.warmup(7) >> gs.cosine(), 10**12)
    >>> len(at) < 5_000, float(factors.max()), int(at[factors.argmax()])
    (True, 1.0, 7)
    """
    steps = counted(steps)
    whole = schedule.within(steps)

    def value(at: np.ndarray) -> np.ndarray:
        return np.broadcast_to(np.asarray(whole(at), dtype=float), at.shape)

    if steps <= EACH:
        every = np.arange(steps)
        return every, np.array(value(every))
    at = _first(whole, steps)
    values = value(at)
    at, values = _refined(at, values, value)
    for sign in (1.0, -1.0):
        at, values = _at_the_top(at, values, value, sign)
    return at, values


def counted(steps: int) -> int:
    """The updates of a training, as an int. Raises a ScheduleError if it isn't a whole number from 1 to 2^53."""
    steps = plain(steps)
    if not (is_number(steps) and 1 <= steps <= MOST_UPDATES and steps == int(steps)):
        raise ScheduleError(f"steps={short(steps)}: give a whole number of updates from 1 to 2^53, about 9e15")
    return int(steps)


def _first(whole: Schedule, steps: int) -> np.ndarray:
    length = whole.allotted(Frame(), steps)
    every = {min(max(t, 0.0), steps - 1.0) for t in whole.turns(Frame(), length) if math.isfinite(t)}
    points = np.array(sorted(every | {0.0, steps - 1.0}))
    near = np.geomspace(1, max(steps / 4, 2), _NEAR)
    distances = np.concatenate([-near, near]) if len(points) <= _TURNS else np.zeros(0)
    around = (np.rint(points)[:, None] + distances).ravel()
    beside = np.concatenate([np.floor(points) - 1, np.floor(points), np.ceil(points), np.ceil(points) + 1])
    places = np.concatenate([np.linspace(0, steps - 1, _GRID), around, beside])
    return np.unique(np.clip(np.rint(places), 0, steps - 1)).astype(np.int64)


def _refined(
    at: np.ndarray, values: np.ndarray, value: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """More updates, in the middle of two where the schedule isn't straight; to both sides of a jump."""
    open_ = np.ones(len(at) - 1, dtype=bool)  # the gaps that may not be straight
    while len(at) < _MOST:
        gaps = np.flatnonzero(open_ & (np.diff(at) > 1))[: _MOST - len(at)]
        if not len(gaps):
            break
        middle = at[gaps] + (at[gaps + 1] - at[gaps]) // 2
        share = (middle - at[gaps]) / (at[gaps + 1] - at[gaps])
        between = value(middle)
        off = np.abs(between - (values[gaps] * (1 - share) + values[gaps + 1] * share))
        bent = off > _TOLERANCE * np.abs(values).max()
        open_[gaps] = bent
        gaps, middle, between = gaps[bent], middle[bent], between[bent]
        at, values = np.insert(at, gaps + 1, middle), np.insert(values, gaps + 1, between)
        open_ = np.insert(open_, gaps + 1, True)
    return at, values


def _at_the_top(
    at: np.ndarray, values: np.ndarray, value: Callable[[np.ndarray], np.ndarray], sign: float
) -> tuple[np.ndarray, np.ndarray]:
    """More updates about the largest value, or the least, down to a single one."""
    for _ in range(12):
        top = int(np.argmax(sign * values))
        low, high = at[max(top - 1, 0)], at[min(top + 1, len(at) - 1)]
        between = np.unique(np.linspace(low, high, 65).astype(np.int64))[1:-1]
        between = between[between != at[top]]
        if not len(between):
            break
        places = np.searchsorted(at, between)
        at, values = np.insert(at, places, between), np.insert(values, places, value(between))
    return at, values
