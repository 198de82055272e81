"""Other numbers of the optimizer that a search may choose, beside the peak rate."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from glideslope.errors import SearchError
from glideslope.policy import Driven, as_policy
from glideslope.schedules.numbers import written
from glideslope.search.jobs.calls import calling
from glideslope.search.runs.labels import label

BATCH = "batch_size"

USUAL = {"momentum": (0.8, 0.98), "weight_decay": (1e-3, 0.3)}
"""Between what a number is searched where the user doesn't say."""


@dataclass(frozen=True)
class Axis:
    """A number of the optimizer, and between what it is searched.

    Momentum is searched in the logarithm of the updates that it averages over, 1/(1 - m); others in their own. The
    batch size begins at the job's own, and its values are multiples of it; a run has as many examples at each, so fewer
    updates where it is larger.

    >>> [round(value, 3) for value in Axis("momentum", 0.8, 0.98).values]
    [0.8, 0.937, 0.98]
    """

    name: str  # of the job's control, such as "weight_decay"
    low: float  # the ends
    high: float

    @classmethod
    def read(cls, text: str) -> Axis:
        """The axis that a text says: "weight_decay=1e-3:0.3", or a name alone whose range is usual. Raises a
        SearchError if the text isn't one, or the range is empty or has an end where there is no logarithm.

        >>> Axis.read("weight_decay=1e-3:0.3")
        Axis(name='weight_decay', low=0.001, high=0.3)
        """
        name, equals, ends = (part.strip() for part in text.partition("="))
        if not equals and name in USUAL:
            return cls(name, *USUAL[name])
        low, _, high = ends.partition(":")
        try:
            axis = cls(name, float(written(low)), float(written(high)))
        except ValueError:
            example = "batch_size=32:256" if name == BATCH else "weight_decay=1e-3:0.3"
            raise SearchError(
                f"{text!r} isn't a number to search: write name=low:high, such as {example}; "
                f"{' and '.join(USUAL)} may stand alone"
            ) from None
        most = 1.0 if name == "momentum" else math.inf
        if not (name and 0 < axis.low < axis.high < most):
            raise SearchError(
                f"{text!r}: the ends must be in order and above 0{', below 1' if most == 1 else ''}, "
                "such as weight_decay=1e-3:0.3"
            )
        if name == BATCH and not (axis.low.is_integer() and (axis.high / axis.low).is_integer()):
            raise SearchError(
                f"{text!r}: give the job's own batch size and a multiple of it, in examples, such as batch_size=32:256"
            )
        return axis

    @property
    def values(self) -> tuple[float, ...]:
        """The ends and the middle between them, each once: twice a batch size there is none between."""
        middle = self.at(math.sqrt(self.place(self.low) * self.place(self.high)))
        return tuple(dict.fromkeys((self.low, middle, self.high)))

    def place(self, value: float) -> float:
        """Where a value lies: positive, searched in its logarithm."""
        return 1 / (1 - value) if self.name == "momentum" else value

    def at(self, place: float) -> float:
        """The value at a place, to three digits; a batch size as a multiple of the least. Of a momentum those of 1 - m
        count too, two of them: 0.9997 isn't 1."""
        if self.name == BATCH:
            return self.low * max(round(place / self.low), 1)
        if self.name == "momentum":
            return round(1 - 1 / place, max(3, 1 + math.ceil(math.log10(place))))
        return float(f"{place:.3g}")

    def batch(self, value: float) -> float:
        """The examples of an update with a value, as a multiple of those at the low end."""
        return value / self.low if self.name == BATCH else 1.0

    def updates(self, value: float, steps: int) -> int:
        """Those of a run with a value that has as many examples as `steps` updates at the low end, and no more."""
        return max(math.floor(steps / self.batch(value) + 1e-9), 1)

    def peak(self, value: float, kind: str | None) -> float:
        """By what the peak rate is multiplied: for k times the batch by k where gradients are taken as they are (Goyal
        et al. 2017, arXiv:1706.02677), else by its square root (Malladi et al. 2022, arXiv:2205.10287).

        >>> Axis("batch_size", 32, 128).peak(128, "plain"), Axis("batch_size", 32, 128).peak(128, "adaptive")
        (4.0, 2.0)
        """
        factor = self.batch(value)
        return factor if kind == "plain" else math.sqrt(factor)


def check_batch(axis: Axis, job: Any, schedules: Iterable[Driven]) -> None:
    """Raises a SearchError where a batch size doesn't begin at the job's own, as far as that is known: an update has
    another number of batches than one of the low end; or where a schedule is paid in batch growth."""
    if axis.name != BATCH:
        return
    for schedule in schedules:
        if as_policy(schedule).growth:
            raise SearchError(f"{label(schedule)} sets the batch size itself: search {BATCH} with other schedules")
    batches_in, batches = getattr(job, "batches_in", None), getattr(job, "accumulate", None)
    if batches_in is None or batches is None:
        return
    with calling("batches_in", f"for {axis.low:g} examples"):
        least = batches_in(axis.low)
    if least != batches:
        begin = axis.low * batches / least
        raise SearchError(
            f"{BATCH}={axis.low:g}:{axis.high:g}: an update of the job has {begin:g} examples, for which the updates "
            f"are meant: begin there, as {BATCH}={begin:g}:{max(axis.high, 2 * begin):g}"
        )


def axes(texts: Iterable[str]) -> tuple[Axis, ...]:
    """The axes that some texts say. Raises a SearchError if a text isn't one, or two have one name."""
    read = tuple(map(Axis.read, texts))
    if len({axis.name for axis in read}) < len(read):
        raise SearchError(f"{', '.join(axis.name for axis in read)}: a number can be searched once")
    return read
