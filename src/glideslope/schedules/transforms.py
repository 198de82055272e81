"""Schedules that change another: in time, in height, or in the other direction. Each is the method of a `Schedule`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from glideslope.errors import ScheduleError
from glideslope.schedules.arrays import Array, Formula, divided, floating, held, scalars, since
from glideslope.schedules.checks import MOST, SHORTEST, check_factor, check_positive, too_short
from glideslope.schedules.drawn import PRIME, uniform
from glideslope.schedules.durations import Clock, Duration, Frame
from glideslope.schedules.turns import spread
from glideslope.schedules.wrapper import Placed, Wrapper

LARGEST_RISE = 1e6
"""How far over its start a schedule that is scaled to begin where the last ended may come."""

LARGEST_STRETCH = 1000.0
"""With more, numbers of updates that a cycle begins at are no longer finite."""


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
        inner, amplitude, start = super().formula(frame, length, begin), self.amplitude, int(self.seed) % PRIME
        return lambda t, xp: inner(t, xp) * (1.0 + amplitude * uniform(t, start, xp))


@dataclass(frozen=True, repr=False)
class Continued(Wrapper):
    """f(t)·begin/f(0)."""

    def most(self, begin: float) -> float:
        return self._rise() * begin

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        inner = super().formula(frame, length, begin)
        if (first := inner(0.0, scalars)) == 0:
            raise ScheduleError(f"{self.schedule!r} begins at 0, so no scale makes it begin where the last ended")
        if first * LARGEST_RISE < self.schedule.most(begin):
            raise ScheduleError(f"{self.schedule!r} begins at {first:g}, so that it would rise more than a millionfold "
                                "from where the last ended")  # fmt: skip
        scale = begin / first
        return lambda t, xp: scale * inner(t, xp)

    def _rise(self) -> float:
        """The greatest factor over the first, as far as it can be known before the horizon is: at most
        `LARGEST_RISE`, beyond which it can't be used."""
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


@dataclass(frozen=True, repr=False)
class Repeated(Wrapper):
    """Cycle i takes P·m^i updates and is r^i as high; after the last its end is held."""

    times: float | None
    growth: float
    ratio: float

    def __post_init__(self) -> None:
        times, stretch, ratio = self.times, self.growth, self.ratio
        if times is not None:
            check_positive("times", times)
            if times != int(times):
                raise ScheduleError(f"times={times}: give a whole number")
        check_positive("stretch", stretch)
        if stretch < 1:
            raise ScheduleError(f"stretch={stretch}: give at least 1; cycles that shrink would have an end")
        if stretch > LARGEST_STRETCH:
            raise ScheduleError(f"stretch={stretch}: give at most {LARGEST_STRETCH}")
        if times is not None and times * math.log10(stretch) > math.log10(MOST):
            raise ScheduleError(f"stretch={stretch}, times={times}: the last cycle would take more than {MOST:g} times "
                                "as long as the first")  # fmt: skip
        check_factor("ratio", ratio)
        if ratio > 1 and (times is None or times * math.log10(ratio) > math.log10(MOST)):
            raise ScheduleError(
                f"ratio={ratio}, times={times}: cycles that get higher need an end, before their factor is {MOST:g}"
            )

    def layout(self, frame: Frame, length: float) -> list[Placed]:
        """None, since there may be any number of cycles."""
        return []

    def most(self, begin: float) -> float:
        return self.schedule.most(begin) * (self.ratio ** (self.times - 1) if self.ratio > 1 and self.times else 1.0)

    def length(self, frame: Frame) -> float | None:
        period = self.schedule.length(frame)
        return None if period is None or self.times is None else period * self._cycles(self.times)

    def shortest(self, frame: Frame) -> float:
        return self.schedule.shortest(frame) * self._cycles(self.times or 0)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        if self.schedule.length(frame) is None and (self.times is None or math.isinf(length)):
            raise ScheduleError("it repeats a schedule without a duration: say how often, or give it a duration")
        period, frame = self._period(frame, length)
        if (takes := self.schedule.shortest(frame)) > period * (1 + 1e-9):
            raise too_short(self.schedule, takes, period)
        if period < SHORTEST:
            raise ScheduleError("it repeats a schedule that takes no time: give it a duration")
        inner, last = self.schedule.formula(frame, period, begin), (self.times or math.inf) - 1
        growth, ratio, cycle = self.growth, self.ratio, _cycle(period, self.growth)

        def factor(t: Array, xp: Any) -> Array:
            i, rest = cycle(t, xp)
            over = i > last
            i = xp.where(over, last + 0.0 * i, i) if math.isfinite(last) else i
            height = 1.0 if ratio == 1 else ratio**i
            scaled = rest if growth == 1 else rest / growth**i
            held = xp.where(over, period + 0.0 * scaled, 1.0 * scaled) if math.isfinite(last) else scaled
            return height * inner(held, xp)

        return factor

    def turns(self, frame: Frame, length: float) -> Iterator[float]:
        growth, (period, frame) = self.growth, self._period(frame, length)
        inner = sorted({0.0, *self.schedule.turns(frame, period)})
        cycles = length / period if growth == 1 else math.log1p(length / period * (growth - 1)) / math.log(growth)
        for i in spread(min(cycles, self.times or math.inf), len(inner)):
            start = period * self._cycles(i)
            yield from (start + growth**i * t for t in inner)

    def _period(self, frame: Frame, length: float) -> tuple[float, Frame]:
        """The length of the first cycle, and what its durations are measured against."""
        period = self.schedule.length(frame)
        if period is not None:
            return period, frame
        period = length / (self._cycles(self.times) if self.times else 1.0)
        return period, Frame(period, frame.clock)

    def _cycles(self, times: float) -> float:
        """The length of so many cycles over that of the first."""
        return times if self.growth == 1 else (self.growth**times - 1) / (self.growth - 1)


def _cycle(period: float, growth: float) -> Callable[[Array, Any], tuple[Array, Array]]:
    """The formula of the number of the cycle and the updates since its start."""
    if growth == 1:
        return lambda t, xp: tuple(floating(part, xp) for part in divided(t, period, xp))

    def start(i: Array) -> Array:
        return period * (growth**i - 1) / (growth - 1)

    def growing(t: Array, xp: Any) -> tuple[Array, Array]:
        t = xp.clip(floating(t, xp), 0.0, math.inf)
        i = xp.floor(xp.log(1 + t / period * (growth - 1)) / math.log(growth))
        i = xp.where(t < start(i), i - 1, i)  # the logarithm may be off by one rounding at a boundary
        i = xp.where(t >= start(i + 1), i + 1, i)
        return i, t - start(i)

    return growing
