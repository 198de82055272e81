"""Batch growth: where a schedule would lower the rate, the batch grows instead."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from glideslope.errors import BatchError
from glideslope.feedback import Feedback
from glideslope.renamed import was_called
from glideslope.schedules import Clock, Schedule, from_function
from glideslope.schedules.durations import Frame, Time
from glideslope.schedules.names import FACTORS, value_text
from glideslope.schedules.numbers import is_number, plain
from glideslope.schedules.wrapper import enclosed
from glideslope.shown import Drawn

if TYPE_CHECKING:
    import numpy as np


class Updates(NamedTuple):
    """The updates of a training, arrays of shape (n,): examples in the batch, the factor of the rate, and the examples
    consumed before. Equal where the arrays are."""

    sizes: np.ndarray
    factors: np.ndarray
    examples: np.ndarray

    def __eq__(self, other: object) -> bool:
        import numpy as np

        return isinstance(other, Updates) and all(map(np.array_equal, self, other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(tuple(array.tobytes() for array in self))


@dataclass(frozen=True)
class Growing:
    """A factor of a schedule that pays its decay in batch growth; the arguments are those of `growth`."""

    base: int = 128
    largest: int = 4096
    multiple: int | None = None

    name: ClassVar[str] = "growth"

    def __post_init__(self) -> None:
        for name, given in list(vars(self).items()):
            value = plain(given)
            missing = value is None and name == "multiple"
            if not missing and not (is_number(value) and 1 <= value < 2**53 and value == int(value)):
                raise BatchError(f"{name}={value!r}: give a whole number of examples")
            object.__setattr__(self, name, None if value is None else int(value))
        if self.largest < self.base:
            raise BatchError(f"largest={self.largest:g} is under base={self.base:g}: a batch grows")
        if self.multiple and self.base % self.multiple:
            raise BatchError(f"base={self.base:g} isn't a multiple of multiple={self.multiple:g}")

    def __rmul__(self, schedule: Schedule) -> Growth:
        if not isinstance(schedule, Schedule):
            raise BatchError(f"{schedule!r} * {self}: only a schedule without feedback can be paid in batch growth")
        return Growth(schedule, self)

    @property
    def arguments(self) -> dict[str, int]:
        """Those that were given."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value_text(value)}' for name, value in self.arguments.items())})"

    __repr__ = __str__


@dataclass(frozen=True, repr=False)
class Growth(Drawn):
    """A schedule whose decay is paid in batch growth: see `growth`."""

    schedule: Schedule  #: the schedule, in updates of the base batch
    growing: Growing  #: the base and the largest batch

    @was_called("horizon", "steps")
    def over(self, steps: Time, clock: Clock | None = None) -> Growth:
        """The same with the schedule's horizon known, in updates of the base batch; see `Schedule.over`."""
        return replace(self, schedule=self.schedule.over(steps, clock))

    def at(self, examples: int) -> tuple[int, float]:
        """The batch size of the update after so many examples, and the factor of its rate.

        A pure function of the examples consumed, so nothing else needs to be saved to go on from there. Raises a
        ScheduleError if the schedule has no horizon."""
        base, largest, multiple = self.growing.base, self.growing.largest, self.growing.multiple or 1
        end, start, most = self._shape
        t = examples / base
        factor = float(self.schedule(t))
        size = base
        if t >= start and factor < most:
            grown = largest if factor * largest <= most * base else int(base * most / factor * (1 + 1e-12))
            size = max(base, grown // multiple * multiple)
        if end is not None and examples < end:
            size = min(size, end - examples)
        return size, factor * size / base

    def plan(self, steps: int | None = None) -> Updates:
        """Every update of a training of `steps` updates of the base batch: fewer, with as many examples. Raises a
        ScheduleError if the schedule has no horizon, and none is given."""
        import numpy as np

        growth = self if steps is None else self.over(steps)
        end = growth._shape[0]
        if end is None:
            raise BatchError(f"{self} has no end: give the updates of the base batch that it would take")
        sizes, factors, examples, consumed = [], [], [], 0
        while consumed < end:
            size, factor = growth.at(consumed)
            sizes.append(size)
            factors.append(factor)
            examples.append(consumed)
            consumed += size
        return Updates(np.array(sizes), np.array(factors), np.array(examples))

    def rates(self) -> Schedule:
        """The factor of the rate as a schedule of the updates that are really made. Raises a ScheduleError if the
        schedule has no horizon."""
        import numpy as np

        factors = self.plan().factors
        return from_function(lambda t: factors[np.minimum(np.asarray(t, dtype=int), len(factors) - 1)])

    @cached_property
    def _shape(self) -> tuple[int | None, float, float]:
        """The examples in all, the position at which the factor is first at its greatest, and that factor."""
        import numpy as np

        length = self.schedule.length(Frame())
        t = np.linspace(0, length or 1, 10_001) if length else np.zeros(1)
        factors = np.asarray(self.schedule(t), dtype=float) * np.ones(len(t))
        top = int(np.argmax(factors >= factors.max() * (1 - 1e-9)))
        return math.ceil(length * self.growing.base) if length else None, float(t[top]), float(factors[top])

    def __mul__(self, other: Any) -> Growth:
        if isinstance(other, Feedback | Growing | Growth):
            raise BatchError(f"{self} * {other}: a batch that grows follows its schedule alone")
        return replace(self, schedule=self.schedule * other)

    __rmul__ = __mul__

    def __str__(self) -> str:
        return f"{enclosed(self.schedule, 2)} * {self.growing}"

    __repr__ = __str__


def growth(schedule: Schedule, base: int = 128, largest: int = 4096, multiple: int | None = None) -> Growth:
    """A schedule whose decay is replaced by batch growth, until the largest batch; then the rate decays again.

    At every example the rate over the batch size is that of the schedule: η/B = schedule/base. Before the maximum of
    the factor, during a warmup, the batch is the base; after it, base times the maximum over the factor. The rate makes
    up for the rounding of a batch to whole examples.

    Args:
        schedule: in updates of the base batch.
        base: examples in the first batch.
        largest: examples in the largest.
        multiple: every batch but the last of the training is a multiple of it; any whole number if not given.

    Raises:
        BatchError: a batch isn't a whole number, or the largest is under the base.

    Source: Smith et al. 2018, arXiv:1711.00489, for SGD; a training with a rule of its own for the batch, such as
    Adam's square root, needs more.

    >>> import glideslope as gs
    >>> growth = gs.batches.growth(gs.linear(), base=100, largest=400).over(1000)
    >>> growth.at(0), growth.at(50_000), growth.at(75_000)
    ((100, 1.0), (200, 1.0), (400, 1.0))
    >>> sizes, factors, examples = growth.plan()
    >>> len(sizes), int(sizes.sum())
    (534, 100000)
    >>> print(growth)
    linear().over(1000) * growth(base=100, largest=400)
    """
    return schedule * Growing(base, largest, multiple)


FACTORS["growth"] = Growing
