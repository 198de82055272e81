"""The state of a job at the end of the best of some runs so far."""

from __future__ import annotations

import math
from typing import Any

from glideslope.search.directory.run_directory import RunDirectory
from glideslope.search.directory.trained import is_trained, save_state
from glideslope.search.jobs.calls import calling
from glideslope.search.jobs.job import Job
from glideslope.search.runs.contestant import Contestant
from glideslope.search.storage.run_files import LAST, STATES


class Kept:
    """Keeps one state: in the run directory, or in memory where there is none or it stores no states. The document is
    the file that says which run the state is of. `least` is the least final loss of the runs."""

    def __init__(self, directory: RunDirectory | None, document: str) -> None:
        self._directory, self._document = directory, document
        self.least = math.inf
        self._run = ""
        self._state: Any = None

    @property
    def is_of_full_runs(self) -> bool:
        """Whether the state of the least validation loss within these runs is kept too."""
        return self._document == LAST

    def takes(self, contestant: Contestant) -> bool:
        """Whether such a run may be the answer: every full one, and a short one that can go on at rate zero."""
        return self.is_of_full_runs or contestant.may_stop

    def would_keep(self, loss: float, is_before: bool = False) -> bool:
        """Whether the state at the end of a run is kept; an equal loss suffices for a run before the one that is."""
        return loss < self.least or (is_before and loss == self.least) or (math.isinf(self.least) and not self._run)

    def ended(self, run: str, loss: float, job: Job) -> None:
        """Keeps the state of a job at the end of a run, where its loss is the least so far."""
        if self.would_keep(loss):
            self.keep(run, job)
        self.remembered(loss)

    def remembered(self, loss: float) -> None:
        """Counts a run that was made before, whose state may be in the directory."""
        self.least = min(self.least, loss)

    def keep(self, run: str, job: Job) -> None:
        """Keeps the state that a job has at the end of a run."""
        self._run, self._state = run, None
        if self._directory is None or not save_state(self._directory, run, job, self._document):
            with calling("state", "at the end of the run"):
                self._state = job.state()

    def put(self, run: str, job: Job) -> bool:
        """Puts a job at the end of a run; False where its state isn't kept."""
        if run == self._run and self._state is not None:
            with calling("restore", "to the end of its run"):
                job.restore(self._state)
            return True
        return self._directory is not None and is_trained(self._directory, run, job, self._document)

    def drop(self) -> None:
        """Keeps no state any more."""
        self._run, self._state = "", None
        if self._directory is not None:
            self._directory.delete([self._document, *STATES[self._document]])
