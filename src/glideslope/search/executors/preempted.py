"""A job of submitit that is preempted, or whose time is over: it saves its run before it is requeued."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from glideslope.search.runs import preemption

_REQUEUES = "checkpoint_and_try_requeue"
"""The method of submitit that handles the signal: it requeues the job, and raises what ends the process."""


class Preempted(BaseException):
    """Passes a run and the calls of its job, which an error of a library would be taken for a failure of. `handle` does
    what the signal is for."""

    def __init__(self, handle: Callable[[], object]) -> None:
        super().__init__("preempted")
        self.handle = handle


@contextmanager
def preempted_after_saving() -> Iterator[None]:
    """Within it, the signal by which submitit ends a job early is a `Preempted`, raised once the run is saved."""
    in_main = threading.current_thread() is threading.main_thread()
    handlers = [(number, signal.getsignal(number)) for number in signal.valid_signals()] if in_main else []
    before: dict[int, Any] = {
        number: handler for number, handler in handlers
        if type(getattr(handler, "__self__", None)).__module__.startswith("submitit.")
        and getattr(handler, "__name__", "") == _REQUEUES
    }  # fmt: skip

    def save(number: int, frame: FrameType | None) -> None:
        def leave() -> None:
            raise Preempted(lambda: before[number](number, frame))

        if not preemption.ask(leave):
            preemption.leave()

    for number in before:
        signal.signal(number, save)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
