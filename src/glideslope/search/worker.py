"""What a worker does: it makes the run of a trial, on a job that it opens itself, and returns plain data."""

from __future__ import annotations

import math
import threading
import traceback
from dataclasses import dataclass
from typing import Any

from glideslope.errors import DocumentError, GlideslopeError
from glideslope.search import states
from glideslope.search.calls import calling, described
from glideslope.search.job import JobFactory
from glideslope.search.make_run import make_run
from glideslope.search.opened import Jobs
from glideslope.search.trial import Trial


@dataclass(frozen=True)
class Task:
    """What a worker is sent.

    Attributes:
        search: a random name of the search, whose jobs a worker keeps open until it gets a task of another.
        source: the function that makes jobs.
        trial: what is run.
        keep: the state at the end is returned where the run ends below this loss; where it is infinite, in any case.
    """

    search: str
    source: JobFactory
    trial: Trial
    keep: float


_of_thread = threading.local()
"""The search whose jobs are open, and these; for each thread, since an executor may have threads."""


def perform(task: Task) -> dict[str, Any]:
    """The run of a task as plain data, or the error that it ended with.

    Returns:
        `run`, as `Run.plain` gives it; the `updates` that were made and the `seconds` that they took; `state`, at the
        end, packed, where it is asked for and has a safe form. Or `error`, `message` and `trace`.
    """
    try:
        return _performed(task)
    except KeyboardInterrupt:
        raise
    except GlideslopeError as error:
        return {"error": type(error).__name__, "message": str(error), "trace": traceback.format_exc()}
    except BaseException as error:  # a class of the job, which the other side may not have
        where = " ".join(getattr(error, "__notes__", ()))
        message = f"a run was stopped {where}: {described(error)}"
        return {"error": "JobError", "message": message, "trace": traceback.format_exc()}


def _performed(task: Task) -> dict[str, Any]:
    trial, jobs = task.trial, _jobs(task)
    opened = jobs.in_order(trial.order, trial.seed, trial.contestant.optimizer)
    opened.restore("the initial state")
    made = make_run(opened, trial)
    state = None
    if made.run.final_loss < task.keep or task.keep == math.inf:
        with calling("state", "at the end of the run"):
            state = _packed(opened.job.state())
    return {"run": made.run.plain(), "updates": made.updates, "seconds": made.seconds, "state": state}


def _jobs(task: Task) -> Jobs:
    if getattr(_of_thread, "search", None) != task.search:
        _of_thread.jobs = None  # frees those of the search before, ahead of the next ones
        _of_thread.search, _of_thread.jobs = task.search, Jobs(task.source, task.trial.seed)
    jobs: Jobs = _of_thread.jobs
    return jobs


def _packed(state: Any) -> states.Packed | None:
    try:
        return states.packed(state)
    except DocumentError:
        return None
