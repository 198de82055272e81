"""A schedule again and again: cycles that get longer, and higher or lower."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from glideslope.errors import ScheduleError
from glideslope.schedules.arrays import Array, Formula, divided, floating
from glideslope.schedules.checks import MOST, SHORTEST, check_factor, check_positive, too_short
from glideslope.schedules.durations import Frame
from glideslope.schedules.turns import spread
from glideslope.schedules.wrapper import Placed, Wrapper

LARGEST_STRETCH = 1000.0  # with more, numbers of updates that a cycle begins at are no longer finite


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
