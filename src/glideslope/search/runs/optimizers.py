"""Whether a job that was made with another optimizer has one."""

from __future__ import annotations

from typing import Any

import numpy as np

from glideslope.errors import JobError
from glideslope.search.jobs.calls import calling
from glideslope.search.jobs.job import Job
from glideslope.search.jobs.scalars import number
from glideslope.search.runs.drive import drive

_UPDATES = 3
"""So many tell optimizers apart: the first of momentum is that of plain gradient descent."""


def check_changed(optimizer: str, own: Job, own_state: Any, job: Job, state: Any) -> int:
    """Raises a JobError if a job made with an optimizer trains as the one without. Returns the updates made; both jobs
    are at their initial states after.

    Optimizers of different types differ, and torch's of one type by their options. Of other jobs a few updates are made
    with both: losses that are equal to the last digit come of the same optimizer.
    """
    inner = getattr(own, "optimizer", None), getattr(job, "optimizer", None)
    kind = "" if inner[0] is None else f" ({type(inner[0]).__name__})"
    updates = 0
    if type(inner[0]) is not type(inner[1]):
        return updates
    if hasattr(inner[0], "param_groups"):
        same = _options(inner[0]) == _options(inner[1])
    else:
        same, updates = _losses(own, own_state) == _losses(job, state), 2 * _UPDATES
    if same:
        raise JobError(
            f"the job made with optimizer={optimizer!r} trains exactly as the one made without{kind}: let "
            "job(seed, optimizer) use what it is given; or leave the name out, if it is the job's own optimizer"
        )
    return updates


def _options(optimizer: Any) -> list[dict[str, str]]:
    """The options of each group of a torch optimizer, but for its rate, which a search sets."""
    left_out = {"params", "lr", "initial_lr"}
    return [{name: str(value) for name, value in group.items() if name not in left_out}
            for group in optimizer.param_groups]  # fmt: skip


def _losses(job: Job, state: Any) -> list[float]:
    with calling("restore", "before a check of its optimizer"):
        job.restore(state)
    losses = drive(
        job.step, np.full(_UPDATES, 1e-2), lambda _: False, lambda *_: None, _UPDATES, what="a check of its optimizer"
    )
    with calling("evaluate, restore", "after a check of its optimizer"):
        losses.append(number(job.evaluate()))
        job.restore(state)
    return losses
