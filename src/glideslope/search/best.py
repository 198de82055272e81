"""The state of a job where its validation loss was least in a full run, in a run directory."""

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
        self._kept = best_of(directory.folder)  # of another full run, or before the process was killed
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

    @property
    def _loss(self) -> float:
        return _loss_of(self._kept)

    def _wait(self, cost: float) -> None:
        self._due = time.monotonic() + checkpoints.LEAST_SPACING * cost


def keep_best_below(directory: RunDirectory, loss: float) -> None:
    """Deletes the state of the least validation loss, unless that is less than a loss: the one at the end."""
    best = best_of(directory.folder)
    if best is not None and _loss_of(best) >= loss:
        directory.delete([BEST, *STATES[BEST]])


def _loss_of(best: Trained | None) -> float:
    return math.inf if best is None or best.loss is None else best.loss
