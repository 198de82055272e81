"""A feedback: a factor moved by measurements. Its state is a flat dictionary of numbers; all else is a value."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from glideslope.documents import shown
from glideslope.errors import FeedbackError
from glideslope.renamed import was_called
from glideslope.schedules import Clock, Schedule, constant
from glideslope.schedules.arrays import scalars
from glideslope.schedules.checks import MOST
from glideslope.schedules.combined import is_factor
from glideslope.schedules.durations import Time
from glideslope.schedules.numbers import is_finite, plain
from glideslope.schedules.wrapper import enclosed
from glideslope.shown import Drawn

COUNTS = ("good", "bad", "resting", "seen", "rough", "verdict")
State = dict[str, Any]  # numbers by name: Python floats, or JAX arrays under `jit`


class Feedback(ABC):
    """A factor that measurements move: `state = f.init(); state = f.update(state, metric); f.factor(state)`.

    `schedule * feedback` is the schedule with its factor multiplied by the feedback's.
    """

    each_update: ClassVar[bool] = False  #: whether it gets the training loss of each update, and not measurements

    __array_ufunc__ = None  # a NumPy number times a feedback is a feedback, not NumPy's product of objects

    def __call__(self, count: Any) -> Any:
        """Refuses to be a schedule, as which Optax would take it: raises a FeedbackError with the ways to use it."""
        curve = controlled(self).schedule
        raise FeedbackError(
            f"{self} depends on measurements, so it isn't a function of the updates made. In an Optax loop it is a "
            f"transformation of its own: optax.chain(optax.adamw(3e-2), gs.jax.scale_by_feedback(...)), with "
            f"optimizer.update(gradient, state, params, value=loss); its schedule alone is {curve}"
        )

    @abstractmethod
    def init(self) -> State:
        """The state before any measurement."""

    @abstractmethod
    def update(self, state: State, metric: Any) -> State:
        """The state after a measurement, a number, or a JAX array where the state is traced; the one given is left as
        it is. Raises a FeedbackError if it isn't a number, is NaN, or is a tensor with a graph."""

    @abstractmethod
    def factor(self, state: State) -> Any:
        """The multiplier of the rate."""

    def limits(self) -> dict[str, tuple[float, float]]:
        """The smallest and the largest value of each entry of a state, by its name; an entry left out may be any
        number."""
        return {}

    def restored(self, state: Any) -> State:
        """A state from outside, checked; an infinite number may be None, as JSON has no form of it. Raises a
        FeedbackError if it isn't a state of this feedback, or a number in it isn't within its limits.

        >>> import glideslope as gs
        >>> gs.plateau().restored({**gs.plateau().init(), "best": None, "bad": 3}) == gs.plateau().init() | {"bad": 3.0}
        True
        """
        fresh, limits = self.init(), self.limits()
        if not isinstance(state, Mapping) or state.keys() != fresh.keys():
            raise FeedbackError(f"{shown(state)} isn't a state of {self!r}, which has {', '.join(fresh) or 'none'}")
        read: State = {}
        for name, first in fresh.items():
            value, (low, high) = plain(state[name]), limits.get(name, (-math.inf, math.inf))
            value = first if value is None and math.isinf(first) else value
            number = isinstance(value, float) or (type(value) is int and is_finite(value))
            slack = 1e-6 * abs(value) if number and math.isfinite(value) else 0.0  # single precision's rounding
            count = name in limits and name.rpartition(".")[2] in COUNTS
            if not number or not low - slack <= value <= high + slack or (count and not float(value).is_integer()):
                raise FeedbackError(f"{name}={shown(value)} in a state of {self!r}: a number from {low:g} to {high:g} "
                                    "was expected")  # fmt: skip
            read[name] = float(value)
        self._check_factor(read)
        return read

    def _check_factor(self, state: State) -> None:
        try:
            factor = float(self.factor(state))
        except (ArithmeticError, TypeError, ValueError) as error:
            raise FeedbackError(f"{shown(state)} isn't a state of {self!r}: {error}") from None
        if not 0 <= factor < math.inf:
            raise FeedbackError(f"{shown(state)} isn't a state of {self!r}: it gives the factor {factor:g}")

    def __mul__(self, other: Feedback | Schedule | float) -> Controlled:
        if isinstance(other, Feedback):
            held = controlled(other)
            return Controlled(held.schedule, (self, *held.feedbacks))
        return self.__rmul__(other)

    def __rmul__(self, schedule: Schedule | float) -> Controlled:
        return Controlled(schedule if isinstance(schedule, Schedule) else constant(schedule), (self,))

    def __truediv__(self, divisor: float) -> Controlled:
        return self * float(1 / plain(divisor))

    def __str__(self) -> str:
        raise FeedbackError(f"a {type(self).__name__} has no text form, by which a search remembers it: give a __str__")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


@dataclass(frozen=True, repr=False)
class Controlled(Drawn, Feedback):
    """A schedule, and what multiplies its factor: `cosine() * plateau()`."""

    schedule: Schedule  #: the schedule, a pure function of the updates made
    feedbacks: tuple[Feedback, ...]  #: the feedbacks that multiply its factor

    def __post_init__(self) -> None:
        guards = [str(feedback) for feedback in self.feedbacks if feedback.each_update]
        if len(guards) > 1:
            raise FeedbackError(f"two guards on one run, {' and '.join(guards)}: one of them would undo what the other "
                                "did; give one")  # fmt: skip
        highest = self.schedule.most(1.0) * math.prod(
            feedback.limits().get("factor", (0.0, 1.0))[1] for feedback in self.feedbacks
        )
        if not highest <= MOST:
            raise FeedbackError(f"{self!r} may come to {highest:g}: a factor is at most {MOST:g}")

    @property
    def guard(self) -> int | None:
        """The place of the feedback that gets the loss of each update, where there is one."""
        return next((i for i, feedback in enumerate(self.feedbacks) if feedback.each_update), None)

    def init(self) -> State:
        return {key: v for i, each in enumerate(self.feedbacks) for key, v in self._named(i, each.init()).items()}

    def update(self, state: State, metric: Any) -> State:
        new = dict(state)
        for i, feedback in enumerate(self.feedbacks):
            if not feedback.each_update:
                new |= self._named(i, feedback.update(self._own(state, i), metric))
        return new

    def factor(self, state: State) -> Any:
        return math.prod(feedback.factor(self._own(state, i)) for i, feedback in enumerate(self.feedbacks))

    def limits(self) -> dict[str, tuple[float, float]]:
        return {key: v for i, each in enumerate(self.feedbacks) for key, v in self._named(i, each.limits()).items()}

    @was_called("horizon", "steps")
    def over(self, steps: Time, clock: Clock | None = None) -> Controlled:
        """The same with the schedule's horizon known; see `Schedule.over`."""
        return Controlled(self.schedule.over(steps, clock), self.feedbacks)

    def __mul__(self, other: Feedback | Schedule | float) -> Controlled:
        if isinstance(other, Controlled):
            return Controlled(self.schedule * other.schedule, self.feedbacks + other.feedbacks)
        if isinstance(other, Feedback):
            return Controlled(self.schedule, (*self.feedbacks, other))
        if not is_factor(other):
            return NotImplemented
        return Controlled(self.schedule * other, self.feedbacks)

    def __rmul__(self, factor: Schedule | float) -> Controlled:
        return Controlled(factor * self.schedule, self.feedbacks)

    def of_guard(self, state: State) -> State:
        """The part of a state that is the guard's."""
        return self._own(state, self.guard) if self.guard is not None else {}

    def with_guard(self, state: State, of_guard: State) -> State:
        """A state with another part of the guard's."""
        return state if self.guard is None else {**state, **self._named(self.guard, of_guard)}

    def _own(self, state: State, i: int) -> State:
        return {key.partition(".")[2]: value for key, value in state.items() if key.startswith(f"{i}.")}

    def _named(self, i: int, state: State) -> State:
        return {f"{i}.{key}": value for key, value in state.items()}

    def __str__(self) -> str:
        return " * ".join([enclosed(self.schedule, 2), *map(str, self.feedbacks)])

    __repr__ = __str__


def measured(metric: Any) -> tuple[Any, Any]:
    """A measurement as a number, or a JAX array as it is, and the namespace to compute with it in. Raises a
    FeedbackError if it can't be used; the message says why, and what to do."""
    if type(metric).__module__.startswith("jax"):
        return metric, metric.__array_namespace__()
    if getattr(metric, "requires_grad", False):
        raise FeedbackError("the metric is a tensor with a graph, which would be kept alive: give metric.detach()")
    try:
        number = float(metric)
    except (TypeError, ValueError) as error:
        missing = ", and where there is no measurement, leave the call out" if metric is None else ""
        raise FeedbackError(f"a metric of {shown(metric)}: give one number{missing} ({error})") from None
    if math.isnan(number):
        raise FeedbackError("the metric is NaN: the training, or its measurement, is lost; leave out what can't be "
                            "measured")  # fmt: skip
    return number, scalars


def controlled(feedback: Feedback) -> Controlled:
    """A feedback with the schedule that it holds: a constant one where it is alone."""
    return feedback if isinstance(feedback, Controlled) else Controlled(constant(), (feedback,))
