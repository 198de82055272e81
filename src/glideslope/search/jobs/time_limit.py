"""A limit on the seconds that a run of a job may take."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Protocol

from glideslope.plural import plural


class OutOfTime(BaseException):
    """A run went over its limit. It isn't an `Exception`, which a job may catch and go on."""


GRACE = 3.0
"""Seconds past the limit after which the process is ended: code that never comes back to Python hears no exception."""

_AGAIN = 1.0  # seconds between exceptions, for a job that catches them all


@contextmanager
def alarm(seconds: float, ring: Callable[[], object]) -> Iterator[None]:
    """Calls a function, which may raise, after so many seconds and then each second, by a signal to the main thread."""
    is_set = True
    before = signal.signal(signal.SIGALRM, lambda number, frame: ring() if is_set else None)
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        is_set = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def over(seconds: float) -> str:
    """Says that a run went over its limit."""
    return f"its run took longer than {plural(seconds, 'second', 'g')} (--timeout)"


class Limit(Protocol):
    """Ends a run that takes more than so many seconds."""

    seconds: float

    def run(self, what: str) -> AbstractContextManager[None]:
        """A run, of this name."""

    def at(self, call: str) -> None:
        """The call of the job that comes next, for messages."""


_limit: ContextVar[Limit | None] = ContextVar("limit", default=None)


@contextmanager
def limited(limit: Limit | None) -> Iterator[None]:
    """Sets the limit of each run of a search made within it, by this thread."""
    before = _limit.set(limit)
    try:
        yield
    finally:
        _limit.reset(before)


def seconds() -> float | None:
    """What a run may take, if a limit is set."""
    return None if (limit := _limit.get()) is None else limit.seconds


def one_run(what: str) -> AbstractContextManager[None]:
    """A run, or what is asked of a job between runs, under the limit that is set, if one is."""
    return nullcontext() if (limit := _limit.get()) is None else limit.run(what)


def at(call: str) -> None:
    """Tells the limit, if one is set, which call comes next."""
    if (limit := _limit.get()) is not None:
        limit.at(call)


def counted(step: Callable[[float], Any], what: str, first: int) -> Callable[[float], Any]:
    """The step of a job that tells the limit the number of each update; as it is where none is set."""
    if (limit := _limit.get()) is None:
        return step
    updates = first

    def counted_step(rate: float) -> Any:
        nonlocal updates
        updates += 1
        limit.at(f"step at update {updates} of {what}")
        return step(rate)

    return counted_step
