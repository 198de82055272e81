"""Feedbacks that are made by a function of their name, and the checks of its arguments."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, ClassVar

from glideslope.documents import shown
from glideslope.errors import FeedbackError
from glideslope.feedback.feedback import Feedback, State
from glideslope.schedules.names import value_text
from glideslope.schedules.numbers import is_finite, is_number


class Named(Feedback):
    """A feedback that is made by a function of its name, whose arguments are its attributes.

    An argument called `factor`, as a method is, is the attribute `multiplier`.
    """

    maker: ClassVar[Callable[..., Feedback]]

    @property
    def name(self) -> str:
        """The function that makes it."""
        return self.maker.__name__

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the function, but for defaults."""
        attributes = {"factor" if name == "multiplier" else name: value for name, value in vars(self).items()}
        defaults = inspect.signature(self.maker).parameters
        return {name: value for name, value in attributes.items() if value != defaults[name].default}

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value_text(value)}' for name, value in self.arguments.items())})"

    __repr__ = __str__

    def factor(self, state: State) -> Any:
        return state["factor"]


class Improving(Named):
    """A feedback of measurements that get better or don't, than the best by more than a threshold. A subclass has the
    attributes as fields, in the order of its arguments."""

    threshold: float
    threshold_mode: str
    mode: str

    @property
    def worst(self) -> float:
        """What any measurement is better than."""
        return math.inf if self.mode == "min" else -math.inf

    def is_better(self, metric: Any, best: Any, xp: Any) -> Any:
        """Whether a measurement is better than the best, which may be of either sign."""
        least = self.mode == "min"
        if self.threshold_mode == "absolute":
            return metric < best - self.threshold if least else metric > best + self.threshold
        shrunk, grown = best * (1.0 - self.threshold), best * (1.0 + self.threshold)
        if least:
            return metric < xp.where(best >= 0, shrunk, grown)
        return metric > xp.where(best >= 0, grown, shrunk)

    def __post_init__(self) -> None:
        check("threshold", self.threshold, 0)
        check_one_of("threshold_mode", self.threshold_mode, ("relative", "absolute"))
        check_one_of("mode", self.mode, ("min", "max"))


def check(name: str, value: Any, low: float, high: float = math.inf, *, open_ends: bool = False) -> None:
    """Raises unless a number is in its range."""
    number = is_number(value)
    if number and not is_finite(value):
        raise FeedbackError(f"{name}={shown(value)}: it must be finite")
    if not (number and (low < value < high if open_ends else low <= value <= high)):
        ends = "between" if open_ends else "from"
        raise FeedbackError(
            f"{name}={shown(value)}: give a number {ends} {low:g} {'and' if open_ends else 'to'} {high:g}"
        )


def check_whole(low: float, **numbers: Any) -> None:
    """Raises unless each number is a whole one, from the lowest to a billion."""
    for name, value in numbers.items():
        check(name, value, low, 1e9)
        if value != int(value):
            raise FeedbackError(f"{name}={value!r}: give a whole number")


def check_one_of(name: str, value: Any, known: tuple[str, ...]) -> None:
    """Raises unless a word is known."""
    if not isinstance(value, str) or value not in known:
        raise FeedbackError(f"{name}={shown(value)}: give {' or '.join(map(repr, known))}")
