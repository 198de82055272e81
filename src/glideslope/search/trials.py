"""Training runs of one job, each from the same initial state."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glideslope.errors import SearchError
from glideslope.search import labels
from glideslope.search.best import Best
from glideslope.search.calls import calling
from glideslope.search.checkpoints import Checkpoints
from glideslope.search.checks import check_controls
from glideslope.search.contestant import Contestant, Run
from glideslope.search.course import Course
from glideslope.search.first_check import check_first_updates
from glideslope.search.job import Job, JobFactory, check_methods, check_takes_optimizer, is_factory
from glideslope.search.kept import Kept
from glideslope.search.optimizers import check_changed
from glideslope.search.progress import Progress, Watch, unwatched
from glideslope.search.run_directory import RunDirectory
from glideslope.search.scalars import number
from glideslope.search.time_limit import one_run

logger = logging.getLogger("glideslope")


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
        updates: made so far, each call of a job's `step`, those of remembered runs included.
        runs: the finished runs, in order; those in other data orders left out.
        timed: the updates of the runs that were made here, and the seconds that they took.
        bound: the most updates that the search makes, for its progress.
        full_states: keeps the state at the end of the best full run.
        short_states: keeps that of the best short run.
    """

    source: Job | JobFactory
    seed: int = 0
    memory: MutableMapping[str, dict[str, Any]] = field(default_factory=dict)
    watch: Watch = unwatched
    updates: int = 0
    runs: list[Run] = field(default_factory=list)
    timed: tuple[int, float] = (0, 0.0)
    bound: float = math.inf

    def __post_init__(self) -> None:
        self.opened = self.seed
        self.optimizer: str | None = None
        self.job = self._opened(self.seed, None)
        self.initial = self._state()
        self._data_order: int | None = None  # the seed that follows the initial state of a job, which is kept once
        self._jobs: dict[tuple[int, str | None], tuple[Job, Any]] = {(self.seed, None): (self.job, self.initial)}
        self._finished: dict[str, Run] = {}
        self.full_states, self.short_states = Kept(self._directory), Kept(None)
        self._untrained: dict[tuple[int, int, float], float] = {}
        self.updates += check_first_updates(self.job, self.restore)

    def use(self, seed: int, optimizer: str | None = None) -> None:
        """Makes the runs that follow those of a seed, and of an optimizer: with a function that makes jobs, its job.

        Raises:
            SearchError: there is no such function, or it takes no optimizer.
            JobError: its job with the optimizer is the one without.
        """
        if (seed, optimizer) == (self.opened, self.optimizer):
            return
        if is_factory(self.source):
            if (seed, optimizer) not in self._jobs:
                self._jobs = {entry: own for entry, own in self._jobs.items() if entry[0] == seed}
                job = self._opened(seed, optimizer)
                self.job, self.initial = job, self._state(job)
                self._jobs[seed, optimizer] = job, self.initial
                if optimizer is not None and (seed, None) in self._jobs:
                    self.updates += check_changed(optimizer, *self._jobs[seed, None], job, self.initial)
            self.job, self.initial = self._jobs[seed, optimizer]
            self.restore("the initial state")  # another's runs have drawn from the same random generators since
        elif optimizer is not None:
            raise SearchError(
                f"the optimizer {optimizer!r} needs a function that makes jobs, job(seed, optimizer=None)"
            )
        else:
            if seed != self.seed and not self.can_reseed:
                raise SearchError("several seeds need a job with reseed(seed), or a function from a seed to a job")
            self._data_order = None if seed == self.seed else seed
            self.restore("the initial state")
        self.opened, self.optimizer = seed, optimizer

    def _opened(self, seed: int, optimizer: str | None) -> Job:
        if not is_factory(self.source):
            return check_methods(self.source)
        make: Any = self.source
        if optimizer is not None:
            check_takes_optimizer(make)
        options = {} if optimizer is None else {"optimizer": optimizer}
        with one_run(f"the job of seed {seed}"), calling("factory", f"for seed {seed}"):
            return check_methods(make(seed, **options))

    def _state(self, job: Job | None = None) -> Any:
        with calling("state", "before the first update"):
            return (job or self.job).state()

    def restore(self, where: str) -> None:
        """Puts the job at its initial state, for or after what is named."""
        with calling("restore", f"to the initial state, {where}"):
            self.job.restore(self.initial)
        if self._data_order is not None:
            self._reseed(self._data_order)

    def _reseed(self, seed: int) -> None:
        with calling("reseed", f"with {seed}"):
            self.job.reseed(seed)  # type: ignore[attr-defined]

    @property
    def can_reseed(self) -> bool:
        """Whether the job can go through its data in another order."""
        return callable(getattr(self.job, "reseed", None))

    @property
    def can_reorder(self) -> bool:
        """Whether there are other data orders: by `reseed`, or else with other weights by other seeds."""
        return self.can_reseed or is_factory(self.source)

    def run(
        self,
        contestant: Contestant,
        steps: int,
        *,
        stage: str,
        evaluations: int = 1,
        share: float = math.inf,
        kept: Kept | None = None,
        order: int = 0,
    ) -> Run:
        """A complete run from the initial state.

        Args:
            contestant: the schedule and its peak rate.
            steps: the horizon.
            stage: what the run is for, to be shown.
            evaluations: how often to measure the validation loss, evenly spread, the last at the end.
            share: what an evaluation may cost, as a part of the run; a job with `estimate` keeps to it.
            kept: keeps the job's state at the end for `leave`, where it is the best.
            order: of the data: 0 is the seed's own, another tells how much a loss depends on the order.
        """
        self.use(self.opened, contestant.optimizer)
        key = self._key(contestant, steps, evaluations, share, order)
        if key not in self._finished:
            run = self._remembered_or_made(key, contestant, steps, stage, evaluations, share, kept, order)
            self._finished[key] = run
            self.updates += run.cost
        if not order:
            self.runs.append(self._finished[key])
        return self._finished[key]

    def _key(self, contestant: Contestant, steps: int, evaluations: int, share: float, order: int) -> str:
        key = f"{contestant} over {steps}, seed {self.opened}, {evaluations} evaluations"
        key += f" of {share:g}" if math.isfinite(share) else ""
        key += f", data order {order}" if order else ""
        if not labels.has_text(contestant.schedule):
            key += f", {labels.key(contestant.schedule)}"
        return key

    def leave(self, contestant: Contestant, steps: int, evaluations: int, share: float = math.inf) -> None:
        """Leaves the job as a finished run ended, and keeps its state; the arguments are those of `run`."""
        self.use(self.opened, contestant.optimizer)
        key = self._key(contestant, steps, evaluations, share, 0)
        if self.full_states.put(key, self.job):
            return
        if not self.short_states.put(key, self.job):
            self._made(contestant, steps, "full runs", evaluations, share, 0, None, None)
        self.full_states.keep(key, self.job)

    def loss_by_all_data(self, run: Run, share: float) -> float:
        """The final loss of a finished short run by all of the validation data, not by an estimate."""
        key = self._key(run.contestant, run.steps, len(run.evaluations), share, 0)
        if not callable(getattr(self.job, "estimate", None)) or not self.short_states.put(key, self.job):
            return run.final_loss
        with calling("evaluate", f"after {run.contestant}"):
            loss = self._measured(math.inf, False)
        self.restore(f"after {run.contestant}")
        return loss

    @property
    def _directory(self) -> RunDirectory | None:
        return self.memory if isinstance(self.memory, RunDirectory) else None

    def _remembered_or_made(
        self, key: str, contestant: Contestant, steps: int, stage: str, evaluations: int, share: float,
        kept: Kept | None, order: int,
    ) -> Run:  # fmt: skip
        if key in self.memory:
            logger.info("%s: %s is remembered", stage, key)
            remembered = Run.remembered(self.memory[key], contestant)
            if kept is not None:
                kept.remembered(remembered.final_loss)
            return remembered
        before = self.job, self.initial
        try:
            if order:
                self._reorder(order)
            checkpoints = self._directory.checkpoints(key, self.initial) if self._directory is not None else None
            best = None
            if kept is not None and kept.directory is not None and checkpoints is not None:
                best = Best(kept.directory, key, self.job, self.initial)
            logger.info("%s: %s begins", stage, key)
            run = self._made(contestant, steps, stage, evaluations, share, order, checkpoints, best)
            logger.info(
                "%s: %s ended after %d updates at a validation loss of %.6g", stage, key, run.made, run.final_loss
            )
            if kept is not None:
                kept.ended(key, run.final_loss, self.job)
                if best is not None:
                    best.ended(kept.least)
        finally:
            self.job, self.initial = before
            self.restore(f"after {contestant}")
        self.memory[key] = run.plain()
        last = float(run.losses[-1]) if len(run.losses) else math.nan
        self.progress(stage, str(contestant), len(run.losses), len(run.losses), last, run)
        return run

    def progress(self, stage: str, what: str, done: int, of: int, loss: float, run: Run | None = None) -> None:
        """Tells what goes on; the arguments are those of `Progress`."""
        self.watch(Progress(stage, what, done, of, loss, self.updates + done, self.bound, run))

    def _reorder(self, order: int) -> None:
        """Puts the job at its initial weights in another data order; without `reseed`, takes a job of another seed."""
        seed = 7_000_003 * (self.opened + 1) + order
        if self.can_reseed:
            self.restore("the initial state")
            self._reseed(seed)
        else:
            self.job = self._opened(seed % 2**31, self.optimizer)
            self.initial = self._state()

    def _made(
        self, contestant: Contestant, steps: int, stage: str, evaluations: int, share: float, order: int,
        checkpoints: Checkpoints | None, best: Best | None,
    ) -> Run:  # fmt: skip
        what = str(contestant)
        rates, controls = contestant.rates(steps), contestant.controls(steps)
        check_controls(self.job, contestant, controls)
        updates = len(rates)
        course = Course(
            job=self.job,
            rates=rates,
            controls=controls,
            feedback=contestant.policy.feedback,
            average=contestant.average,
            ends=sorted({max(round(updates * (i + 1) / evaluations), 1) for i in range(evaluations)}),
            measure=lambda averaged: self._measured(share * steps, averaged),
            look=lambda done, loss: self.progress(stage, what, done, updates, loss),
            what=what,
            checkpoints=checkpoints,
            best=best,
        )
        resumed = checkpoints.latest() if checkpoints else None
        began, made = time.monotonic(), resumed[0].made if resumed else 0
        with one_run(what):
            course.untrained = self._untrained_loss(share * steps, order, resumed[0].untrained if resumed else None)
            final = course.run(resumed)
        updates, seconds = self.timed
        self.timed = updates + course.made - made, seconds + time.monotonic() - began
        return Run(
            contestant, steps, self.opened, np.asarray(course.losses), tuple(course.evaluations), final,
            tuple(course.scales), tuple(course.events), course.problem, course.made, course.untrained,
        )  # fmt: skip

    def _untrained_loss(self, updates: float, order: int, known: float | None) -> float:
        """The validation loss before the first update, measured as at the end of a run; once for each kind of run."""
        weights = self.opened, 0 if self.can_reseed else order, updates
        if known is not None:
            self._untrained[weights] = known
        if weights not in self._untrained:
            with calling("evaluate", "before the first update"):
                self._untrained[weights] = self._measured(updates, False)
        return self._untrained[weights]

    def _measured(self, updates: float, averaged: bool) -> float:
        """The validation loss, estimated where it would cost more than so many updates and the job can."""
        try:
            if averaged:
                average: Any = self.job.evaluate_average  # type: ignore[attr-defined]
                return number(average(updates) if math.isfinite(updates) else average())
            estimate = getattr(self.job, "estimate", None)
            return number(estimate(updates) if estimate and math.isfinite(updates) else self.job.evaluate())
        except (OverflowError, FloatingPointError):  # of weights that are lost
            return math.inf
