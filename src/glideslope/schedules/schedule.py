"""A schedule: an immutable value that is a pure function from updates made to a dimensionless factor."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from glideslope.errors import ScheduleError
from glideslope.schedules.arrays import Array, Formula, namespace, scalars, since
from glideslope.schedules.durations import Clock, Duration, Frame, Time, duration, number_text

if TYPE_CHECKING:
    import numpy as np


class Schedule(ABC):
    """The factor for each update: `schedule(t)` is the factor before update t + 1.

    `a >> b` is b after a, `0.1 * a` is a scaled, `a.over(10_000)` is a with its horizon known. Schedules are equal when
    they are written the same; `str(a)` is the text that `glideslope.parse` reads back.
    """

    @abstractmethod
    def length(self, frame: Frame) -> float | None:
        """How many updates it takes, a real number; None if it fills what the horizon leaves."""

    @abstractmethod
    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        """The factor as a function of the updates since this schedule's own start.

        Args:
            frame: what its durations are measured against.
            length: the updates it was given; infinite where nothing bounds it.
            begin: the factor at which the schedule before it ended.
        """

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
        return self._factor(t, namespace(t))

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
        return Over(self, duration(horizon), clock or Clock())

    def sample(self, steps: int) -> np.ndarray:
        """The factors of `steps` updates, an array of shape (steps,); a horizon it lacks is `steps`."""
        import numpy as np

        try:
            bounded = self.length(Frame()) is not None
        except ScheduleError:
            bounded = False
        schedule = self if bounded else self.over(steps)
        return np.asarray(schedule(np.arange(steps)))

    def continued(self) -> Schedule:
        """The same schedule scaled to begin where the one before it ended.

        >>> import glideslope as gs
        >>> schedule = gs.linear(100, final=0.5) >> gs.exponential(100, ratio=0.1).continued()
        >>> schedule(100), round(schedule(200), 6)
        (0.5, 0.05)
        """
        return Continued(self)

    def __rshift__(self, after: Schedule) -> Schedule:
        if not isinstance(after, Schedule):
            return NotImplemented
        return Sequence((*phases(self), *phases(after)))

    def __mul__(self, factor: float) -> Schedule:
        if isinstance(factor, bool) or not isinstance(factor, int | float):
            return NotImplemented
        return Scaled(factor * self.scale, self.schedule) if isinstance(self, Scaled) else Scaled(factor, self)

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Schedule:
        return self * (1 / divisor)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_factor"}

    def __repr__(self) -> str:
        return str(self)


def phases(schedule: Schedule) -> tuple[Schedule, ...]:
    """The schedules that follow one another in it: a sequence's phases, or the schedule alone."""
    return schedule.phases if isinstance(schedule, Sequence) else (schedule,)


@dataclass(frozen=True, repr=False)
class Sequence(Schedule):
    """One schedule after another. At most one has no duration: it fills what the horizon leaves."""

    phases: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        unbounded = [str(phase) for phase in self.phases if fills(phase)]
        if len(unbounded) > 1:
            raise ScheduleError(
                f"{' and '.join(unbounded)} both have no duration: only one phase can fill what the horizon leaves"
            )
        if (percent := sum(map(percentage, self.phases))) > 100 * (1 + 1e-12):
            raise ScheduleError(f"{self}: its phases take {number_text(percent)}% of the horizon, more than 100%")

    def length(self, frame: Frame) -> float | None:
        lengths = [phase.length(frame) for phase in self.phases]
        return None if None in lengths else math.fsum(length for length in lengths if length is not None)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        lengths = self._shared_out(frame, length)
        starts = [0.0, *accumulate(lengths[:-1])]
        formulas: list[Formula] = []
        for phase, own in zip(self.phases, lengths, strict=True):
            formulas.append(phase.formula(frame, own, begin))
            begin = formulas[-1](own, scalars) if math.isfinite(own) else begin

        def factor(t: Array, xp: Any) -> Array:
            if xp is scalars:
                i = max(bisect_right(starts, t) - 1, 0)
                return formulas[i](t - starts[i], xp)
            value = formulas[0](t, xp)
            for start, after in zip(starts[1:], formulas[1:], strict=True):
                if math.isfinite(start):
                    value = xp.where(t < start, value, after(since(t, start, xp), xp))
            return value

        return factor

    def _shared_out(self, frame: Frame, length: float) -> list[float]:
        """The updates of each phase, the one without a duration given what the others leave."""
        lengths = [phase.length(frame) for phase in self.phases]
        rest = length - math.fsum(own for own in lengths if own is not None)
        if rest < -1e-9 * length:
            raise too_short(self, length - rest, length)
        return [max(rest, 0.0) if own is None else own for own in lengths]

    def __str__(self) -> str:
        return " >> ".join(map(str, self.phases))


@dataclass(frozen=True, repr=False)
class Scaled(Schedule):
    """A schedule times a number."""

    scale: float
    schedule: Schedule

    def __post_init__(self) -> None:
        check_factor("the factor of a schedule", self.scale)

    def length(self, frame: Frame) -> float | None:
        return self.schedule.length(frame)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        inner, scale = self.schedule.formula(frame, length, begin), self.scale
        return lambda t, xp: scale * inner(t, xp)

    def __str__(self) -> str:
        return f"{number_text(self.scale)} * {enclosed(self.schedule)}"


@dataclass(frozen=True, repr=False)
class Continued(Schedule):
    """A schedule scaled to begin where the one before it ended."""

    schedule: Schedule

    def length(self, frame: Frame) -> float | None:
        return self.schedule.length(frame)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        inner = self.schedule.formula(frame, length, begin)
        first = inner(0.0, scalars)
        if first == 0:
            raise ScheduleError(f"{self}: it begins at 0, so no scale makes it begin at {number_text(begin)}")
        scale = begin / first
        return lambda t, xp: scale * inner(t, xp)

    def __str__(self) -> str:
        return f"{enclosed(self.schedule)}.continued()"


@dataclass(frozen=True, repr=False)
class Over(Schedule):
    """A schedule with its horizon: fractions within it are of this horizon."""

    schedule: Schedule
    horizon: Duration
    clock: Clock

    def __post_init__(self) -> None:
        if self.horizon.value == 0 or self.horizon.unit == "%":
            raise ScheduleError(f"a horizon of {self.horizon}: it must be a positive length, in updates or with a unit")
        self._factor  # noqa: B018  (a missing unit or too short a horizon is an error now, not at the first update)

    def length(self, frame: Frame) -> float:
        return self.clock.updates(self.horizon)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        frame = Frame(length, self.clock)
        own = self.schedule.length(frame)
        if own is not None and own > length * (1 + 1e-9):
            raise too_short(self.schedule, own, length)
        return self.schedule.formula(frame, length if own is None else own, begin)

    def over(self, horizon: Time, clock: Clock | None = None) -> Schedule:
        return self.schedule.over(horizon, clock or self.clock)

    def __str__(self) -> str:
        clock = "".join(f", {name}={number_text(value)}" for name, value in vars(self.clock).items() if value)
        return f"{enclosed(self.schedule)}.over({self.horizon}{clock})"


def fills(schedule: Schedule) -> bool:
    """Whether it has no duration of its own, and fills what the horizon leaves."""
    return schedule.length(Frame(1.0, Clock(1, 1, 1))) is None


def percentage(schedule: Schedule) -> float:
    """How much of the horizon, in percent, a schedule's own durations take at least."""
    one, two = (schedule.length(Frame(horizon, Clock(1, 1, 1))) or 0.0 for horizon in (1.0, 2.0))
    return 100 * (two - one)


def enclosed(schedule: Schedule) -> str:
    """Its text as an operand: a sequence, and what binds less than a call, in parentheses."""
    return f"({schedule})" if isinstance(schedule, Sequence | Scaled) else str(schedule)


def too_short(schedule: Schedule, takes: float, horizon: float) -> ScheduleError:
    """The error for a horizon that is shorter than what has to fit into it."""
    return ScheduleError(
        f"{schedule} takes {number_text(takes)} updates, the horizon is {number_text(horizon)}: "
        "give a longer horizon or shorter phases"
    )


def check_factor(name: str, value: float) -> None:
    """Raises unless a factor is a finite number and not negative."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ScheduleError(f"{name}={value!r}: it must be a number")
    if not (math.isfinite(value) and value >= 0):
        raise ScheduleError(f"{name}={value}: it must be finite and not negative")
