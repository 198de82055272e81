"""Runs that an executor makes: what is sent, what comes back in which order, and what is sent again."""

from __future__ import annotations

import pickle
import secrets
import time
from collections import Counter
from collections.abc import Callable, Collection, Generator, Sequence
from concurrent.futures import BrokenExecutor, Executor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from glideslope import errors
from glideslope.documents import shown
from glideslope.errors import GlideslopeError, JobError, SearchError
from glideslope.search.executors.arrivals import Arrivals, Result, cancel, failed
from glideslope.search.executors.sent_state import Sent
from glideslope.search.executors.worker import Task, perform, versions_here
from glideslope.search.jobs import time_limit
from glideslope.search.jobs.calls import FAILURES, described
from glideslope.search.jobs.job import IN_A_FILE, Job, JobFactory, is_factory
from glideslope.search.runs.contestant import Run
from glideslope.search.runs.make_run import Made
from glideslope.search.runs.running import noted
from glideslope.search.runs.trial import Trial
from glideslope.search.runs.unfinished import Saving

TRIES = 3  # how often a trial is sent where its worker is lost each time before the run has got further, by its notes
TICK = 0.5  # seconds between looks at the runs that workers make

_PATIENCE, _PAUSE = 1.0, 0.05
"""Seconds for which tasks are sent again that an executor doesn't take, as one that is full for a moment, and between
two tries."""


@dataclass(frozen=True)
class Arrived:
    """The run of a task, by the task's number; the job's state at its end, where that was requested and can be sent;
    and why the run couldn't be checkpointed, if it couldn't."""

    number: int
    made: Made
    state: Sent | None
    unsaved: str
    used: dict[str, str]  # the files that the job uses, as `UsedFiles.used` gives them


class Workers:
    """Makes runs of the jobs of a factory on an executor, of which `submit`, the future and its `cancel` are used; up
    to `ahead` runs before they are requested. Raises a SearchError if the source is a job, which workers can't share,
    or the executor is none."""

    def __init__(self, executor: Executor, source: Job | JobFactory, ahead: int = 0) -> None:
        if isinstance(executor, type) or not callable(getattr(executor, "submit", None)):
            raise SearchError(
                f"executor={shown(executor, 80)}: give one of concurrent.futures, such as ProcessPoolExecutor(4), or "
                "what `with processes(4) as executor` gives"
            )
        if not is_factory(source):
            raise SearchError(
                f"with an executor each worker makes its own job, and a {type(source).__name__} was given: write a "
                "function `def job(seed)` in a file, and give that function"
            )
        self._executor, self._search = executor, secrets.token_hex(8)
        self._source = cast("JobFactory", source)
        self._most_ahead, self._patience = ahead, _PATIENCE
        self._ahead: dict[str, tuple[Task, Any]] = {}

    @property
    def ahead(self) -> list[Task]:
        """The tasks that were begun, or made, before they were asked for, and haven't been since."""
        return [task for task, _ in self._ahead.values()]

    def task(self, trial: Trial, keep: float, stage: str, saving: Saving | None, best: float) -> Task:
        """What a worker is sent; the arguments are those of `Task`."""
        limit = time_limit.seconds()
        return Task(self._search, self._source, trial, keep, stage, saving, best, limit, versions_here())

    def made(
        self, tasks: Sequence[Task], look: Callable[[Collection[int]], None], likely: Sequence[Task] = ()
    ) -> Generator[Arrived, None, None]:
        """The runs of tasks, as they arrive; those not begun are cancelled where the caller stops. `look` is called now
        and then with the numbers of the tasks that haven't ended. Idle workers make the runs of `likely` meanwhile, the
        likeliest first. Raises the JobError of the first task, in their order, in which a call of the job fails, or a
        SearchError if a task can't be sent, or its worker is lost each time."""
        arrivals = Arrivals()
        lost: Counter[int] = Counter()
        reached: Counter[int] = Counter()  # updates, when the worker was lost
        failure: Exception | None = None
        try:
            for number, task in enumerate(tasks):
                begun = self._ahead.pop(task.trial.key, None)
                arrivals.expect(number, self._sent(task) if begun is None else begun[1])
            self._send_ahead(likely)
            while arrivals.waiting:
                arrived = arrivals.next(TICK)
                look(arrivals.waiting)
                if arrived is None:
                    continue
                number, result, seconds = arrived
                result = _of_task(tasks[number], number, result)
                if isinstance(result, Arrived):
                    yield result
                    continue
                before, reached[number] = reached[number], max(_reached(tasks[number]), reached[number])
                lost[number] = 1 if reached[number] > before else lost[number] + 1
                if self._sent_again(tasks[number], result, lost[number], seconds):
                    arrivals.expect(number, self._sent(tasks[number]))
                    continue
                failure = _error(result) if isinstance(result, dict) else self._lost(tasks[number], result, seconds)
                arrivals.cancel_from(number)
        finally:
            arrivals.cancel_from(0)
            self.cancel_ahead()
        if failure is not None:
            raise failure

    def cancel_ahead(self) -> None:
        """Cancels the tasks ahead that haven't begun, so that no task that is asked for waits behind them."""
        self._ahead = {key: (task, future) for key, (task, future) in self._ahead.items() if not cancel(future)}

    def _send_ahead(self, tasks: Sequence[Task]) -> None:
        running = sum(not future.done() for _, future in self._ahead.values())
        for task in [task for task in tasks if task.trial.key not in self._ahead][: max(self._most_ahead - running, 0)]:
            with suppress(Exception):  # it says so where the run is asked for
                self._ahead[task.trial.key] = task, self._submitted(task)

    def _sent(self, task: Task) -> Any:
        """The future of a task; one that has failed where the executor takes none for a while."""
        while True:
            try:
                future, self._patience = self._submitted(task), _PATIENCE
                return future
            except Exception as error:
                if self._patience <= 0:
                    return failed(error)
            self._patience -= _PAUSE
            time.sleep(_PAUSE)

    def _submitted(self, task: Task) -> Any:
        future = self._executor.submit(perform, task)
        if not all(callable(getattr(future, name, None)) for name in ("done", "result", "cancel")):
            raise TypeError(f"its submit gave {shown(future, 80)}, and must give a future: with done, result, cancel")
        return future

    def _sent_again(self, task: Task, result: Result, lost: int, seconds: float) -> bool:
        """Whether a task is sent again: its worker was lost, which may not happen the next time."""
        if isinstance(result, dict | GlideslopeError) or lost >= TRIES or _is_over(task, seconds):
            return False
        return not (_unpicklable(task.trial) or _unpicklable(self._source))

    def _lost(self, task: Task, error: BaseException, seconds: float) -> GlideslopeError:
        """Says why the executor has no result of a task, after so many seconds."""
        trial = task.trial
        if isinstance(error, GlideslopeError):
            return error
        if _is_over(task, seconds):
            return JobError(f"{trial.contestant} failed: {time_limit.over(task.seconds or 0.0)}")
        if problem := _unpicklable(self._source):
            return SearchError(f"the job can't be sent to workers ({problem}): {IN_A_FILE}")
        if problem := _unpicklable(trial):
            return SearchError(
                f"{trial.contestant} can't be sent to workers ({problem}): a schedule for workers has a text form"
            )
        if isinstance(error, BrokenExecutor):
            return SearchError(
                f"a worker ended in the run of {trial.contestant} ({described(error)}): it was killed, lacked memory, "
                "couldn't import the job, or the job ended its process; finished runs are in the memory of the search"
            )
        return SearchError(f"the executor has no result of {trial.contestant}: {described(error)}")


def _of_task(task: Task, number: int, result: Result) -> Arrived | Result:
    """The run of a task by what came back for it; else the error, as a worker returned it or as an exception."""
    if isinstance(result, BaseException) or (isinstance(result, dict) and "error" in result):
        return result
    try:
        if result["key"] != task.trial.key:
            return ValueError(f"it gave that of {result['key']}")
        run = Run.remembered(result["run"], task.trial.contestant)
        made = Made(run, result["updates"], result["seconds"], result["wasted"])
        return Arrived(number, made, result["state"], result["unsaved"], result["used"])
    except Exception:  # of a value that isn't what a worker returns, whatever it trips over
        return TypeError(f"it gave {shown(result, 80)}")


def _reached(task: Task) -> int:
    """How far the run of a task is known to have come; 0 where that isn't known."""
    note = None if task.saving is None else noted(task.saving)
    return 0 if note is None else note.done


def _is_over(task: Task, seconds: float) -> bool:
    """Whether a worker that was lost after so many seconds was ended by the limit of its run."""
    return task.seconds is not None and seconds >= task.seconds + time_limit.GRACE - 2 * TICK


def _error(result: dict[str, Any]) -> Exception:
    """The error that a worker returned."""
    error: Exception = getattr(errors, result["error"], errors.JobError)(result["message"])
    error.add_note(f"in a worker:\n{result['trace']}")
    return error


def _unpicklable(value: Any) -> str:
    """Why a value can't be pickled; "" where it can."""
    try:
        pickle.dumps(value)
    except FAILURES as error:  # of a method of the value, whatever it trips over
        return described(error)
    return ""
