"""The results of tasks, in the order in which an executor ends them."""

from __future__ import annotations

import time
from collections.abc import Collection
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from glideslope.search.jobs.time_limit import OutOfTime

Result = Any  # what a worker returned, or the exception that the executor raised in its place

_SPACING = 20.0  # how many times what a look at all futures takes lies between two of them at least


class Arrivals:
    """Waits for futures: those of `concurrent.futures`, and others with `done`, `result` and `cancel`. One that calls
    back is seen at once; another, or one whose call is lost, at the next look."""

    def __init__(self) -> None:
        self._ended: SimpleQueue[tuple[int, Any]] = SimpleQueue()
        self._waiting: dict[int, Any] = {}
        self._began: dict[int, float] = {}
        self._next_look = 0.0

    @property
    def waiting(self) -> Collection[int]:
        """The numbers of the tasks that haven't ended."""
        return self._waiting.keys()

    def expect(self, number: int, future: Any) -> None:
        """Waits for the future of a task too."""
        self._waiting[number] = future
        self._began.pop(number, None)
        with suppress(Exception):  # it has no such method, or it fails
            future.add_done_callback(lambda _: self._ended.put((number, future)))

    def next(self, seconds: float) -> tuple[int, Result, float] | None:
        """The number of a task that ended, its result and its known seconds; None where none ends within so many."""
        if (began := time.monotonic()) >= self._next_look:
            self._look()
            self._next_look = time.monotonic() + _SPACING * (time.monotonic() - began)
        try:
            number, future = self._ended.get(timeout=seconds)
        except Empty:
            return None
        if self._waiting.get(number) is not future:  # cancelled, or seen before
            return None
        del self._waiting[number]
        return number, _result(future), time.monotonic() - self._began.pop(number, time.monotonic())

    def cancel_from(self, first: int) -> None:
        """Waits no more for the tasks from a number on; those that haven't begun are never run."""
        for number in [number for number in self._waiting if number >= first]:
            cancel(self._waiting.pop(number))

    def _look(self) -> None:
        """Notes which tasks run, and which have ended."""
        for number, future in list(self._waiting.items()):
            try:
                if future.done():
                    self._ended.put((number, future))
                elif number not in self._began and hasattr(future, "running") and future.running():
                    self._began[number] = time.monotonic()
            except Exception as error:  # of an executor that can't be reached
                self._waiting[number] = failed(error)
                self._ended.put((number, self._waiting[number]))


def cancel(future: Any) -> bool:
    """Cancels a future; whether that could be done."""
    try:
        return bool(future.cancel())
    except Exception:  # of an executor that can't cancel
        return False


def failed(error: BaseException) -> Future[Any]:
    """A future of a task that an executor didn't take."""
    future: Future[Any] = Future()
    future.set_exception(error)
    return future


def _result(future: Any) -> Result:
    try:
        return future.result()
    except (KeyboardInterrupt, OutOfTime):
        raise
    except BaseException as error:  # an exit of the worker, or a cancellation, which asyncio has as no Exception
        return error
