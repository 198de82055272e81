"""Makes the run of a trial on a job that is opened."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np

from glideslope.search.jobs.calls import calling
from glideslope.search.jobs.time_limit import one_run
from glideslope.search.runs import preemption
from glideslope.search.runs.backoff import Backoff
from glideslope.search.runs.checkpoints import Checkpoints
from glideslope.search.runs.checks import check_controls
from glideslope.search.runs.contestant import Run
from glideslope.search.runs.course import Course
from glideslope.search.runs.first_checks import check_untrained
from glideslope.search.runs.opened import Opened
from glideslope.search.runs.running import Notes
from glideslope.search.runs.trial import Trial


@dataclass(frozen=True)
class Made:
    """A run that was made here: the updates made here, those before a checkpoint left out, and the seconds that they
    took; and the updates that earlier processes are known to have wasted on it after their last checkpoint."""

    run: Run
    updates: int
    seconds: float
    wasted: int = 0


def make_run(
    opened: Opened, trial: Trial, look: Callable[[int, float], None] | None = None,
    checkpoints: Checkpoints | None = None, measured: Callable[[int, float], None] | None = None,
    notes: Notes | None = None,
) -> Made:  # fmt: skip
    """Makes the run of a trial on a job at its initial state, and leaves the job as the run ends. `look` gets the
    updates made and the last training loss, now and then; `measured` gets each evaluation, the updates made and the
    validation loss; `notes` are written of how far the run is."""

    def looks(done: int, loss: float) -> None:
        if notes is not None:
            notes.see(done, loss)
        if look is not None:
            look(done, loss)

    contestant, what = trial.contestant, str(trial.contestant)
    rates, controls = contestant.rates(trial.steps), contestant.controls(trial.steps)
    check_controls(opened.job, contestant, controls)
    updates, cost = len(rates), trial.share * trial.steps
    in_the_end = math.inf if trial.backs_off else cost
    estimates = opened.estimates and in_the_end > cost
    course = Course(
        opened.job, rates, controls, contestant.policy.feedback, contestant.average,
        backoff=Backoff(rates, opened.job, trial.short) if trial.backs_off else None,
        ends=sorted({max(round(updates * (i + 1) / trial.evaluations), 1) for i in range(trial.evaluations)}),
        measure=lambda averaged: opened.measured(cost, averaged),
        by_all=lambda loss: opened.measured(in_the_end) if estimates else loss,
        look=looks, what=what, checkpoints=checkpoints, measured=measured,
    )  # fmt: skip
    resumed = checkpoints.latest() if checkpoints else None
    began, before = time.monotonic(), resumed[0].made + len(resumed[0].waiting) if resumed else 0
    if notes is not None:
        notes.begins(before)
    with one_run(what), preemption.saving() if checkpoints else nullcontext():
        if resumed:
            opened.untrained.setdefault(in_the_end, resumed[0].untrained)
        course.untrained = _untrained_loss(opened, in_the_end)
        final = course.run(resumed)
    run = Run(
        contestant, trial.steps, trial.seed, np.asarray(course.losses), tuple(course.evaluations), final,
        tuple(course.scales), tuple(course.events), course.problem, course.made, course.untrained,
    )  # fmt: skip
    wasted = 0 if notes is None else notes.before - before
    return Made(run, course.made - before, time.monotonic() - began, wasted)


def _untrained_loss(opened: Opened, updates: float) -> float:
    """The validation loss before the first update, measured as at the end of a run; once for each kind of run. The job
    is restored after it, so that a run is the same whether or not it was the first of its kind. All kinds measure the
    same of a job without estimates: raises a JobError if they don't, for then it isn't restored."""
    if updates not in opened.untrained:
        before = [] if opened.estimates else [*opened.untrained.values()]
        with calling("evaluate", "before the first update"):
            loss = opened.measured(updates)
            opened.untrained[updates] = loss
            if before:
                check_untrained(before[0], loss, lambda: opened.measured(updates))
        opened.restore("after it was measured")
    return opened.untrained[updates]
