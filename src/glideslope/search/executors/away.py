"""A round of runs that workers make: what they are sent, and what is kept of what they leave."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass

from glideslope.errors import DocumentError
from glideslope.search.directory.best import bring_best, drop_unless_less, least_stored
from glideslope.search.directory.kept import Kept
from glideslope.search.directory.run_directory import RunDirectory
from glideslope.search.executors.sent_state import Sent, unpacked
from glideslope.search.executors.worker import Task
from glideslope.search.executors.workers import Workers
from glideslope.search.jobs.calls import calling
from glideslope.search.runs.make_run import Made
from glideslope.search.runs.opened import Jobs
from glideslope.search.runs.running import EVERY, SPACING, Running, noted
from glideslope.search.runs.trial import Trial
from glideslope.search.runs.unfinished import Saving

logger = logging.getLogger("glideslope")


@dataclass
class Away:
    """Makes rounds of runs on workers."""

    workers: Workers  # make the runs
    directory: RunDirectory | None  # where they are checkpointed, if they are
    jobs: Jobs  # of this process, one of which takes the state at the end of the best run
    remember: Callable[[str, Made, str], None]  # is given each run as it arrives, with its key and its stage
    show: Callable[[str, tuple[Running, ...]], None]
    """Is called with the stage of the runs and how far they are, as far as they report it."""
    next_look: float = 0.0

    def make(self, trials: dict[str, Trial], stage: str, kept: Kept | None, likely: Sequence[Trial] = ()) -> None:
        """Makes the runs of trials, by their keys, for a stage; `kept` keeps the state at the end of the best, and
        `likely` may be requested next."""
        keys, directory = list(trials), self.directory
        logger.info("%s: %d runs are sent: %s", stage, len(keys), "; ".join(keys))
        into = directory if kept is not None and kept.is_of_full_runs else None
        tasks = [self._task(trial, stage, kept, into) for trial in trials.values()]
        ahead = [self._task(trial, stage, kept, into) for trial in likely]
        savings = [task.saving for task in tasks]
        latest = -1  # the number of the run whose state was kept last
        with closing(self.workers.made(tasks, lambda left: self._look(stage, savings, left), ahead)) as arrivals:
            for arrived in arrivals:
                number, loss, saving = arrived.number, arrived.made.run.final_loss, savings[arrived.number]
                if directory is not None and directory.used is not None:
                    directory.used.add(arrived.used)
                if arrived.unsaved and directory is not None:
                    directory.give_up(DocumentError(arrived.unsaved))
                if kept is not None and arrived.state is not None and kept.would_keep(loss, number < latest):
                    latest = number
                    self._keep(kept, keys[number], trials[keys[number]], loss, arrived.state)
                if into is not None and saving is not None:
                    bring_best(into, saving)
                self.remember(keys[number], arrived.made, stage)  # at last: a kill before it loses no state
        if into is not None and kept is not None and keys:
            drop_unless_less(into, keys[-1], kept.least)

    def end(self) -> int:
        """Ends what was begun ahead and never asked for: the updates that it was of, at most."""
        self.workers.cancel_ahead()
        for task in (ahead := self.workers.ahead):
            if self.directory is not None and task.saving is not None:
                self.directory.drop_unfinished(task.trial.key)
        return sum(task.trial.contestant.cost(task.trial.steps) for task in ahead)

    def _task(self, trial: Trial, stage: str, kept: Kept | None, into: RunDirectory | None) -> Task:
        """What a worker is sent; `into` stores the state of the least validation loss."""
        keep = kept.least if kept is not None and kept.takes(trial.contestant) else -math.inf
        saving = None if self.directory is None else self.directory.saving(trial.key)
        best = -math.inf if into is None or trial.is_estimated else least_stored(into, trial.key)
        return self.workers.task(trial, keep, stage, saving, best)

    def _keep(self, kept: Kept, key: str, trial: Trial, loss: float, sent: Sent) -> None:
        """Keeps the state of a job at the end of a run that a worker made."""
        opened = self.jobs.at(trial.seed, trial.contestant.optimizer)
        if (state := unpacked(sent, opened.initial)) is None:
            kept.remembered(loss)
            return
        with calling("restore", "to the end of a run"):
            opened.job.restore(state)
        kept.keep(key, opened.job)
        kept.remembered(loss)
        opened.restore(f"after {trial.contestant}")

    def _look(self, stage: str, savings: Sequence[Saving | None], left: Collection[int]) -> None:
        """Reads how far the runs are that haven't ended, now and then."""
        if (began := time.monotonic()) < self.next_look:
            return
        notes = [noted(saving) for saving in (savings[number] for number in left) if saving is not None]
        now = time.monotonic()
        self.next_look = now + max(EVERY, SPACING * (now - began))
        self.show(stage, tuple(note for note in notes if note is not None))
