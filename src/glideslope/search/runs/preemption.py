"""A process that shall leave: its run is checkpointed first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_lock = threading.RLock()  # a signal is handled in the thread that holds it
_saving = 0
_leave: Callable[[], object] | None = None


def ask(leave: Callable[[], object]) -> bool:
    """Asks the runs that are checkpointed to save after their current update, and then to call `leave`, which ends the
    process or raises, in their thread. Returns whether there is such a run; if not, the caller leaves at once."""
    global _leave
    with _lock:
        _leave = leave
        return _saving > 0


def asked() -> bool:
    """Whether the process shall leave."""
    return _leave is not None


def leave() -> None:
    """Leaves, once for each time that it was asked."""
    global _leave
    with _lock:
        call, _leave = _leave, None
    if call is not None:
        call()


def is_saving() -> bool:
    """Whether there is a run that is checkpointed."""
    return _saving > 0


@contextmanager
def saving() -> Iterator[None]:
    """A run that is checkpointed, so that it can be asked to leave."""
    global _saving
    with _lock:
        _saving += 1
    try:
        yield
    finally:
        with _lock:
            _saving -= 1
