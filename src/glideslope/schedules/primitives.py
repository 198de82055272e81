"""The parts of every schedule: ramps, decays with a timescale, tables and functions."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from glideslope.errors import ScheduleError
from glideslope.plural import plural
from glideslope.schedules import shapes
from glideslope.schedules.arrays import Array, Formula, divided, floating, neighbours, scalars
from glideslope.schedules.checks import SHORTEST
from glideslope.schedules.durations import Duration, Frame, number_text
from glideslope.schedules.schedule import Schedule
from glideslope.schedules.turns import spread


@dataclass(frozen=True, repr=False)
class Timed(Schedule):
    """A schedule with a duration, None for one that fills what the horizon leaves."""

    duration: Duration | None

    def length(self, frame: Frame) -> float | None:
        return None if self.duration is None else frame.updates(self.duration)


@dataclass(frozen=True, repr=False)
class Ramp(Timed):
    """From `start` to `end`: start·(1 - s(x)) + end·s(x), x the fraction of the ramp that is over.

    A start of None is where the schedule before ended; an end of None is the start.
    """

    start: float | None
    end: float | None
    shape: Formula = shapes.linear

    def is_steady(self) -> bool:
        return self.duration is not None or self.end in (None, self.start)

    def most(self, begin: float) -> float:
        start = begin if self.start is None else self.start
        return max(start, start if self.end is None else self.end)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        start = begin if self.start is None else self.start
        end = start if self.end is None else self.end
        shape = self.shape
        if start == end or length < 1e-9:  # updates; the next division mustn't overflow
            return lambda t, xp: end if xp is scalars else 0.0 * floating(t, xp) + end
        if math.isinf(length):
            raise ScheduleError("a ramp without end: give its duration, or the horizon: schedule.over(10_000)")
        down, up = end == 0, start == 0 and end == 1

        def factor(t: Array, xp: Any) -> Array:
            if xp is scalars:
                x = t / length
                x = 0.0 if x < 0.0 else 1.0 if x > 1.0 else x
            else:
                x = xp.clip(floating(t, xp) / length, 0.0, 1.0)
            s = shape(x, xp)
            if down:
                return start * (1.0 - s)
            return s if up else start * (1.0 - s) + end * s  # exact at both ends

        return factor


@dataclass(frozen=True, repr=False)
class Decay(Timed):
    """curve(t/s): a curve of the time since its start over a timescale s, held where its length ends.

    A staircase is the curve of the whole part of t/s. The curve exceeds `highest` nowhere.
    """

    timescale: Duration
    curve: Formula
    staircase: bool = False
    highest: float = 1.0

    def is_steady(self) -> bool:
        return True

    def turns(self, frame: Frame, length: float) -> Iterator[float]:
        if self.staircase:
            timescale = frame.updates(self.timescale)
            yield from (timescale * i for i in spread(length / timescale))
        yield length

    def most(self, begin: float) -> float:
        return self.highest

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        timescale, curve = frame.updates(self.timescale), self.curve
        if timescale < SHORTEST:
            raise ScheduleError(
                f"a timescale of {self.timescale} is {plural(timescale, 'update', 'g')}: give at least {SHORTEST:g}"
            )
        if not self.staircase:
            return lambda t, xp: curve(xp.clip(floating(t, xp), 0.0, length) / timescale, xp)
        last = math.inf if math.isinf(length) else length // timescale

        def stairs(t: Array, xp: Any) -> Array:
            return curve(xp.clip(floating(divided(t, timescale, xp)[0], xp), 0.0, last), xp)

        return stairs


@dataclass(frozen=True, repr=False)
class Table(Schedule):
    """Values at given times; between them a shape from one to the next, or steps where there is none."""

    times: tuple[Duration, ...]
    values: tuple[float, ...]
    shape: Formula | None

    def turns(self, frame: Frame, length: float) -> Iterator[float]:
        return map(frame.updates, self.times)

    def length(self, frame: Frame) -> float | None:
        return frame.updates(self.times[-1])

    def most(self, begin: float) -> float:
        return max(self.values)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        times, values, shape = [frame.updates(time) for time in self.times], self.values, self.shape
        if any(b - a < SHORTEST for a, b in pairwise(times)):
            raise ScheduleError(f"times {', '.join(map(str, self.times))}: two of them are the same update")

        def factor(t: Array, xp: Any) -> Array:
            if xp is scalars:
                i = min(max(bisect_right(times, t) - 1, 0), len(times) - 2)
                start, end, x = values[i], values[i + 1], (t - times[i]) / (times[i + 1] - times[i])
            else:
                start, end, x = neighbours(t, times, values, xp)
            x = xp.clip(x, 0.0, 1.0)
            s = xp.floor(x) if shape is None else shape(x, xp)
            return start * (1.0 - s) + end * s

        return factor


@dataclass(frozen=True, repr=False)
class Function(Schedule):
    """A Python function of the updates made."""

    function: Callable[[Any], Any]

    def length(self, frame: Frame) -> float | None:
        return None

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        function = self.function
        last = _count(length)
        most = None if math.isinf(length) else last

        def factor(t: Array, xp: Any) -> Array:
            if xp is scalars:
                return function(_count(min(t, last)))
            return function(xp.clip(t, 0, most))

        return factor

    def __str__(self) -> str:
        name = getattr(self.function, "__name__", type(self.function).__name__)
        raise ScheduleError(
            f"the schedule is made from the Python function {name}, which has no text form: "
            "from_points(list(enumerate(schedule.sample(T)))) has one"
        )


def _count(t: float) -> float:
    """A whole number of updates as an integer, so that a function may use it as an index."""
    return int(t) if isinstance(t, float) and t.is_integer() else t


@dataclass(frozen=True, repr=False)
class Chebyshev(Timed):
    """m/((1 + m)/2 - (1 - m)/2·cos θ), θ = π(σ(t) + 1/2)/n, n the power of two that the length fits into.

    Computed as m/(m + (1 - m)·sin²(θ/2)), which doesn't come to 0/0.
    """

    least: float

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        if math.isinf(length):
            raise ScheduleError("it has no duration: give one, or the horizon: schedule.over(10_000)")
        m, last, bits = self.least, max(math.ceil(length) - 1.0, 0.0), math.ceil(math.log2(max(length, 1.0)))

        def factor(t: Array, xp: Any) -> Array:
            i = xp.floor(xp.clip(t if xp is scalars else floating(t, xp), 0.0, last))
            order = 0.0 * i
            for k in range(1, bits + 1):  # from the highest bit of i: a one reflects the order so far
                bit = i // 2 ** (bits - k) % 2
                order = order + bit * (2**k - 1 - 2 * order)
            half = xp.pi / 2 * (1.0 - (order + 0.5) / 2**bits)
            return m / (m + (1 - m) * xp.cos(half) ** 2)

        return factor


@dataclass(frozen=True, repr=False)
class Hyperbola(Timed):
    """1 - (1 - f)·(h(0) - h(t)) with h(t) = √((T-t)/U·(2 - (T+t)/U))."""

    bound: Duration
    final: float

    def most(self, begin: float) -> float:
        return max(self.final, 1.0)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        bound, drop = frame.updates(self.bound), 1.0 - self.final
        if length > bound:
            raise ScheduleError(f"bound={self.bound}: the training is longer, {number_text(length)} updates")

        def h(t: Array, xp: Any) -> Array:
            return xp.sqrt((length - t) / bound * (2.0 - (length + t) / bound))

        first = h(0.0, scalars)
        return lambda t, xp: 1.0 - drop * (first - h(xp.clip(floating(t, xp), 0.0, length), xp))
