"""Other numbers of the optimizer that a search may choose, beside the peak rate."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from glideslope.errors import SearchError

USUAL = {"momentum": (0.8, 0.98), "weight_decay": (1e-3, 0.3)}
"""Between what a number is searched where the user doesn't say."""


@dataclass(frozen=True)
class Axis:
    """A number of the optimizer, and between what it is searched.

    Momentum is searched in the logarithm of the updates that it averages over, 1/(1 - m); others in their own.

    Attributes:
        name: of the job's control, such as "weight_decay".
        low, high: the ends.

    >>> [round(value, 3) for value in Axis("momentum", 0.8, 0.98).values]
    [0.8, 0.937, 0.98]
    """

    name: str
    low: float
    high: float

    @classmethod
    def read(cls, text: str) -> Axis:
        """The axis that a text says: "weight_decay=1e-3:0.3", or a name alone whose range is usual.

        Raises:
            SearchError: the text isn't one, or the range is empty or has an end where there is no logarithm.

        >>> Axis.read("weight_decay=1e-3:0.3")
        Axis(name='weight_decay', low=0.001, high=0.3)
        """
        name, equals, ends = (part.strip() for part in text.partition("="))
        if not equals and name in USUAL:
            return cls(name, *USUAL[name])
        low, _, high = ends.partition(":")
        try:
            axis = cls(name, float(low), float(high))
        except ValueError:
            known = ", ".join(USUAL)
            raise SearchError(
                f"{text!r} isn't a number to search: write name=low:high, such as weight_decay=1e-3:0.3; "
                f"{known} may stand alone"
            ) from None
        most = 1.0 if name == "momentum" else math.inf
        if name == "batch_size":
            raise SearchError("the batch size isn't searched: its updates cost more; use cosine() * growth(…) instead")
        if not (name and 0 < axis.low < axis.high < most):
            raise SearchError(
                f"{text!r}: the ends must be in order and above 0{', below 1' if most == 1 else ''}, "
                "such as weight_decay=1e-3:0.3"
            )
        return axis

    @property
    def values(self) -> tuple[float, float, float]:
        """The ends and the middle between them."""
        return self.low, self.at(math.sqrt(self.place(self.low) * self.place(self.high))), self.high

    def place(self, value: float) -> float:
        """Where a value lies: positive, searched in its logarithm."""
        return 1 / (1 - value) if self.name == "momentum" else value

    def at(self, place: float) -> float:
        """The value at a place, to three digits."""
        return float(f"{1 - 1 / place if self.name == 'momentum' else place:.3g}")


def axes(texts: Iterable[str]) -> tuple[Axis, ...]:
    """The axes that some texts say.

    Raises:
        SearchError: a text isn't one, or two have one name.
    """
    read = tuple(map(Axis.read, texts))
    if len({axis.name for axis in read}) < len(read):
        raise SearchError(f"{', '.join(axis.name for axis in read)}: a number can be searched once")
    return read
