"""Jobs that are opened: each with its initial state, which every run begins from."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from glideslope.errors import SearchError
from glideslope.search.jobs.calls import calling
from glideslope.search.jobs.job import Job, JobFactory, check_methods, check_takes_optimizer, is_factory
from glideslope.search.jobs.scalars import number
from glideslope.search.jobs.time_limit import one_run


@dataclass(frozen=True)
class Opened:
    """A job and its initial state."""

    job: Job
    initial: Any  # its state before the first update
    data_order: int | None = None  # the seed of `reseed` that follows the initial state; None for the order of the job
    untrained: dict[float, float] = field(default_factory=dict)
    """The validation losses of the initial weights, by the updates that measuring one may cost."""

    def restore(self, where: str) -> None:
        """Puts the job at its initial state, for or after what is named."""
        with calling("restore", f"to the initial state, {where}"):
            self.job.restore(self.initial)
        if self.data_order is not None:
            with calling("reseed", f"with {self.data_order}"):
                self.job.reseed(self.data_order)  # type: ignore[attr-defined]

    @property
    def can_reseed(self) -> bool:
        """Whether the job can go through its data in another order."""
        return callable(getattr(self.job, "reseed", None))

    @property
    def estimates(self) -> bool:
        """Whether the job can measure on a part of the validation data."""
        return callable(getattr(self.job, "estimate", None))

    def measured(self, updates: float, averaged: bool = False) -> float:
        """The validation loss, estimated where it would cost more than so many updates and the job can."""
        try:
            if averaged:
                average: Any = self.job.evaluate_average  # type: ignore[attr-defined]
                return number(average(updates) if math.isfinite(updates) else average())
            is_estimate = self.estimates and math.isfinite(updates)
            return number(self.job.estimate(updates) if is_estimate else self.job.evaluate())  # type: ignore[attr-defined]
        except (OverflowError, FloatingPointError):  # of weights that are lost
            return math.inf


class Jobs:
    """Opens the jobs of a search, those of one seed at a time; `seed` is that of a job that no function makes."""

    def __init__(self, source: Job | JobFactory, seed: int) -> None:
        self.source, self.seed = source, seed
        self._opened: dict[tuple[int, str | None], Opened] = {}

    def at(self, seed: int, optimizer: str | None = None) -> Opened:
        """The job of a seed and an optimizer, in any state. Raises a SearchError if nothing makes another."""
        if is_factory(self.source):
            if (seed, optimizer) not in self._opened:
                self._opened = {entry: opened for entry, opened in self._opened.items() if entry[0] == seed}
                self._opened[seed, optimizer] = self._make(seed, optimizer)
            return self._opened[seed, optimizer]
        if optimizer is not None:
            raise SearchError(f"the optimizer {optimizer!r} needs a function of jobs, job(seed, optimizer=None)")
        first = self._opened.get((self.seed, None)) or _with_state(check_methods(self.source))
        self._opened[self.seed, None] = first
        if seed != self.seed and not first.can_reseed:
            raise SearchError("several seeds need a job with reseed(seed), or a function from a seed to a job")
        return first if seed == self.seed else replace(first, data_order=seed)

    def in_order(self, order: int, seed: int, optimizer: str | None = None) -> Opened:
        """The same in another data order, 0 being the seed's own; without `reseed` it is the job of another seed."""
        opened = self.at(seed, optimizer)
        if not order:
            return opened
        other = 7_000_003 * (seed + 1) + order
        return replace(opened, data_order=other) if opened.can_reseed else self._make(other % 2**31, optimizer)

    def _make(self, seed: int, optimizer: str | None) -> Opened:
        make: Any = self.source
        if optimizer is not None:
            check_takes_optimizer(make)
        options = {} if optimizer is None else {"optimizer": optimizer}
        with one_run(f"the job of seed {seed}"), calling("factory", f"for seed {seed}"):
            job = check_methods(make(seed, **options))
        return _with_state(job)


def _with_state(job: Job) -> Opened:
    with calling("state", "before the first update"):
        return Opened(job, job.state())
