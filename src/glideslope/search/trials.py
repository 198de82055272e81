"""Training runs of one job, each from the same initial state."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from glideslope.errors import JobError, SearchError
from glideslope.feedback import Controlled
from glideslope.schedules import Schedule, parse
from glideslope.search.job import Job, JobFactory, check_methods

LOOK_EVERY = 25
"""Updates between looks at the loss: each look may wait for a device."""


@dataclass(frozen=True)
class Contestant:
    """A schedule at a peak rate; where it is times a feedback, that is told each validation loss of the run."""

    schedule: Schedule | Controlled
    peak: float

    def rates(self, steps: int) -> np.ndarray:
        """The rate of each update of a complete run of `steps` updates, feedback left out, shape (steps,)."""
        schedule = self.schedule.schedule if isinstance(self.schedule, Controlled) else self.schedule
        return np.asarray(self.peak * schedule.over(steps).sample(steps))

    def __str__(self) -> str:
        return f"{self.schedule} at {self.peak:.6g}"


@dataclass(frozen=True)
class Run:
    """A complete run of a contestant.

    Attributes:
        contestant: the schedule and its peak rate.
        steps: the horizon of the schedule, in updates.
        seed: the seed of the job.
        losses: the training loss of each update made, shape (n,); n < steps where it diverged.
        evaluations: (updates made, validation loss), the last at the end.
        final_loss: the validation loss at the end, infinite where it diverged.
        scales: (updates made, factor of the feedback from there on), where there is one.
    """

    contestant: Contestant
    steps: int
    seed: int
    losses: np.ndarray
    evaluations: tuple[tuple[int, float], ...]
    final_loss: float
    scales: tuple[tuple[int, float], ...] = ()

    @property
    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """The rate of each update, and the training loss of each made."""
        rates = self.contestant.rates(self.steps)
        for (start, scale), (end, _) in pairwise([*self.scales, (self.steps, 1.0)]):
            rates[start:end] *= scale
        return rates, self.losses

    @classmethod
    def remembered(cls, result: dict[str, Any]) -> Run:
        """The run whose result a memory holds."""
        return cls(
            Contestant(parse(result["schedule"]), result["peak_lr"]), result["steps"], result["seed"],
            np.asarray(result["losses"]), tuple((int(step), float(loss)) for step, loss in result["evaluations"]),
            float(result["final_loss"]), tuple((int(at), float(scale)) for at, scale in result.get("scales", ())),
        )  # fmt: skip


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
Stop = Callable[[list[float]], bool]


def unwatched(progress: Progress) -> None:
    """Watches nothing."""


def diverged(losses: list[float]) -> bool:
    """Whether the loss of a run is lost."""
    return bool(losses) and not math.isfinite(losses[-1])


def drive(job: Job, rates: np.ndarray, stop: Stop, look: Callable[[int, float], None], every: int) -> list[float]:
    """Makes an update at each rate until `stop(losses so far)`; returns their training losses.

    Losses may be on a device, and are fetched every `every` updates.
    """
    losses: list[float] = []
    waiting: list[Any] = []
    for i, rate in enumerate(rates.tolist()):
        try:
            waiting.append(job.step(rate))
        except (OverflowError, FloatingPointError):  # a job of Python floats, or NumPy told to raise
            waiting.append(math.inf)
        if len(waiting) == every or i in (0, len(rates) - 1):
            losses += map(float, waiting)
            waiting.clear()
            look(i + 1, losses[-1])
            if stop(losses):
                break
    return losses


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
        self.job = check_methods(self.source(self.seed) if callable(self.source) else self.source)
        self.opened = self.seed
        self.first = self.initial = self.job.state()
        self._check_first_loss_and_restore()

    def use(self, seed: int) -> None:
        """Makes the runs that follow those of a seed: its job where a function makes jobs, else its data order."""
        if seed == self.opened:
            return
        if callable(self.source):
            self.job = check_methods(self.source(seed))
            self.initial = self.job.state()
        else:
            self.job.restore(self.first)
            if seed != self.seed:
                if not self.can_reseed:
                    raise SearchError("several seeds need a job with reseed(seed), or a function from a seed to a job")
                self.job.reseed(seed)  # type: ignore[attr-defined]
            self.initial = self.job.state()
        self.opened = seed

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
        key = f"{contestant} over {steps}, seed {self.opened}, {evaluations} evaluations"
        if math.isfinite(share):
            key += f" of {share:g}"
        if keep or key not in self.memory:
            try:
                self.memory[key] = self._made(contestant, steps, stage, evaluations, share)
            finally:
                if not keep:
                    self.job.restore(self.initial)
        run = Run.remembered(self.memory[key])
        self.updates += 0 if key in self.counted else len(run.losses)
        self.counted.add(key)
        self.runs.append(run)
        return run

    def _made(self, contestant: Contestant, steps: int, stage: str, evaluations: int, share: float) -> dict[str, Any]:
        what = str(contestant)

        def look(done: int, loss: float) -> None:
            self.watch(Progress(stage, what, done + start, steps, loss))

        losses: list[float] = []
        measured: list[tuple[int, float]] = []
        final = math.inf
        ends = [round(steps * (i + 1) / evaluations) for i in range(evaluations)]
        rates = contestant.rates(steps)
        feedback = contestant.schedule if isinstance(contestant.schedule, Controlled) else None
        state, scale = feedback.init() if feedback else {}, 1.0
        scales: list[tuple[int, float]] = []
        for start, end in zip([0, *ends], ends, strict=False):
            if end > start:
                losses += drive(self.job, scale * rates[start:end], diverged, look, LOOK_EVERY)
            if len(losses) < end or diverged(losses):
                break
            measured.append((end, self._measured(share * steps)))
            if feedback and math.isfinite(measured[-1][1]):
                state = feedback.update(state, measured[-1][1])
                scale = float(feedback.factor(state))
                scales.append((end, scale))
        else:
            final = measured[-1][1] if math.isfinite(measured[-1][1]) else math.inf
        return {
            "schedule": str(contestant.schedule), "peak_lr": contestant.peak, "steps": steps, "seed": self.opened,
            "losses": losses, "evaluations": measured, "final_loss": final, "scales": scales,
        }  # fmt: skip

    def _measured(self, updates: float) -> float:
        """The validation loss, estimated where it would cost more than so many updates and the job can."""
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
