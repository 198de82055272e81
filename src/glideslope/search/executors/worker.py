"""The work of one worker: it makes the run of a trial, on a job that it opens itself, and returns plain data."""

from __future__ import annotations

import faulthandler
import math
import os
import platform
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from glideslope.errors import DocumentError, GlideslopeError, JobError, SearchError
from glideslope.search.directory.best import best_away
from glideslope.search.executors import sent_state
from glideslope.search.executors.preempted import Preempted, preempted_after_saving
from glideslope.search.jobs.calls import calling, described
from glideslope.search.jobs.job import JobFactory
from glideslope.search.jobs.time_limit import GRACE, OutOfTime, alarm, limited, over
from glideslope.search.jobs.used_files import following
from glideslope.search.runs.make_run import Made, make_run
from glideslope.search.runs.opened import Jobs, Opened
from glideslope.search.runs.running import Notes
from glideslope.search.runs.trial import Trial
from glideslope.search.runs.unfinished import Saving
from glideslope.search.storage.identity import version_of, versions


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
    packed, where it is asked for and can be sent; `unsaved`, why the run couldn't be checkpointed; `used`, which files
    the job uses. Or `error`, `message` and `trace`."""
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
    used = following(task.source)
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
        "wasted": made.wasted, "state": state, "unsaved": unsaved[0] if unsaved else "", "used": used.used(),
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
    notes = Notes(saving, str(trial.contestant), task.stage, trial.contestant.policy.updates(trial.steps))
    return make_run(opened, trial, None, checkpoints, best.measured if best else None, notes)


def _jobs(task: Task) -> Jobs:
    if getattr(_of_thread, "search", None) != task.search:
        _of_thread.jobs = None  # frees those of the search before, ahead of the next ones
        _of_thread.search, _of_thread.jobs = task.search, Jobs(task.source, task.trial.seed)
    jobs: Jobs = _of_thread.jobs
    return jobs


def versions_here() -> dict[str, str]:
    """The versions of Python, of Glideslope, and of each framework that is loaded."""
    return {"Python": ".".join(platform.python_version_tuple()[:2]), **versions()}


def check_versions(expected: Mapping[str, str]) -> None:
    """Raises a SearchError unless this process has the same versions, but for what follows a "+", as of a build."""
    python = ".".join(platform.python_version_tuple()[:2])
    differing = [
        f"{name} {here or 'none'} instead of {version}"
        for name, version in expected.items()
        if (here := python if name == "Python" else version_of(name)).partition("+")[0] != version.partition("+")[0]
    ]
    if differing:
        raise SearchError(
            f"the worker on {socket.gethostname()} has other versions than the search: {', '.join(differing)}; install "
            "the same on both"
        )


class RunLimit:
    """Ends a run after so many seconds: by an exception in the job's call; where that has no effect by ending the
    process. In a thread that isn't the main one, which no signal reaches, the run is ended before its next call
    instead."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = float("inf")
        self._signals = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")

    @contextmanager
    def run(self, what: str) -> Iterator[None]:
        """A run, of this name."""
        self._end = time.monotonic() + self.seconds
        try:
            if not self._signals:
                yield
                return
            with alarm(self.seconds, self._stop), open(os.devnull, "w") as nowhere:
                faulthandler.dump_traceback_later(self.seconds + GRACE, exit=True, file=nowhere)
                try:
                    yield
                finally:
                    faulthandler.cancel_dump_traceback_later()
        except OutOfTime as error:  # between two calls
            raise JobError(f"{what} failed: {error}") from None
        finally:
            self._end = float("inf")

    def at(self, call: str) -> None:
        """The call of the job that comes next."""
        if not self._signals and time.monotonic() > self._end:
            raise OutOfTime(over(self.seconds))

    def _stop(self) -> None:
        if time.monotonic() >= self._end:
            raise OutOfTime(over(self.seconds))
