"""A schedule: an immutable value that is a pure function from updates made to a dimensionless factor."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from glideslope.errors import ScheduleError
from glideslope.schedules.arrays import Array, Formula, evaluated, scalars
from glideslope.schedules.durations import Clock, Frame, Time, number_text
from glideslope.schedules.numbers import is_finite, plain
from glideslope.shown import Drawn

if TYPE_CHECKING:
    import numpy as np


class Schedule(Drawn, ABC):
    """The factor for each update: `schedule(t)` is the factor before update t + 1.

    `a >> b` is b after a; `a * b`, `a + b`, `max(a, b)` and `min(a, b)` are taken update by update; `0.1 * a` is a
    scaled. Schedules are equal when they are written the same; `str(a)` is the text that `glideslope.parse` reads.
    """

    __array_ufunc__ = None
    """A NumPy number times a schedule is a schedule, not NumPy's product of objects."""

    binding = 3
    """How tightly its text holds together: 0 a >> b, 1 a + b, 2 a * b, 3 a call."""

    @abstractmethod
    def length(self, frame: Frame) -> float | None:
        """How many updates it takes, a real number; None if it fills what the horizon leaves."""

    def shortest(self, frame: Frame) -> float:
        """The fewest updates that a horizon must leave it: what its phases of a fixed duration take."""
        return self.length(frame) or 0.0

    @abstractmethod
    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        """The factor as a function of the updates since this schedule's own start.

        Args:
            frame: what its durations are measured against.
            length: the updates it was given; infinite where nothing bounds it.
            begin: the factor at which the schedule before it ended.
        """

    def most(self, begin: float) -> float:
        """A number that the factor never exceeds, whatever the horizon; of a Python function nothing is known: 1.

        Args:
            begin: the same of the schedule before it.
        """
        return max(begin, 1.0)

    @cached_property
    def _factor(self) -> Formula:
        frame = Frame()
        length = self.length(frame)
        return self.formula(frame, math.inf if length is None else length, 1.0)

    def __call__(self, t: Array) -> Array:
        """The factor before update t + 1.

        Args:
            t: updates already made: a number, or an array of any shape in any array-API library.

        Returns:
            The factor, dimensionless: a float for a number, an array of the same shape and library for an array.

        Raises:
            ScheduleError: a duration needs a horizon or a clock that wasn't given; `.over` gives it.
        """
        if isinstance(t, (int, float)):
            return self._factor(t, scalars)
        return evaluated(self._factor, t)

    def sample(self, steps: int) -> np.ndarray:
        """The factors of `steps` updates, an array of shape (steps,); a horizon it lacks is `steps`.

        Raises:
            ScheduleError: there are more than 5e8, 4 GB; or as for a call.
        """
        import numpy as np

        steps = plain(steps)
        if isinstance(steps, int | float) and steps > _MOST_SAMPLES:
            raise ScheduleError(
                f"an array of more than {_MOST_SAMPLES:g} factors was asked for: call the schedule with the updates "
                "that you need, schedule.within(steps)(np.array([0, 1000]))"
            )
        return np.asarray(self.within(steps)(np.arange(steps)))

    def within(self, steps: Time) -> Schedule:
        """The schedule itself if it has an end of its own, otherwise with `steps` as its horizon."""
        try:
            ends = self.length(Frame()) is not None
        except ScheduleError:
            ends = False
        return self if ends else self.over(steps)

    def over(self, horizon: Time, clock: Clock | None = None) -> Schedule:
        """The same schedule with its horizon known, in place of any horizon it had.

        Args:
            horizon: the length of the whole training, in updates unless it has a unit.
            clock: what an update is worth in epochs, examples or tokens, where durations use them.

        Raises:
            ScheduleError: the horizon isn't positive, is shorter than the phases, or a unit needs a clock.

        >>> import glideslope as gs
        >>> schedule = gs.warmup("10%") >> gs.linear()
        >>> [schedule.over(100)(t) for t in (0, 5, 10, 55, 100)]
        [0.0, 0.5, 1.0, 0.5, 0.0]
        """
        return METHODS["over"](self, horizon, **vars(clock or Clock()))

    def extend(self, at: Time, to: Time) -> Schedule:
        """The schedule of a longer training that has come to `at`: what is past stays, only the cooldown moves.

        Args:
            at: how far the training is.
            to: the new horizon.

        Raises:
            ScheduleError: the longer schedule would differ before `at` (a cosine's), or its cooldown has begun.

        >>> import glideslope as gs
        >>> schedule = (gs.warmup("5%") >> gs.hold() >> gs.cooldown("20%")).over(1000)
        >>> schedule.extend(at=700, to=2000)
        (warmup(50) >> hold() >> cooldown(20%)).over(2000)
        """
        return METHODS["extend"](self, at, to)

    def continued(self) -> Schedule:
        """Scaled to begin where the schedule before it ended.

        >>> import glideslope as gs
        >>> schedule = gs.linear(100, final=0.5) >> gs.exponential(100, ratio=0.1).continued()
        >>> schedule(100), round(schedule(200), 6)
        (0.5, 0.05)
        """
        return METHODS["continued"](self)

    def clip(self, low: float = 0.0, high: float | None = None) -> Schedule:
        """No less than `low`, no more than `high`: min(max(f, low), high)."""
        return METHODS["clip"](self, low, high)

    def repeat(self, times: float | None = None, *, stretch: float = 1.0, ratio: float = 1.0) -> Schedule:
        """Again and again, each time `stretch` times as long and `ratio` times as high.

        Args:
            times: how often, a whole number; for ever if not given. A schedule without a duration shares the horizon.
            stretch: the length of a cycle over that of the one before, at least 1.
            ratio: the height of a cycle over that of the one before.

        Source: Loshchilov & Hutter 2017, arXiv:1608.03983 (T_i = T_0·m^i).

        >>> import glideslope as gs
        >>> [gs.linear(10).repeat(stretch=2, ratio=0.5)(t) for t in (0, 5, 10, 20, 30)]
        [1.0, 0.5, 0.5, 0.25, 0.25]
        """
        return METHODS["repeat"](self, times, stretch=stretch, ratio=ratio)

    def reverse(self) -> Schedule:
        """Backwards: f(T - t)."""
        return METHODS["reverse"](self)

    def delay(self, duration: Time) -> Schedule:
        """Begins later: its first value for so long, then itself."""
        return METHODS["delay"](self, duration)

    def skip(self, duration: Time) -> Schedule:
        """Begins further on: f(t + d)."""
        return METHODS["skip"](self, duration)

    def lasting(self, duration: Time) -> Schedule:
        """Takes so long: cut off where it is longer, its end held where it is shorter."""
        return METHODS["lasting"](self, duration)

    def stretch(self, times: float) -> Schedule:
        """So many times as slow: f(t/k)."""
        return METHODS["stretch"](self, times)

    def noise(self, amplitude: float, *, seed: float = 0) -> Schedule:
        """Times 1 + u, u uniform between -amplitude and amplitude, and the same whenever t is the same."""
        return METHODS["noise"](self, amplitude, seed=seed)

    def momentum(self, high: float = 0.95, low: float = 0.85) -> Schedule:
        """The momentum that moves against the rate: `low` where the factor peaks, `high` where it begins and below.

        Raises:
            ScheduleError: the schedule isn't made of ramps, or the bounds aren't in [0, 1).

        Source: Smith 2018, arXiv:1803.09820.

        >>> import glideslope as gs
        >>> momentum = gs.one_cycle().momentum().over(100)
        >>> [round(momentum(t), 3) for t in (0, 45, 90, 100)]
        [0.95, 0.85, 0.95, 0.95]
        """
        return METHODS["momentum"](self, high, low)

    def __rshift__(self, after: Schedule) -> Schedule:
        return OPERATORS[">>"](self, after) if isinstance(after, Schedule) else NotImplemented

    def __mul__(self, factor: Schedule | float) -> Schedule:
        return OPERATORS["*"](self, factor) if is_factor(factor) else NotImplemented

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Schedule:
        if plain(divisor) == 0:
            raise ScheduleError(f"{self!r} / 0: divide by a number above it")
        return self * float(1 / plain(divisor))

    def __add__(self, other: Schedule | float) -> Schedule:
        return OPERATORS["+"](self, other) if is_factor(other) else NotImplemented

    def __radd__(self, other: float) -> Schedule:
        return OPERATORS["+"](other, self) if is_factor(other) else NotImplemented

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_factor"}

    def __str__(self) -> str:
        raise ScheduleError(f"a bare {type(self).__name__} has no text form: only schedules made by name have one")

    def __repr__(self) -> str:
        try:
            return str(self)
        except ScheduleError:
            return f"<{type(self).__name__}>"


_MOST_SAMPLES = 500_000_000
"""Factors of which an array is made, at most: 4 GB."""

MOST = 1e30
"""The largest factor, and the longest time: single precision holds it, and a little more."""

SHORTEST = 1e-9
"""Updates: the shortest time that is divided by, so that no quotient overflows."""

METHODS: dict[str, Callable[..., Schedule]] = {}
"""What makes a schedule out of one, by its name in the text form; the files that define them add them."""

OPERATORS: dict[str, Callable[..., Schedule]] = {}
"""What makes one out of two; `>>` out of any number."""


def is_factor(value: object) -> bool:
    """Whether a schedule can be multiplied by it, or added to it."""
    value = plain(value)
    return isinstance(value, Schedule | int | float) and not isinstance(value, bool)


def enclosed(schedule: Schedule, binding: int = 3) -> str:
    """Its text as an operand, in parentheses if it binds less."""
    return str(schedule) if schedule.binding >= binding else f"({schedule})"


def too_short(schedule: Schedule, takes: float, horizon: float) -> ScheduleError:
    """The error for a horizon that is shorter than what has to fit into it."""
    return ScheduleError(
        f"{schedule!r} takes {number_text(takes)} updates, the horizon is {number_text(horizon)}: "
        "give a longer horizon or shorter phases"
    )


def check_factor(name: str, value: float) -> None:
    """Raises unless a factor is a finite number and not negative."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ScheduleError(f"{name}={value!r}: it must be a number")
    if not (is_finite(value) and value >= 0):
        raise ScheduleError(f"{name}={value}: it must be finite and not negative")
    if value > MOST:
        raise ScheduleError(f"{name}={value}: give at most {MOST:g}")


def check_positive(name: str, value: float) -> None:
    """Raises unless a number is one that a factor may be, and above 0."""
    check_factor(name, value)
    if value == 0:
        raise ScheduleError(f"{name}=0: it must be positive")


def check_most(schedule: Schedule) -> None:
    """Raises if factors that are finite could together come to one that isn't."""
    if not schedule.most(1.0) <= MOST:
        raise ScheduleError(f"{schedule!r} may come to {schedule.most(1.0):g}: a factor is at most {MOST:g}")
