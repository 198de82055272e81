"""Runs that an executor makes: what is sent, what comes back in which order, and what is sent again."""

from __future__ import annotations

import pickle
import secrets
from collections import Counter
from collections.abc import Generator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from queue import SimpleQueue
from typing import Any, cast

from glideslope import errors
from glideslope.errors import SearchError
from glideslope.search import states
from glideslope.search.calls import described
from glideslope.search.contestant import Run
from glideslope.search.job import Job, JobFactory, is_factory
from glideslope.search.make_run import Made
from glideslope.search.trial import Trial
from glideslope.search.worker import Task, perform

TRIES = 3
"""How often a trial is sent where its worker is lost each time."""

Arrived = tuple[int, Made, states.Packed | None]
"""The number of a trial, its run, and the state at its end where that was asked for."""


class Workers:
    """Makes runs on an executor, of which `submit`, the future and its `cancel` are used.

    Args:
        executor: of `concurrent.futures`, or one that has the same.
        source: the function that makes jobs.

    Raises:
        SearchError: it is a job, which workers can't share.
    """

    def __init__(self, executor: Executor, source: Job | JobFactory) -> None:
        if not is_factory(source):
            raise SearchError(
                f"with an executor each worker makes its own job, and a {type(source).__name__} was given: write a "
                "function `def job(seed)` in a file, and give that function"
            )
        self._executor, self._search = executor, secrets.token_hex(8)
        self._source = cast("JobFactory", source)

    def made(self, trials: Sequence[Trial], keep: float) -> Generator[Arrived, None, None]:
        """The runs of trials, as they arrive. Those not begun are cancelled where the caller stops.

        Args:
            trials: what is run.
            keep: the state at the end comes with a run that ends below this loss; infinite for any run.

        Raises:
            JobError: a call of the job fails in a worker; the first trial that fails decides, in their order.
            SearchError: a trial can't be sent, or its worker is lost each time.
        """
        arrivals: SimpleQueue[tuple[int, Future[dict[str, Any]]]] = SimpleQueue()
        waiting: dict[int, Future[dict[str, Any]]] = {}
        lost: Counter[int] = Counter()
        failure: Exception | None = None

        def send(number: int) -> None:
            waiting[number] = future = self._sent(trials[number], keep)
            future.add_done_callback(lambda future: arrivals.put((number, future)))

        try:
            for number in range(len(trials)):
                send(number)
            while waiting:
                number, future = arrivals.get()
                if waiting.pop(number, None) is None:  # of a run after one that failed
                    continue
                result = _result(future)
                if isinstance(result, dict) and "error" not in result:
                    run = Run.remembered(result["run"], trials[number].contestant)
                    yield number, Made(run, result["updates"], result["seconds"]), result["state"]
                    continue
                lost[number] += 1
                if isinstance(result, Exception) and lost[number] < TRIES and not _unpicklable(trials[number]):
                    send(number)
                    continue
                failure = _error(result) if isinstance(result, dict) else self._lost(trials[number], result)
                for later in [later for later in waiting if later > number]:
                    waiting.pop(later).cancel()
        finally:
            for future in waiting.values():
                future.cancel()
        if failure is not None:
            raise failure

    def _sent(self, trial: Trial, keep: float) -> Future[dict[str, Any]]:
        try:
            return self._executor.submit(perform, Task(self._search, self._source, trial, keep))
        except Exception as error:
            raise self._lost(trial, error) from error

    def _lost(self, trial: Trial, error: Exception) -> SearchError:
        """Says why the executor has no result of a trial."""
        if problem := _unpicklable(self._source):
            return SearchError(
                f"the job can't be sent to workers ({problem}): write a function `def job(seed)` in a file, and give "
                "that function, or glideslope.search.load_job('path/to/file.py:job')"
            )
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


def _result(future: Future[dict[str, Any]]) -> dict[str, Any] | Exception:
    """What a worker returned, or what the executor raised in its place."""
    try:
        return future.result()
    except (Exception, CancelledError) as error:
        return error


def _error(result: dict[str, Any]) -> Exception:
    """The error that a worker returned."""
    error: Exception = getattr(errors, result["error"], errors.JobError)(result["message"])
    error.add_note(f"in a worker:\n{result['trace']}")
    return error


def _unpicklable(value: Any) -> str:
    """Why a value can't be pickled; "" where it can."""
    try:
        pickle.dumps(value)
    except Exception as error:  # of a method of the value, whatever it trips over
        return described(error)
    return ""
