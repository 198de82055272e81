"""What makes another schedule out of one: in time, in height, or in the other direction."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from glideslope.errors import ScheduleError
from glideslope.schedules.arrays import Array, Formula, divided, floating, held, since
from glideslope.schedules.drawn import PRIME, uniform
from glideslope.schedules.durations import Duration, Frame, Time, duration
from glideslope.schedules.names import method
from glideslope.schedules.schedule import MOST, SHORTEST, Schedule, check_factor, check_positive, too_short


@dataclass(frozen=True, repr=False)
class Mapped(Schedule):
    """A schedule whose formula is changed: `change(formula, length, begin)` is the new one.

    `highest(most, begin)` is what it never exceeds, from the same of the schedule and of the one before.
    """

    schedule: Schedule
    change: Callable[[Formula, float, float], Formula]
    highest: Callable[[float, float], float] = lambda most, begin: most

    def most(self, begin: float) -> float:
        return self.highest(self.schedule.most(begin), begin)

    def length(self, frame: Frame) -> float | None:
        return self.schedule.length(frame)

    def shortest(self, frame: Frame) -> float:
        return self.schedule.shortest(frame)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        return self.change(self.schedule.formula(frame, length, begin), length, begin)


@dataclass(frozen=True, repr=False)
class Shifted(Schedule):
    """f(t + ahead - behind), its first value where that would be before its start."""

    schedule: Schedule
    ahead: Duration
    behind: Duration

    def most(self, begin: float) -> float:
        return self.schedule.most(begin)

    def length(self, frame: Frame) -> float | None:
        own = self.schedule.length(frame)
        return None if own is None else max(own + self._by(frame), 0.0)

    def shortest(self, frame: Frame) -> float:
        return max(self.schedule.shortest(frame) + self._by(frame), 0.0)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        by, own = self._by(frame), self.schedule.length(frame)
        inner = self.schedule.formula(frame, max(length - by, 0.0) if own is None else own, begin)
        return lambda t, xp: inner(held(since(t, by, xp), math.inf, xp), xp)

    def _by(self, frame: Frame) -> float:
        return frame.updates(self.behind) - frame.updates(self.ahead)


@dataclass(frozen=True, repr=False)
class Lasting(Schedule):
    """A schedule that takes another time than its own: cut off, or held at its end."""

    schedule: Schedule
    duration: Duration

    def most(self, begin: float) -> float:
        return self.schedule.most(begin)

    def length(self, frame: Frame) -> float | None:
        return frame.updates(self.duration)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        own = self.schedule.length(frame)
        inner = self.schedule.formula(frame, length if own is None else own, begin)
        return lambda t, xp: inner(held(t, length, xp), xp)


@dataclass(frozen=True, repr=False)
class Stretched(Schedule):
    """f(t/k)."""

    schedule: Schedule
    times: float

    def most(self, begin: float) -> float:
        return self.schedule.most(begin)

    def length(self, frame: Frame) -> float | None:
        own = self.schedule.length(frame)
        return None if own is None else own * self.times

    def shortest(self, frame: Frame) -> float:
        return self.schedule.shortest(frame) * self.times

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        own, times = self.schedule.length(frame), self.times
        inner = self.schedule.formula(frame, length / times if own is None else own, begin)
        return lambda t, xp: inner(floating(t, xp) / times, xp)


@dataclass(frozen=True, repr=False)
class Repeated(Schedule):
    """Cycle i takes P·m^i updates and is r^i as high; after the last its end is held."""

    schedule: Schedule
    times: float | None
    growth: float
    ratio: float

    def most(self, begin: float) -> float:
        return self.schedule.most(begin) * (self.ratio ** (self.times - 1) if self.ratio > 1 and self.times else 1.0)

    def length(self, frame: Frame) -> float | None:
        own = self.schedule.length(frame)
        return None if own is None or self.times is None else own * self._cycles(self.times)

    def shortest(self, frame: Frame) -> float:
        return self.schedule.shortest(frame) * self._cycles(self.times or 0)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        period = self.schedule.length(frame)
        if period is None:
            if self.times is None or math.isinf(length):
                raise ScheduleError("it repeats a schedule without a duration: say how often, or give it a duration")
            period = length / self._cycles(self.times)
            frame = Frame(period, frame.clock)
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


@method
def clip(schedule: Schedule, low: float = 0.0, high: float | None = None) -> Schedule:
    """min(max(f(t), low), high)."""
    check_factor("low", low)
    top = math.inf if high is None else high
    if high is not None:
        check_factor("high", high)
    if top < low:
        raise ScheduleError(f"low={low}, high={high}: the lower bound is over the upper")
    return Mapped(
        schedule,
        lambda inner, length, begin: lambda t, xp: xp.clip(inner(t, xp), low, top),
        lambda most, begin: min(max(most, low), top),
    )


@method
def reverse(schedule: Schedule) -> Schedule:
    """f(T - t)."""

    def change(inner: Formula, length: float, begin: float) -> Formula:
        if math.isinf(length):
            raise ScheduleError("a schedule without end can't be reversed: give the horizon: schedule.over(10_000)")
        return lambda t, xp: inner(length - floating(held(t, length, xp), xp), xp)

    return Mapped(schedule, change)


@method
def delay(schedule: Schedule, duration: Time) -> Schedule:
    """f(max(t - d, 0))."""
    return Shifted(schedule, Duration(0), _time(duration))


@method
def skip(schedule: Schedule, duration: Time) -> Schedule:
    """f(t + d)."""
    return Shifted(schedule, _time(duration), Duration(0))


@method
def stretch(schedule: Schedule, times: float) -> Schedule:
    """f(t/k)."""
    check_positive("times", times)
    if not SHORTEST <= times <= 1 / SHORTEST:
        raise ScheduleError(f"times={times}: give a number from {SHORTEST:g} to {1 / SHORTEST:g}")
    return Stretched(schedule, times)


@method
def lasting(schedule: Schedule, duration: Time) -> Schedule:
    """f(min(t, d)), or f(t) and then its end."""
    return Lasting(schedule, _time(duration))


@method
def repeat(schedule: Schedule, times: float | None = None, *, stretch: float = 1.0, ratio: float = 1.0) -> Schedule:
    """r^i·f((t - s_i)/m^i), s_i the start of cycle i."""
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
        raise ScheduleError(f"stretch={stretch}, times={times}: the last cycle would take more than {MOST:g} times as "
                            "long as the first")  # fmt: skip
    check_factor("ratio", ratio)
    if ratio > 1 and (times is None or times * math.log10(ratio) > math.log10(MOST)):
        raise ScheduleError(
            f"ratio={ratio}, times={times}: cycles that get higher need an end, before their factor is {MOST:g}"
        )
    return Repeated(schedule, times, stretch, ratio)


@method
def noise(schedule: Schedule, amplitude: float, *, seed: float = 0) -> Schedule:
    """f(t)·(1 + a·u(t)), u(t) uniform in [-1, 1], drawn from t and the seed alone."""
    check_factor("amplitude", amplitude)
    if amplitude > 1:
        raise ScheduleError(f"amplitude={amplitude}: over 1 the rate could become negative")
    check_factor("seed", seed)
    start = int(seed) % PRIME

    def change(inner: Formula, length: float, begin: float) -> Formula:
        return lambda t, xp: inner(t, xp) * (1.0 + amplitude * uniform(t, start, xp))

    return Mapped(schedule, change, lambda most, begin: most * (1.0 + amplitude))


LARGEST_STRETCH = 1000.0
"""With more, numbers of updates that a cycle begins at are no longer finite."""


def _time(time: Time) -> Duration:
    return duration(time)
