"""A schedule: an immutable value that is a pure function from updates made to a dimensionless factor."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from glideslope.documents import shown
from glideslope.errors import ScheduleError
from glideslope.renamed import was_called
from glideslope.schedules.arrays import Array, Formula, evaluated, scalars
from glideslope.schedules.durations import Clock, Duration, Frame, Time
from glideslope.schedules.durations import duration as as_duration
from glideslope.schedules.names import method
from glideslope.schedules.numbers import plain
from glideslope.shown import Drawn

if TYPE_CHECKING:
    import numpy as np

    from glideslope.schedules.wrapper import Placed


class Schedule(Drawn, ABC):
    """The factor for each update: `schedule(t)` is the factor before update t + 1.

    `a >> b` is b after a; `a * b`, `a + b`, `max(a, b)` and `min(a, b)` combine factors update by update; `0.1 * a`
    scales a. Schedules are equal if their texts are; `str(a)` is the text, which `glideslope.parse` reads.
    """

    __array_ufunc__ = None  # a NumPy number times a schedule is a schedule, not NumPy's product of objects

    binding = 3  # how tightly its text holds together: 0 a >> b, 1 a + b, 2 a * b, 3 a call

    @abstractmethod
    def length(self, frame: Frame) -> float | None:
        """How many updates it takes, a real number; None if it fills what the horizon leaves."""

    def shortest(self, frame: Frame) -> float:
        """The fewest updates that a horizon must leave it: what its phases of a fixed duration take."""
        return self.length(frame) or 0.0

    @abstractmethod
    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        """The factor as a function of the updates since this schedule's own start, in a frame with the horizon and the
        clock; `length` is infinite where nothing bounds it, `begin` the factor at which the schedule before it
        ended."""

    def most(self, begin: float) -> float:
        """An upper bound of the factor, where `begin` bounds the schedule before; 1 for a Python function."""
        return max(begin, 1.0)

    def children(self) -> tuple[Schedule, ...]:
        """The schedules that its formula is made of; none of a schedule with a formula of its own."""
        return ()

    def map(self, change: Callable[[Schedule], Schedule]) -> Schedule:
        """The same schedule with `change(child)` for each child."""
        return self

    def layout(self, frame: Frame, length: float) -> list[Placed]:
        """Where each child lies within `length` updates, and what its durations are measured against."""
        return []

    def turns(self, frame: Frame, length: float) -> Iterator[float]:
        """Where the schedule bends or jumps, in updates since its start; for very many cycles, a selection."""
        for child in self.layout(frame, length):
            yield child.start
            yield from (child.start + child.pace * t for t in child.schedule.turns(child.frame, child.length))
        yield length

    def is_steady(self) -> bool:
        """Whether its values don't depend on the length that it fills, as far as both reach."""
        return False

    def allotted(self, frame: Frame, length: float) -> float:
        """The updates that it takes: those of its duration; without one, the `length` there is."""
        return length if (duration := self.length(frame)) is None else duration

    @cached_property
    def _factor(self) -> Formula:
        return self.formula(Frame(), self.allotted(Frame(), math.inf), 1.0)

    def __call__(self, t: Array) -> Array:
        """The factor before update t + 1.

        Args:
            t: updates already made: a number, or an array of any shape and array-API library.

        Returns:
            The factor, dimensionless: a float for a number, an array of the same shape and library for an array.

        Raises:
            ScheduleError: a duration needs a horizon or a clock that wasn't given; `.over` gives it.
        """
        try:
            return self._factor(t, scalars) if isinstance(t, (int, float)) else evaluated(self._factor, t)
        except OverflowError:
            raise ScheduleError(f"t={shown(t, 20)}: that many updates can't be counted") from None

    def sample(self, steps: int) -> np.ndarray:
        """The factors of the first `steps` updates, shape (steps,). A schedule without an end is taken over `steps`.
        Raises a ScheduleError if `steps` isn't a whole number, or is over 5e8, an array of 4 GB; or as for a call."""
        from glideslope.schedules.sampling import each

        return each(self, steps)

    def within(self, steps: Time, clock: Clock | None = None) -> Schedule:
        """The schedule itself if it has an end of its own, otherwise with `steps` as its horizon; see `over`."""
        return self if self.ends() else self.over(steps, clock)

    def ends(self) -> bool:
        """Whether it has an end of its own, whatever the horizon and the clock."""
        try:
            return self.length(Frame()) is not None
        except ScheduleError:
            return False

    @was_called("horizon", "steps")
    def over(self, steps: Time, clock: Clock | None = None) -> Schedule:
        """The same schedule with its horizon known, in place of any horizon it had.

        Args:
            steps: the horizon: the length of the whole training, in updates unless it has a unit.
            clock: the epochs, examples or tokens of an update, where durations use them.

        Raises:
            ScheduleError: the horizon isn't positive, is shorter than the phases, or a unit needs a clock.

        >>> import glideslope as gs
        >>> schedule = gs.warmup("10%") >> gs.linear()
        >>> [schedule.over(100)(t) for t in (0, 5, 10, 55, 100)]
        [0.0, 0.5, 1.0, 0.5, 0.0]
        """
        from glideslope.schedules.horizon import Over, horizon_of

        return Over(self, horizon_of(steps), Clock() if clock is None else clock)

    def extend(self, at: Time, to: Time) -> Schedule:
        """The schedule of a training that is made longer at `at`: its past stays the same, and the cooldown moves.

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
        from glideslope.schedules.extension import extended

        return extended(self, at, to)

    @method
    def continued(self) -> Schedule:
        """Scales the schedule to begin at the factor where the one before it ended.

        >>> import glideslope as gs
        >>> schedule = gs.linear(100, final=0.5) >> gs.exponential(100, ratio=0.1).continued()
        >>> schedule(100), round(schedule(200), 6)
        (0.5, 0.05)
        """
        from glideslope.schedules.transforms import Continued

        return Continued(self)

    @method
    def clip(self, low: float = 0.0, high: float | None = None) -> Schedule:
        """Limits the factor to `low` and `high`: min(max(f, low), high)."""
        from glideslope.schedules.transforms import Clipped

        return Clipped(self, low, high)

    @method
    def repeat(self, times: float | None = None, *, stretch: float = 1.0, ratio: float = 1.0) -> Schedule:
        """Repeats the schedule, each cycle `stretch` times as long and `ratio` times as high as the one before.

        Args:
            times: the number of cycles; endless if not given. Cycles without a duration divide the horizon.
            stretch: the length of a cycle over that of the one before, at least 1.
            ratio: the height of a cycle over that of the one before.

        Source: Loshchilov & Hutter 2017, arXiv:1608.03983 (T_i = T_0·m^i).

        >>> import glideslope as gs
        >>> [gs.linear(10).repeat(stretch=2, ratio=0.5)(t) for t in (0, 5, 10, 20, 30)]
        [1.0, 0.5, 0.5, 0.25, 0.25]
        """
        from glideslope.schedules.repeated import Repeated

        return Repeated(self, times, stretch, ratio)

    @method
    def reverse(self) -> Schedule:
        """Runs the schedule backwards: f(T - t)."""
        from glideslope.schedules.transforms import Reversed

        return Reversed(self)

    @method
    def delay(self, duration: Time) -> Schedule:
        """Holds the first factor for a duration, then runs the schedule."""
        from glideslope.schedules.transforms import Shifted

        return Shifted(self, ahead=Duration(0), behind=as_duration(duration))

    @method
    def skip(self, duration: Time) -> Schedule:
        """Leaves out the beginning: f(t + d)."""
        from glideslope.schedules.transforms import Shifted

        return Shifted(self, ahead=as_duration(duration), behind=Duration(0))

    @method
    def lasting(self, duration: Time) -> Schedule:
        """Sets the duration: a longer schedule is cut off, a shorter one holds its last factor."""
        from glideslope.schedules.transforms import Lasting

        return Lasting(self, as_duration(duration))

    @method
    def stretch(self, times: float) -> Schedule:
        """Slows the schedule by a factor k: f(t/k)."""
        from glideslope.schedules.transforms import Stretched

        return Stretched(self, times)

    @method
    def noise(self, amplitude: float, *, seed: float = 0) -> Schedule:
        """Multiplies the factor by 1 + u, with u uniform in [-amplitude, amplitude], computed from t and the seed."""
        from glideslope.schedules.transforms import Noisy

        return Noisy(self, amplitude, seed)

    @method
    def momentum(self, high: float = 0.95, low: float = 0.85) -> Schedule:
        """The momentum that mirrors the rate: `low` where the factor peaks, `high` where it begins and below. Raises a
        ScheduleError if the schedule isn't made of ramps, or the bounds aren't in [0, 1).

        Source: Smith 2018, arXiv:1803.09820.

        >>> import glideslope as gs
        >>> momentum = gs.one_cycle().momentum().over(100)
        >>> [round(momentum(t), 3) for t in (0, 45, 90, 100)]
        [0.95, 0.85, 0.95, 0.95]
        """
        from glideslope.schedules.momentum import mirrored

        return mirrored(self, high, low)

    def __rshift__(self, after: Schedule) -> Schedule:
        from glideslope.schedules.sequence import in_sequence

        if isinstance(after, str):
            raise ScheduleError(f"{after!r} is a text, and a schedule follows one: write glideslope.parse({after!r})")
        return in_sequence(self, after) if isinstance(after, Schedule) else NotImplemented

    def __mul__(self, factor: Schedule | float) -> Schedule:
        from glideslope.schedules.combined import is_factor, product

        return product(self, factor) if is_factor(factor) else NotImplemented

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Schedule:
        from glideslope.schedules.combined import quotient

        return quotient(self, number) if isinstance(number := plain(divisor), int | float) else NotImplemented

    def __add__(self, other: Schedule | float) -> Schedule:
        from glideslope.schedules.combined import is_factor, total

        return total(self, other) if is_factor(other) else NotImplemented

    def __radd__(self, other: float) -> Schedule:
        from glideslope.schedules.combined import is_factor, total

        return total(other, self) if is_factor(other) else NotImplemented

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_factor"}

    def __str__(self) -> str:
        raise ScheduleError(f"a bare {type(self).__name__} has no text form: only schedules made by name have one")

    def __repr__(self) -> str:
        try:
            return str(self)
        except ScheduleError:
            return f"<{type(self).__name__}>"
