"""The results of tasks, in the order in which an executor ends them."""

from __future__ import annotations

import time
from collections.abc import Collection
from concurrent.futures import CancelledError
from queue import Empty, SimpleQueue
from typing import Any

Result = dict[str, Any] | Exception
"""What a worker returned, or what the executor raised in its place."""


class Arrivals:
    """Waits for futures: those of `concurrent.futures`, and others with `done`, `result` and `cancel`."""

    def __init__(self) -> None:
        self._ended: SimpleQueue[tuple[int, Any]] = SimpleQueue()
        self._waiting: dict[int, Any] = {}
        self._began: dict[int, float] = {}

    @property
    def waiting(self) -> Collection[int]:
        """The numbers of the tasks that haven't ended."""
        return self._waiting.keys()

    def expect(self, number: int, future: Any) -> None:
        """Waits for the future of a task too."""
        self._waiting[number] = future
        self._began.pop(number, None)
        if hasattr(future, "add_done_callback"):
            future.add_done_callback(lambda future: self._ended.put((number, future)))

    def next(self, seconds: float) -> tuple[int, Result, float] | None:
        """The number of a task that ended, its result, and how long it is known to have run; None where none ends
        within so many seconds."""
        self._look()
        try:
            number, future = self._ended.get(timeout=seconds)
        except Empty:
            return None
        if self._waiting.pop(number, None) is None:  # cancelled
            return None
        return number, _result(future), time.monotonic() - self._began.pop(number, time.monotonic())

    def cancel_from(self, first: int) -> None:
        """Waits no more for the tasks from a number on; those that haven't begun are never run."""
        for number in [number for number in self._waiting if number >= first]:
            self._waiting.pop(number).cancel()

    def _look(self) -> None:
        """Notes which tasks run, and which have ended where the future doesn't call back."""
        for number, future in self._waiting.items():
            if hasattr(future, "add_done_callback"):
                if number not in self._began and future.running():
                    self._began[number] = time.monotonic()
            elif future.done():
                self._ended.put((number, future))


def _result(future: Any) -> Result:
    try:
        result: dict[str, Any] = future.result()
    except (Exception, CancelledError) as error:
        return error
    return result
