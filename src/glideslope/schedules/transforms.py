"""Schedules that change another: in time, in height, or in the other direction. Each is the method of a `Schedule`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from glideslope.errors import ScheduleError
from glideslope.schedules.arrays import Array, Formula, divided, floating, held, scalars, since
from glideslope.schedules.checks import SHORTEST, check_factor, check_positive
from glideslope.schedules.durations import Clock, Duration, Frame
from glideslope.schedules.wrapper import Placed, Wrapper

LARGEST_RISE = 1e6  # how far over its start a schedule that is scaled to begin where the last ended may come
_PRIME = 46_337  # the largest prime whose square fits into a 32-bit integer


@dataclass(frozen=True, repr=False)
class Clipped(Wrapper):
    """min(max(f(t), low), high)."""

    low: float
    high: float | None

    def __post_init__(self) -> None:
        check_factor("low", self.low)
        if self.high is not None:
            check_factor("high", self.high)
        if self._top < self.low:
            raise ScheduleError(f"low={self.low}, high={self.high}: the lower bound is over the upper")

    @property
    def _top(self) -> float:
        return math.inf if self.high is None else self.high

    def most(self, begin: float) -> float:
        return min(max(self.schedule.most(begin), self.low), self._top)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        inner, low, top = super().formula(frame, length, begin), self.low, self._top
        return lambda t, xp: xp.clip(inner(t, xp), low, top)


@dataclass(frozen=True, repr=False)
class Noisy(Wrapper):
    """f(t)·(1 + a·u(t)), u(t) uniform in [-1, 1], drawn from t and the seed alone."""

    amplitude: float
    seed: float

    def __post_init__(self) -> None:
        check_factor("amplitude", self.amplitude)
        if self.amplitude > 1:
            raise ScheduleError(f"amplitude={self.amplitude}: over 1 the rate could become negative")
        check_factor("seed", self.seed)

    def most(self, begin: float) -> float:
        return self.schedule.most(begin) * (1.0 + self.amplitude)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        inner, amplitude, start = super().formula(frame, length, begin), self.amplitude, int(self.seed) % _PRIME
        return lambda t, xp: inner(t, xp) * (1.0 + amplitude * _uniform(t, start, xp))


@dataclass(frozen=True, repr=False)
class Continued(Wrapper):
    """f(t)·begin/f(0)."""

    def most(self, begin: float) -> float:
        return self._rise() * begin

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        inner = super().formula(frame, length, begin)
        if (first := inner(0.0, scalars)) == 0:
            raise ScheduleError(f"{self.schedule!r} begins at 0, so it can't be scaled to begin where the last ended")
        if first * LARGEST_RISE < self.schedule.most(begin):
            raise ScheduleError(f"{self.schedule!r} begins at {first:g}, so that it would rise more than a millionfold "
                                "from where the last ended")  # fmt: skip
        scale = begin / first
        return lambda t, xp: scale * inner(t, xp)

    def _rise(self) -> float:
        """The greatest factor over the first, as far as it is known before the horizon; at most `LARGEST_RISE`."""
        try:
            first = super().formula(Frame(10_000.0, Clock(1, 1, 1)), 10_000.0, 1.0)(0.0, scalars)
        except Exception:  # of a user's own function any
            return LARGEST_RISE
        return min(max(self.schedule.most(1.0) / first, 1.0), LARGEST_RISE) if first > 0 else LARGEST_RISE


@dataclass(frozen=True, repr=False)
class Reversed(Wrapper):
    """f(T - t)."""

    def layout(self, frame: Frame, length: float) -> list[Placed]:
        return [Placed(self.schedule, frame, length, start=length, pace=-1.0)]

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        if math.isinf(length):
            raise ScheduleError("a schedule without end can't be reversed: give the horizon: schedule.over(10_000)")
        inner = super().formula(frame, length, begin)
        return lambda t, xp: inner(length - floating(held(t, length, xp), xp), xp)


@dataclass(frozen=True, repr=False)
class Shifted(Wrapper):
    """f(t + ahead - behind), its first value where that would be before its start."""

    ahead: Duration
    behind: Duration

    def layout(self, frame: Frame, length: float) -> list[Placed]:
        by = self._by(frame)
        return [Placed(self.schedule, frame, self.schedule.allotted(frame, max(length - by, 0.0)), start=by)]

    def length(self, frame: Frame) -> float | None:
        length = self.schedule.length(frame)
        return None if length is None else max(length + self._by(frame), 0.0)

    def shortest(self, frame: Frame) -> float:
        return max(self.schedule.shortest(frame) + self._by(frame), 0.0)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        inner, by = super().formula(frame, length, begin), self._by(frame)
        return lambda t, xp: inner(held(since(t, by, xp), math.inf, xp), xp)

    def _by(self, frame: Frame) -> float:
        return frame.updates(self.behind) - frame.updates(self.ahead)


@dataclass(frozen=True, repr=False)
class Lasting(Wrapper):
    """A schedule that takes another time than its own: cut off, or held at its end."""

    duration: Duration

    def length(self, frame: Frame) -> float | None:
        return frame.updates(self.duration)

    def shortest(self, frame: Frame) -> float:
        return frame.updates(self.duration)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        inner = super().formula(frame, length, begin)
        return lambda t, xp: inner(held(t, length, xp), xp)


@dataclass(frozen=True, repr=False)
class Stretched(Wrapper):
    """f(t/k)."""

    times: float

    def __post_init__(self) -> None:
        check_positive("times", self.times)
        if not SHORTEST <= self.times <= 1 / SHORTEST:
            raise ScheduleError(f"times={self.times}: give a number from {SHORTEST:g} to {1 / SHORTEST:g}")

    def layout(self, frame: Frame, length: float) -> list[Placed]:
        times = self.times
        return [Placed(self.schedule, frame, self.schedule.allotted(frame, length / times), pace=times)]

    def length(self, frame: Frame) -> float | None:
        length = self.schedule.length(frame)
        return None if length is None else length * self.times

    def shortest(self, frame: Frame) -> float:
        return self.schedule.shortest(frame) * self.times

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        inner, times = super().formula(frame, length, begin), self.times
        return lambda t, xp: inner(floating(t, xp) / times, xp)


def _uniform(t: Array, seed: int, xp: Any) -> Array:
    """A number in [-1, 1] drawn from the whole part of `t`, by modular squaring that no integer type overflows. In
    single precision squares aren't exact, so there whole numbers are integers."""
    if xp is not scalars and not xp.isdtype(t.dtype, "integral"):
        t = xp.floor(t)
        if xp.finfo(t.dtype).bits < 64:
            t = xp.astype(t, xp.int32)
    high, low = divided(t, float(_PRIME), xp)
    high, x = high % _PRIME, low
    for constant in (seed + 11_939, 30_011, 7_919, 23_189):
        x = (x * x % _PRIME + high * 16_411 % _PRIME + low * 101 % _PRIME + constant) % _PRIME
    return 2.0 * floating(x, xp) / (_PRIME - 1) - 1.0
