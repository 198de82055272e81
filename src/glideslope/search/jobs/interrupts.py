"""Interrupts of the terminal are for the process that a user started, not for those that it starts."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker


@contextmanager
def held_back() -> Iterator[None]:
    """Within it, a process that this thread starts gets no interrupt until it calls `ignore`: it may still import."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
    else:
        resource_tracker.ensure_running()  # where it starts later, it lets interrupts through again
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore() -> None:
    """Ignores interrupts in this process, those held back too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
