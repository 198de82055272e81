"""What a search checks of its jobs by a few updates: a finite first loss, restoring, and another optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from glideslope.errors import JobError
from glideslope.search.jobs.calls import calling
from glideslope.search.jobs.conformance import WHOLE, same
from glideslope.search.jobs.job import Job
from glideslope.search.jobs.scalars import number
from glideslope.search.jobs.time_limit import one_run
from glideslope.search.runs.drive import drive
from glideslope.warning import warn

_CHECKED = np.array([1e-8, 1e-2, 1e-2])  # the rates of the updates that show whether a job is restored
_INEXACT = 1e-3  # by how much, relatively, a loss may differ where a device computes in another order


def check_first_updates(job: Job, restore: Callable[[str], None]) -> int:
    """Makes a few updates twice; how many. Raises a JobError if the first loss isn't finite, or restore fails: the
    losses aren't repeated, or an estimate of the validation loss isn't. A job without estimates isn't asked, since its
    `evaluate` may cost more than the search."""

    def few_updates() -> list[float]:
        """The losses: the first shows the initial weights, the third what the second update made of them."""
        losses = drive(job.step, _CHECKED, lambda _: False, lambda *_: None, 1, what="a first check")
        restore("after a first check")
        return losses

    with one_run("a first check"):
        untrained = _estimate(job)
        first, second = few_updates(), few_updates()
    if not math.isfinite(first[0]):
        raise JobError(
            f"the training loss is {first[0]} at the first update, before any rate had an effect: "
            "look for bad values in the data or the initial weights"
        )
    if not np.array_equal(first, second, equal_nan=True):
        _not_repeated(f"the same updates gave the losses {first}, then {second}", first, second)
    with one_run("a first check"):
        check_untrained(untrained, _estimate(job), lambda: _estimate(job))
    return len(first) + len(second)


def check_untrained(before: float, now: float, again: Callable[[], float]) -> None:
    """Raises a JobError, or warns where they are near, if the validation loss of the initial weights is another than it
    was before, and that is no chance: what measures it `again` draws nothing."""
    if not same(before, now) and same(now, again()):
        _not_repeated(f"the untrained validation loss {before} came again as {now}", [before], [now])


def _not_repeated(what: str, first: list[float], second: list[float]) -> None:
    """Raises a JobError of losses that aren't repeated after a restore; warns where they are near each other."""
    if not np.allclose(first, second, rtol=_INEXACT, atol=0.0, equal_nan=True):
        raise JobError(
            f"the job's restore doesn't go back to where its state was taken: {what}, so each run would go on from the "
            f"last: {WHOLE}; gs.check_job tells more"
        )
    warn(
        f"the job's runs aren't repeated exactly: {what}. A GPU that adds in another order does this "
        f"(torch.use_deterministic_algorithms(True) prevents it); else something isn't restored: {WHOLE}; gs.check_job "
        "tells more"
    )


def _estimate(job: Job) -> float:
    """A cheap validation loss, NaN where the job has none."""
    estimate = getattr(job, "estimate", None)
    with calling("estimate", "in a first check"):
        return number(estimate(1.0)) if callable(estimate) else math.nan


_UPDATES = 3  # so many tell optimizers apart: the first of momentum is that of plain gradient descent


def check_changed(optimizer: str, plain: Job, plain_state: Any, job: Job, state: Any) -> int:
    """Raises a JobError if a job made with an optimizer trains as the one without: in torch by their types and options,
    else where a few updates of both give losses that are equal to the last digit. Returns the updates made; both jobs
    are at their initial states after."""
    own, other = getattr(plain, "optimizer", None), getattr(job, "optimizer", None)
    kind = "" if own is None else f" ({type(own).__name__})"
    if type(own) is not type(other):
        return 0
    if hasattr(own, "param_groups"):
        is_same, updates = _options(own) == _options(other), 0
    else:
        is_same, updates = _losses(plain, plain_state) == _losses(job, state), 2 * _UPDATES
    if is_same:
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
