"""The state of a job where its validation loss was least in the full runs, in a run directory."""

from __future__ import annotations

import math
import time

from glideslope.search import checkpoints, states
from glideslope.search.job import Job
from glideslope.search.run_directory import RunDirectory
from glideslope.search.run_files import BEST, STATES
from glideslope.search.trained import Trained, best_of, save_state

_LEAST_COST = 0.02
"""The seconds that the first one is thought to take at least: so a run under a second has none."""


class Best:
    """Keeps the state of the least validation loss of the full runs, where that takes under 2% of a run's time.

    Args:
        directory: where.
        key: the run.
        job: whose state it is.
        initial: the state of the job at the start of the run, for its size.
    """

    def __init__(self, directory: RunDirectory, key: str, job: Job, initial: object) -> None:
        self._directory, self._key, self._job = directory, key, job
        former = best_of(directory.folder)
        known = former is not None and (former.key == key or former.key in directory)  # before a kill; another full run
        self._kept: Trained | None = former if known else None
        self._due = 0.0
        self._wait(max(states.size(initial) / checkpoints.BYTES_A_SECOND, _LEAST_COST))

    def measured(self, updates: int, loss: float) -> None:
        """Keeps the state, where the loss is the least so far and it is time.

        Args:
            updates: made in the run.
            loss: the validation loss there.
        """
        if not (math.isfinite(loss) and loss < self._loss and time.monotonic() >= self._due):
            return
        began = time.monotonic()
        self._kept = save_state(self._directory, self._key, self._job, BEST, updates, loss)
        self._wait(time.monotonic() - began)

    def ended(self, loss: float) -> None:
        """Deletes the state unless its loss is less than that at the end of the best full run."""
        if self._loss >= loss:
            self._directory.delete([BEST, *STATES[BEST]])

    @property
    def _loss(self) -> float:
        return math.inf if self._kept is None or self._kept.loss is None else self._kept.loss

    def _wait(self, cost: float) -> None:
        self._due = time.monotonic() + checkpoints.LEAST_SPACING * cost
