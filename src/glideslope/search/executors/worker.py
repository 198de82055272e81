"""The work of one worker: it makes the run of a trial, on a job that it opens itself, and returns plain data."""

from __future__ import annotations

import math
import sys
import threading
import traceback
from dataclasses import dataclass, field
from typing import Any

from glideslope.errors import DocumentError, GlideslopeError
from glideslope.search.directory.best import best_away
from glideslope.search.executors import sent_state
from glideslope.search.executors.preempted import Preempted, preempted_after_saving
from glideslope.search.executors.versions import check_versions
from glideslope.search.jobs.calls import calling, described
from glideslope.search.jobs.job import JobFactory
from glideslope.search.jobs.time_limit import limited
from glideslope.search.runs.make_run import Made, make_run, unseen
from glideslope.search.runs.opened import Jobs, Opened
from glideslope.search.runs.run_limit import RunLimit
from glideslope.search.runs.running import Notes
from glideslope.search.runs.trial import Trial
from glideslope.search.runs.unfinished import Saving


@dataclass(frozen=True)
class Task:
    """What a worker is sent."""

    search: str  # a random name of the search, whose jobs a worker keeps open until it gets a task of another
    source: JobFactory  # the function that makes jobs
    trial: Trial  # what is run
    keep: float
    """The state at the end is returned where the run ends below this loss; where it is infinite, in any case."""
    stage: str = ""  # what the run is for
    saving: Saving | None = None  # where it is checkpointed, if it is
    best: float = -math.inf  # the state of the least validation loss is kept there too, where the loss is below this
    seconds: float | None = None  # that the run may take, if there is a limit
    versions: dict[str, str] = field(default_factory=dict)  # of what the search uses


_of_thread = threading.local()
"""The search whose jobs are open, and these; for each thread, since an executor may have threads."""


def perform(task: Task) -> dict[str, Any]:
    """The run of a task as plain data, or the error that it ended with: the `key` of the trial; `run`, as `Run.plain`
    gives it; the `updates` made, the `seconds` that they took and the updates `wasted` before; `state`, at the end,
    packed, where it is asked for and can be sent; `unsaved`, why the run couldn't be checkpointed. Or `error`,
    `message` and `trace`."""
    try:
        with preempted_after_saving(), limited(None if task.seconds is None else RunLimit(task.seconds)):
            return _performed(task)
    except KeyboardInterrupt:
        raise
    except Preempted as preempted:
        preempted.handle()
        raise
    except GlideslopeError as error:
        return {"error": type(error).__name__, "message": str(error), "trace": traceback.format_exc()}
    except BaseException as error:  # a class of the job, which the other side may not have
        where = " ".join(getattr(error, "__notes__", ()))
        message = f"a run was stopped {where}: {described(error)}"
        return {"error": "JobError", "message": message, "trace": traceback.format_exc()}


def _again(task: Task) -> Any:
    """What a job of submitit that was preempted does when it is requeued."""
    return sys.modules["submitit"].helpers.DelayedSubmission(perform, task)


perform.checkpoint = _again  # type: ignore[attr-defined]  # where submitit looks for it


def _performed(task: Task) -> dict[str, Any]:
    trial, jobs = task.trial, _jobs(task)
    opened = jobs.in_order(trial.order, trial.seed, trial.contestant.optimizer)
    check_versions(task.versions)  # now that the job has imported what it uses
    opened.restore("the initial state")
    unsaved: list[str] = []
    made = _made(task, opened, unsaved)
    state = None
    if made.run.final_loss < task.keep or task.keep == math.inf:
        with calling("state", "at the end of the run"):
            state = sent_state.packed(opened.job.state())
    return {
        "key": trial.key, "run": made.run.plain(), "updates": made.updates, "seconds": made.seconds,
        "wasted": made.wasted, "state": state, "unsaved": unsaved[0] if unsaved else "",
    }  # fmt: skip


def _made(task: Task, opened: Opened, unsaved: list[str]) -> Made:
    """Makes the run of a task, with checkpoints where their place is reached; why there are none goes to `unsaved`."""

    def give_up(error: DocumentError) -> None:
        unsaved.append(str(error))

    trial, saving = task.trial, task.saving
    if saving is None or not saving.is_here:
        return make_run(opened, trial)
    checkpoints = saving.checkpoints(opened.initial, give_up)
    best = best_away(saving, opened.job, task.best, opened.initial) if checkpoints and task.best > -math.inf else None
    updates = len(trial.contestant.rates(trial.steps))
    notes = Notes(saving, str(trial.contestant), task.stage, updates)
    return make_run(opened, trial, unseen, checkpoints, best.measured if best else None, notes)


def _jobs(task: Task) -> Jobs:
    if getattr(_of_thread, "search", None) != task.search:
        _of_thread.jobs = None  # frees those of the search before, ahead of the next ones
        _of_thread.search, _of_thread.jobs = task.search, Jobs(task.source, task.trial.seed)
    jobs: Jobs = _of_thread.jobs
    return jobs
