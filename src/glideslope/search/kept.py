"""The state of a job at the end of the best full run so far."""

from __future__ import annotations

import math
from typing import Any

from glideslope.search.calls import calling
from glideslope.search.contestant import Run
from glideslope.search.job import Job
from glideslope.search.run_directory import RunDirectory
from glideslope.search.run_files import LAST
from glideslope.search.trained import is_trained, save_state


def is_kept(run: Run, keep: float) -> bool:
    """Whether the state at the end of a run is kept: it ends below a loss; infinite keeps one that diverged too."""
    return run.final_loss < keep or keep == math.inf


class Kept:
    """Keeps one state: in the run directory, or in memory where there is none or it stores no states.

    Args:
        directory: the run directory of the search, if it has one.
    """

    def __init__(self, directory: RunDirectory | None) -> None:
        self._directory = directory
        self._run = ""
        self._state: Any = None

    def keep(self, run: str, job: Job) -> None:
        """Keeps the state that a job has at the end of a run."""
        self._run, self._state = run, None
        if self._directory is None or save_state(self._directory, run, job, LAST) is None:
            with calling("state", "at the end of the run"):
                self._state = job.state()

    def put(self, run: str, job: Job) -> bool:
        """Puts a job at the end of a run; False where its state isn't kept."""
        if run == self._run and self._state is not None:
            with calling("restore", "to the end of its run"):
                job.restore(self._state)
            return True
        return self._directory is not None and is_trained(self._directory, run, job)
