"""What a search checks of a job before its first run: the first loss is finite, and restore goes back."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np

from glideslope.callers import caller_level
from glideslope.errors import JobError
from glideslope.search.jobs.job import Job
from glideslope.search.jobs.time_limit import one_run
from glideslope.search.runs.drive import drive

_CHECKED = np.array([1e-8, 1e-2, 1e-2])
"""The rates of the updates that show whether a job is restored."""
_INEXACT = 1e-3
"""By how much, relatively, a loss may differ where a device computes in another order."""


def check_first_updates(job: Job, restore: Callable[[str], None]) -> int:
    """Makes a few updates twice, restoring the job after each time; returns how many it made. Raises a JobError if the
    first loss isn't finite, or restore doesn't go back."""

    def few_updates() -> list[float]:
        """The losses: the first shows the initial weights, the third what the second update made of them."""
        losses = drive(job.step, _CHECKED, lambda _: False, lambda *_: None, 1, what="a first check")
        restore("after a first check")
        return losses

    with one_run("a first check"):
        first, second = few_updates(), few_updates()
    if not math.isfinite(first[0]):
        raise JobError(
            f"the training loss is {first[0]} at the first update, before any rate had an effect: "
            "look for bad values in the data or the initial weights"
        )
    if not np.allclose(first, second, rtol=_INEXACT, atol=0.0, equal_nan=True):
        raise JobError(
            f"the job's restore doesn't go back to where its state was taken: the same updates gave the losses "
            f"{first}, then {second}, so each run would go on from the last. Copy in state() what changes later "
            "(deepcopy), the optimizer's state too; gs.check_job tells what isn't restored"
        )
    if not np.array_equal(first, second, equal_nan=True):
        warnings.warn(
            f"the job's restore isn't exact: the same updates gave the losses {first}, then {second}; "
            "runs are not from the same state",
            stacklevel=caller_level(),
        )
    return len(first) + len(second)
