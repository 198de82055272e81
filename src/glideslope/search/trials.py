"""Training runs of one job, each from the same initial state."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glideslope.errors import JobError, SearchError
from glideslope.feedback import Controlled
from glideslope.search.contestant import Contestant, Run
from glideslope.search.course import Course
from glideslope.search.job import Job, JobFactory, check_methods, check_takes_optimizer


@dataclass(frozen=True)
class Progress:
    """What a search is doing, told at every look at the loss.

    Attributes:
        stage: the part of the search.
        what: the run within it.
        done: updates made of this run.
        of: updates this run will make.
        loss: the last training loss.
    """

    stage: str
    what: str
    done: int
    of: int
    loss: float


Watch = Callable[[Progress], None]


def unwatched(progress: Progress) -> None:
    """Watches nothing."""


@dataclass
class Trials:
    """Makes runs of a job, counts their updates, and remembers the finished ones.

    A search is a function of the results of its runs. So one that was interrupted goes on where it was by being
    started again with the same memory.

    Attributes:
        source: a job, or a function from a seed to a job.
        seed: the seed of the runs, unless a run names another.
        memory: the results of finished runs by what was run, plain data.
        watch: is told what goes on.
        updates: made so far, those of remembered runs included.
        runs: the finished runs, in order.
        counted: the runs whose updates are among these: one that is asked for again costs nothing.
    """

    source: Job | JobFactory
    seed: int = 0
    memory: MutableMapping[str, dict[str, Any]] = field(default_factory=dict)
    watch: Watch = unwatched
    updates: int = 0
    runs: list[Run] = field(default_factory=list)
    counted: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.opened = self.seed
        self.optimizer: str | None = None
        self.job = self._opened(self.seed, None)
        self.first = self.initial = self.job.state()
        self._jobs: dict[tuple[int, str | None], tuple[Job, Any]] = {(self.seed, None): (self.job, self.initial)}
        self._check_first_loss_and_restore()

    def use(self, seed: int, optimizer: str | None = None) -> None:
        """Makes the runs that follow those of a seed, and of an optimizer: with a function that makes jobs, its job.

        Raises:
            SearchError: there is no such function, or it takes no optimizer.
        """
        if (seed, optimizer) == (self.opened, self.optimizer):
            return
        if callable(self.source):
            if (seed, optimizer) not in self._jobs:
                self._jobs = {entry: own for entry, own in self._jobs.items() if entry[0] == seed}
                made = self._opened(seed, optimizer)
                self._jobs[seed, optimizer] = made, made.state()
            self.job, self.initial = self._jobs[seed, optimizer]
            self.job.restore(self.initial)  # another's runs have drawn from the same random generators since
        elif optimizer is not None:
            raise SearchError(
                f"the optimizer {optimizer!r} needs a function that makes jobs, job(seed, optimizer=None)"
            )
        else:
            self.job.restore(self.first)
            if seed != self.seed:
                if not self.can_reseed:
                    raise SearchError("several seeds need a job with reseed(seed), or a function from a seed to a job")
                self.job.reseed(seed)  # type: ignore[attr-defined]
            self.initial = self.job.state()
        self.opened, self.optimizer = seed, optimizer

    def _opened(self, seed: int, optimizer: str | None) -> Job:
        if not callable(self.source):
            return check_methods(self.source)
        if optimizer is None:
            return check_methods(self.source(seed))
        check_takes_optimizer(self.source)
        return check_methods(self.source(seed, optimizer=optimizer))  # type: ignore[call-arg]

    @property
    def can_reseed(self) -> bool:
        """Whether the job can go through its data in another order."""
        return callable(getattr(self.job, "reseed", None))

    def run(
        self,
        contestant: Contestant,
        steps: int,
        *,
        stage: str,
        evaluations: int = 1,
        share: float = math.inf,
        keep: bool = False,
    ) -> Run:
        """A complete run from the initial state.

        Args:
            contestant: the schedule and its peak rate.
            steps: the horizon.
            stage: what the run is for, to be shown.
            evaluations: how often to measure the validation loss, evenly spread, the last at the end.
            share: what an evaluation may cost, as a part of the run; a job with `estimate` keeps to it.
            keep: make the run even if it is remembered, and leave the job as it ends: the last run of all.
        """
        self.use(self.opened, contestant.optimizer)
        key = f"{contestant} over {steps}, seed {self.opened}, {evaluations} evaluations"
        if math.isfinite(share):
            key += f" of {share:g}"
        if keep or key not in self.memory:
            try:
                self.memory[key] = self._made(contestant, steps, stage, evaluations, share).plain()
            finally:
                if not keep:
                    self.job.restore(self.initial)
        run = Run.remembered(self.memory[key])
        self.updates += 0 if key in self.counted else run.cost
        self.counted.add(key)
        self.runs.append(run)
        return run

    def _made(self, contestant: Contestant, steps: int, stage: str, evaluations: int, share: float) -> Run:
        what = str(contestant)
        rates, controls = contestant.rates(steps), contestant.controls(steps)
        check_controls(self.job, contestant, controls)
        updates = len(rates)
        course = Course(
            job=self.job,
            rates=rates,
            controls=controls,
            feedback=contestant.schedule if isinstance(contestant.schedule, Controlled) else None,
            average=contestant.average,
            ends=sorted({max(round(updates * (i + 1) / evaluations), 1) for i in range(evaluations)}),
            measure=lambda averaged: self._measured(share * steps, averaged),
            look=lambda done, loss: self.watch(Progress(stage, what, done, updates, loss)),
        )
        final = course.run()
        return Run(
            contestant, steps, self.opened, np.asarray(course.losses), tuple(course.evaluations), final,
            tuple(course.scales), tuple(course.events), course.problem,
        )  # fmt: skip

    def _measured(self, updates: float, averaged: bool) -> float:
        """The validation loss, estimated where it would cost more than so many updates and the job can."""
        if averaged:
            average: Any = self.job.evaluate_average  # type: ignore[attr-defined]
            return float(average(updates) if math.isfinite(updates) else average())
        estimate = getattr(self.job, "estimate", None)
        return float(estimate(updates) if estimate and math.isfinite(updates) else self.job.evaluate())

    def _check_first_loss_and_restore(self) -> None:
        """Two updates, made twice: raises for a loss that is never finite, warns unless restore is exact."""
        first = [float(self.job.step(1e-8)) for _ in range(2)]
        self.job.restore(self.initial)
        if not math.isfinite(first[0]):
            raise JobError(
                f"the training loss is {first[0]} at the first update, before any rate had an effect: "
                "look for bad values in the data or the initial weights"
            )
        second = [float(self.job.step(1e-8)) for _ in range(2)]
        self.job.restore(self.initial)
        self.updates += 4
        if first != second:
            warnings.warn(
                f"the job's restore isn't exact: the same two updates gave the losses {first}, then {second}; "
                "runs are not from the same state",
                stacklevel=4,
            )


def check_all(trials: Trials, contestants: Iterable[Contestant], steps: int) -> None:
    """Raises for a contestant that can't run, before any runs.

    Raises:
        SearchError: it needs what the job can't do.
        JobError: there is no job with its optimizer, or none with its batches.
    """
    for contestant in contestants:
        trials.use(trials.opened, contestant.optimizer)
        controls = contestant.controls(steps)
        check_controls(trials.job, contestant, controls)
        batches_in = getattr(trials.job, "batches_in", None)
        if batches_in is not None:
            for size in np.unique(controls.get("batch_size", ())):
                batches_in(float(size))
    trials.use(trials.opened)


def check_controls(job: Job, contestant: Contestant, controls: Iterable[str]) -> None:
    """Raises for a contestant that needs what a job can't do, by name."""
    lacking = set(controls) - getattr(job, "controls", frozenset())
    if lacking:
        raise SearchError(f"{contestant} sets {', '.join(sorted(lacking))}, which this job can't: its step takes "
                          f"{', '.join(sorted(getattr(job, 'controls', ()))) or 'the rate only'}")  # fmt: skip
    if contestant.average and not hasattr(job, "average"):
        raise SearchError(f"{contestant} is measured by an average of the weights, and this job has no average()")
