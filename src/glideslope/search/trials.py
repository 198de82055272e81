"""Training runs of one job, each from the same initial state."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable, MutableMapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from glideslope.documents import check_kind, shown
from glideslope.errors import SearchError
from glideslope.search.directory.best import best_here, drop_unless_less
from glideslope.search.directory.kept import Kept
from glideslope.search.directory.run_directory import RunDirectory
from glideslope.search.executors.away import Away
from glideslope.search.executors.workers import Workers
from glideslope.search.jobs.calls import calling
from glideslope.search.jobs.job import Job, JobFactory, is_factory
from glideslope.search.jobs.used_files import following
from glideslope.search.progress import Progress, Watch, unwatched
from glideslope.search.runs.contestant import Contestant, Run
from glideslope.search.runs.first_checks import check_changed, check_first_updates
from glideslope.search.runs.make_run import Made, make_run
from glideslope.search.runs.opened import Jobs
from glideslope.search.runs.running import Notes, Running
from glideslope.search.runs.trial import Trial
from glideslope.search.storage.run_files import LAST, SHORT

logger = logging.getLogger("glideslope")
Search = TypeVar("Search", bound=Callable[..., Any])


def releasing(search: Search) -> Search:
    """A search that gives back the lock of its memory when it ends or raises, unless a report follows."""

    @functools.wraps(search)
    def released(*args: Any, **options: Any) -> Any:
        try:
            return search(*args, **options)
        finally:
            if isinstance(memory := options.get("memory"), RunDirectory) and not memory.is_locked_for_report:
                memory.release()

    return released  # type: ignore[return-value]


@dataclass
class Trials:
    """Makes runs of a job, counts their updates, and remembers the finished ones. A search is a function of their
    results: one that was interrupted goes on with the same memory, and it doesn't matter where the runs are made."""

    source: Job | JobFactory
    seed: int = 0  # of the runs, unless a run names another
    memory: MutableMapping[str, dict[str, Any]] = field(default_factory=dict)  # finished runs by what was run
    watch: Watch = unwatched  # called at each look at the loss
    executor: Executor | None = None  # makes the runs, of jobs that it makes from the function; None for this process
    ahead: int = 0  # how many runs it may make before they are requested
    updates: int = 0  # each call of a job's `step`, those of remembered runs included
    runs: list[Run] = field(default_factory=list)  # finished, in order; those in other data orders left out
    timed: tuple[int, float] = (0, 0.0)  # updates of the runs that were made, and the seconds that they took
    wasted: int = 0  # updates made again since a process or its state was lost, as far as that is known
    bound: float = math.inf  # the most updates that the search makes, for its progress

    def __post_init__(self) -> None:
        if not isinstance(self.memory, MutableMapping):
            raise SearchError(f"memory={shown(self.memory)}: give a dict, or a glideslope.search.RunDirectory")
        check_kind(SearchError, Callable, "a function of a Progress", watch=self.watch)
        self.opened = self.seed
        self.optimizer: str | None = None
        if self._directory is not None:
            self._directory.follow(following(self.source))
        self._jobs = Jobs(self.source, self.seed)
        self._away: Away | None = None
        if self.executor is not None:
            self._away = Away(
                Workers(self.executor, self.source, self.ahead), self._directory, self._jobs, self._remember, self._show
            )
        self._at = self._restored = self._jobs.at(self.seed)
        self._finished: dict[str, Run] = {}
        # The states at the ends of the best full run, and of the best short one.
        self.full_states, self.short_states = Kept(self._directory, LAST), Kept(self._directory, SHORT)
        self._checked: set[str] = set()
        self.updates += check_first_updates(self.job, self.restore)

    @property
    def job(self) -> Job:
        """The job that is in use."""
        return self._at.job

    def use(self, seed: int, optimizer: str | None = None) -> None:
        """Makes the runs that follow those of a seed, and of an optimizer: with a function that makes jobs, its job.
        Raises a SearchError if there is no such function, or a JobError if its job with the optimizer is the one
        without, or it takes no optimizer."""
        if (seed, optimizer) == (self.opened, self.optimizer):
            return
        self._check_optimizer(optimizer)
        self._at = self._restored = self._jobs.at(seed, optimizer)
        self.restore("the initial state")  # another's runs have drawn from the same random generators since
        self.opened, self.optimizer = seed, optimizer

    def _check_optimizer(self, optimizer: str | None) -> None:
        """Raises, once for each optimizer, if the job with it trains as the one without."""
        if optimizer is not None and optimizer not in self._checked:
            plain, other = self._jobs.at(self.seed), self._jobs.at(self.seed, optimizer)
            self.updates += check_changed(optimizer, plain.job, plain.initial, other.job, other.initial)
            self._checked.add(optimizer)

    def restore(self, where: str) -> None:
        """Puts the job at its initial state, for or after what is named."""
        self._at.restore(where)

    @property
    def can_reseed(self) -> bool:
        """Whether the job can go through its data in another order."""
        return self._at.can_reseed

    @property
    def can_reorder(self) -> bool:
        """Whether there are other data orders: by `reseed`, or else with other weights by other seeds."""
        return self.can_reseed or is_factory(self.source)

    def run(
        self, contestant: Contestant, steps: int, *, stage: str, evaluations: int = 1, share: float = math.inf,
        kept: Kept | None = None, order: int = 0,
    ) -> Run:  # fmt: skip
        """A round of one run, of the seed in use; the arguments are those of `Trial` and of `run_all`."""
        trial = Trial(contestant, steps, self.opened, evaluations, share, order)
        return self.run_all([trial], stage=stage, kept=kept)[0]

    def run_all(
        self, trials: Sequence[Trial], *, stage: str, kept: Kept | None = None, likely: Sequence[Trial] = ()
    ) -> list[Run]:
        """A round: the run of each trial, in order; none depends on the result of another, so workers may make them at
        once. The stage says what they are for; `kept` keeps the job's state at the end of the best run for `leave`;
        `likely` may be requested next, the likeliest first. Raises the JobError of the first run in which a call of the
        job fails."""
        missing = {trial.key: trial for trial in trials if trial.key not in self._finished}
        for key in [key for key in missing if key in self.memory]:
            logger.info("%s: %s is remembered", stage, key)
            self.wasted += self.memory[key].get("wasted", 0)
            run = Run.remembered(self.memory[key], missing.pop(key).contestant)
            self._count(key, run)
            if kept is not None and kept.takes(run.contestant):
                kept.remembered(run.final_loss)
        for optimizer in {trial.contestant.optimizer: None for trial in missing.values()}:
            self._check_optimizer(optimizer)
        if self._away is None:
            for key, trial in missing.items():
                self._make_here(key, trial, stage, kept)
        else:
            known = missing.keys() | self._finished.keys() | self.memory.keys()
            self._away.make(missing, stage, kept, [trial for trial in likely if trial.key not in known])
        self.runs += [self._finished[trial.key] for trial in trials if not trial.order]
        return [self._finished[trial.key] for trial in trials]

    def end_ahead(self) -> int:
        """Ends what workers make ahead; the updates of runs that were begun so and never asked for, at most."""
        return 0 if self._away is None else self._away.end()

    def leave(self, trial: Trial) -> None:
        """Leaves the job as a finished run ended, and keeps its state."""
        self.use(self.opened, trial.contestant.optimizer)
        if not self.full_states.put(trial.key, self.job):
            if not self.short_states.put(trial.key, self.job):
                self._make_again(trial)
            self.full_states.keep(trial.key, self.job)
        self.short_states.drop()

    def loss_by_all_data(self, run: Run, share: float) -> float:
        """The final loss of a finished short run by all of the validation data, not by an estimate."""
        trial = Trial(run.contestant, run.steps, self.opened, len(run.evaluations), share)
        self.use(self.opened, run.contestant.optimizer)
        if not self._at.estimates:
            return run.final_loss
        if not (self.short_states.put(trial.key, self.job) or self.full_states.put(trial.key, self.job)):
            self._make_again(trial)
            self.short_states.keep(trial.key, self.job)
        with calling("evaluate", f"after {run.contestant}"):
            loss = self._at.measured(math.inf)
        self.restore(f"after {run.contestant}")
        return loss

    def _make_again(self, trial: Trial) -> None:
        """Leaves the job as a run ended whose state was lost with the process that made it, or couldn't be sent."""
        self.wasted += make_run(self._at, trial).updates

    @property
    def _directory(self) -> RunDirectory | None:
        return self.memory if isinstance(self.memory, RunDirectory) else None

    def _make_here(self, key: str, trial: Trial, stage: str, kept: Kept | None) -> None:
        optimizer, directory = trial.contestant.optimizer, self._directory
        kept = kept if kept is not None and kept.takes(trial.contestant) else None
        first = self._jobs.at(trial.seed, optimizer)
        opened = self._jobs.in_order(trial.order, trial.seed, optimizer)
        if opened is not self._restored:
            opened.restore("the initial state")
        self._restored = first
        what, updates = str(trial.contestant), trial.contestant.policy.updates(trial.steps)
        checkpoints = best = notes = None
        try:
            if directory is not None and (saving := directory.saving(key)) is not None:
                checkpoints = saving.checkpoints(opened.initial, directory.give_up)
                if checkpoints is not None:
                    checkpoints.before = directory.note_used
                notes = Notes(saving, what, stage, updates)
                keeps_best = kept is not None and kept.is_of_full_runs and not trial.is_estimated
                if keeps_best and checkpoints is not None:
                    best = best_here(directory, key, opened.job, opened.initial)
            logger.info("%s: %s begins", stage, key)
            made = make_run(
                opened, trial, lambda done, loss: self.progress(stage, what, done, updates, loss), checkpoints,
                best.measured if best else None, notes,
            )  # fmt: skip
            if kept is not None:
                kept.ended(key, made.run.final_loss, opened.job)
                if best is not None and directory is not None:
                    drop_unless_less(directory, key, kept.least)
        finally:
            first.restore(f"after {trial.contestant}")
        self._remember(key, made, stage)

    def _show(self, stage: str, running: tuple[Running, ...]) -> None:
        """Tells how far the runs are that workers make, as far as these have said."""
        if self._directory is not None:
            self._directory.stop_request.heed()
        if running:
            done = sum(note.done for note in running)
            updates = self.updates + done
            self.watch(Progress(stage, "", done, done, math.nan, updates, self.bound, None, running))

    def _remember(self, key: str, made: Made, stage: str) -> None:
        run = made.run
        logger.info("%s: %s ended after %d updates at a validation loss of %.6g", stage, key, run.made, run.final_loss)
        self.timed = self.timed[0] + made.updates, self.timed[1] + made.seconds
        self.wasted += made.wasted
        self.memory[key] = run.plain() | {"stage": stage} | ({"wasted": made.wasted} if made.wasted else {})
        last = float(run.losses[-1]) if len(run.losses) else math.nan
        self.progress(stage, str(run.contestant), len(run.losses), len(run.losses), last, run)
        self._count(key, run)

    def _count(self, key: str, run: Run) -> None:
        self._finished[key] = run
        self.updates += run.cost

    def progress(self, stage: str, what: str, done: int, of: int, loss: float, run: Run | None = None) -> None:
        """Tells what goes on; the arguments are those of `Progress`."""
        if self._directory is not None:
            self._directory.stop_request.heed()
        self.watch(Progress(stage, what, done, of, loss, self.updates + done, self.bound, run))
