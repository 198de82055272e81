"""Training runs of one job, all from the same initial state."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glideslope.errors import JobError
from glideslope.schedules import Schedule
from glideslope.search.job import Job, JobFactory, check_methods

LOOK_EVERY = 25
"""Updates between looks at the loss: each look may wait for a device."""


@dataclass(frozen=True)
class Contestant:
    """A schedule at a peak rate."""

    schedule: Schedule
    peak: float

    def rates(self, steps: int) -> np.ndarray:
        """The rate of each update of a complete run of `steps` updates, shape (steps,)."""
        return self.peak * self.schedule.over(steps).sample(steps)

    def __str__(self) -> str:
        return f"{self.schedule} at {self.peak:.3g}"


@dataclass(frozen=True)
class Run:
    """A complete run of a contestant: its losses and what they came to.

    Attributes:
        contestant: the schedule and its peak rate.
        steps: the horizon of the schedule, in updates.
        seed: the seed of the job.
        losses: the training loss of each update made, shape (n,); fewer than `steps` where it diverged.
        evaluations: (updates made, validation loss), the last at the end.
        final_loss: the validation loss at the end, infinite where it diverged.
    """

    contestant: Contestant
    steps: int
    seed: int
    losses: np.ndarray
    evaluations: tuple[tuple[int, float], ...]
    final_loss: float

    @property
    def diverged(self) -> bool:
        return not math.isfinite(self.final_loss)


@dataclass(frozen=True)
class Progress:
    """What a search is doing: shown while it runs."""

    stage: str
    what: str
    done: int
    of: int
    loss: float


Watch = Callable[[Progress], None]
Stop = Callable[[list[float]], bool]


def drive(job: Job, rates: np.ndarray, stop: Stop, look: Callable[[int, float], None]) -> list[float]:
    """Makes an update at each rate, until `stop(losses so far)`; returns their training losses.

    Losses may be on a device, and are fetched every `LOOK_EVERY` updates.
    """
    losses: list[float] = []
    waiting: list[Any] = []
    for i, rate in enumerate(rates.tolist()):
        waiting.append(job.step(rate))
        if len(waiting) == LOOK_EVERY or i in (0, len(rates) - 1):
            losses += map(float, waiting)
            waiting.clear()
            look(i + 1, losses[-1])
            if stop(losses):
                break
    return losses


@dataclass
class Trials:
    """Makes runs of a job, counts their updates, and remembers those that are finished.

    A search is a function of the results of its runs, and runs are repeatable. So a search goes on where it was
    interrupted by being started again with the same memory.

    Attributes:
        source: a job, or a function from a seed to a job.
        seed: the seed of the first job.
        memory: results of finished runs by their key, plain data.
        watch: is told what goes on, at every look.
        updates: made so far, remembered ones included.
    """

    source: Job | JobFactory
    seed: int = 0
    memory: MutableMapping[str, dict[str, Any]] = field(default_factory=dict)
    watch: Watch = lambda progress: None
    updates: int = 0
    runs: list[Run] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.is_factory = not isinstance(self.source, Job)
        self._open(self.seed)

    def _open(self, seed: int) -> None:
        """Makes the job of a seed the current one."""
        self.job = check_methods(self.source(seed) if self.is_factory else self.source)  # type: ignore[operator]
        self.current_seed = seed
        self.initial = self.job.state()
        if not self.is_factory and seed != self.seed:
            self.job.reseed(seed)  # type: ignore[attr-defined]
            self.initial = self.job.state()

    def run(self, contestant: Contestant, steps: int, *, stage: str, seed: int | None = None, evaluations: int = 1,
            again: bool = False) -> Run:
        """A complete run from the initial state."""
        raise NotImplementedError


def check_exact(job: Job, rate: float, steps: int = 2) -> int:
    """Warns unless a restored job repeats its losses exactly; returns the updates it took."""
    state = job.state()
    first = [float(job.step(rate)) for _ in range(steps)]
    job.restore(state)
    second = [float(job.step(rate)) for _ in range(steps)]
    job.restore(state)
    if not math.isfinite(first[0]):
        raise JobError(f"the training loss is {first[0]} at the first update, before the rate had any effect")
    if first != second:
        warnings.warn(
            f"the job's restore isn't exact: the same {steps} updates gave losses {first} and then {second}",
            stacklevel=2,
        )
    return 2 * steps


_ = Sequence
