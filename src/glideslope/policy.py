"""The policy of a rate: a schedule, the feedbacks that multiply it, and the growth of the batch beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from glideslope.batches import Growing, Growth
from glideslope.documents import shown
from glideslope.errors import BatchError, FeedbackError, ScheduleError
from glideslope.feedback import Controlled, Feedback
from glideslope.feedback.feedback import State
from glideslope.schedules import Schedule, constant, parse

Driven = Schedule | Controlled | Growth  # a policy as it is written: a schedule, alone or times the rest


@dataclass(frozen=True, repr=False)
class RatePolicy:
    """A schedule, and what acts beside it.

    >>> policy = as_policy("cosine * plateau(0.5)")
    >>> policy.schedule, policy.feedbacks
    (cosine(), (plateau(factor=0.5),))
    >>> print(policy.within(100))
    cosine().over(100) * plateau(factor=0.5)
    """

    schedule: Schedule
    """The factor as a function of the updates made; where the batch grows, of those of the base batch."""
    feedbacks: tuple[Feedback, ...] = ()  # the feedbacks that multiply its factor
    growth: Growing | None = None  # the base and the largest batch, where it grows

    def __post_init__(self) -> None:
        if self.growth and self.feedbacks:
            raise BatchError(f"{self.feedbacks[0]} beside {self.growth}: a batch that grows follows its schedule alone")
        self.value  # noqa: B018  (refuses two guards, and factors that may come to too much)

    @cached_property
    def value(self) -> Driven:
        """The policy as it is written."""
        if self.growth is not None:
            return Growth(self.schedule, self.growth)
        return Controlled(self.schedule, self.feedbacks) if self.feedbacks else self.schedule

    @property
    def feedback(self) -> Controlled | None:
        """The feedbacks as one, with the schedule; None without any."""
        return self.value if isinstance(self.value, Controlled) else None

    @property
    def curve(self) -> Schedule:
        """The schedule, where nothing else moves the rate. Raises a FeedbackError or a BatchError elsewhere."""
        alone = f": take its schedule alone, {self.schedule!r}"
        if self.feedbacks:
            raise FeedbackError(f"{self} depends on measurements, so it has no curve before the training{alone}")
        if self.growth is not None:
            raise BatchError(f"{self} grows the batch, so it isn't a curve of the rate alone{alone}")
        return self.schedule

    def within(self, steps: int) -> RatePolicy:
        """The same with an end: its own, where it has one, else `steps`; a growth is cut there where that is sooner."""
        schedule = self.schedule.within(steps)
        return replace(self, schedule=schedule.lasting(steps) if self.growth else schedule)

    def rates(self, steps: int, peak: float = 1.0) -> np.ndarray:
        """The rate of each update of a complete run over `steps`, feedback left out, shape (n,). Raises a ScheduleError
        if `steps` is over 5e8, or as for a call of the schedule.

        >>> as_policy("linear").rates(4), as_policy("linear * growth(100, 200)").batch_sizes(4)
        (array([1.  , 0.75, 0.5 , 0.25]), array([100, 133, 167]))
        """
        policy = self.within(steps)
        if isinstance(policy.value, Growth):
            return np.asarray(peak * policy.value.plan().factors)
        try:
            factors = np.asarray(policy.schedule.sample(steps), dtype=float)
            return peak * np.array(np.broadcast_to(factors, (steps,)))
        except ScheduleError:
            raise
        except (TypeError, ValueError):  # a Python function that takes no arrays
            return peak * np.array([float(policy.schedule(t)) for t in range(steps)])

    def updates(self, steps: int) -> int:
        """The updates of a complete run over `steps`: fewer, of as many examples, where the batch grows."""
        sizes = self.batch_sizes(steps)
        return steps if sizes is None else len(sizes)

    def batch_sizes(self, steps: int) -> np.ndarray | None:
        """The examples in the batch of each of these updates, shape (n,); None where they stay."""
        value = self.within(steps).value
        return value.plan().sizes if isinstance(value, Growth) else None

    def state(self) -> State:
        """The state of its feedbacks before any measurement."""
        return self.feedback.init() if self.feedback else {}

    def __str__(self) -> str:
        return str(self.value)

    __repr__ = __str__


Policy = Driven | Feedback | Growing | RatePolicy | str  # the forms of a policy


def as_policy(value: Policy | Any, name: str = "schedule") -> RatePolicy:
    """The policy that a schedule, a feedback, a growth, one times another, or the text of any of them is; feedbacks and
    growths alone act on a constant schedule. Raises a ScheduleError, which names the argument, for another type,
    or if its text can't be read.

    >>> import glideslope as gs
    >>> as_policy(gs.linear() * gs.plateau()) == as_policy("linear * plateau")
    True
    """
    value = parse(value) if isinstance(value, str) else value
    match value:
        case RatePolicy():
            return value
        case Schedule():
            return RatePolicy(value)
        case Controlled():
            return RatePolicy(value.schedule, value.feedbacks)
        case Growth():
            return RatePolicy(value.schedule, growth=value.growing)
        case Feedback():
            return RatePolicy(constant(), (value,))
        case Growing():
            return RatePolicy(constant(), growth=value)
    reader = "from_function" if callable(value) else "from_torch" if hasattr(value, "step") else None
    how = f"; gs.{reader} makes one of it" if reader else ""
    raise ScheduleError(f"{name}={shown(value)}: give a schedule or its text, such as 'warmup(5%) >> cosine'{how}")
