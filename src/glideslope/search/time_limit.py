"""A limit on the seconds that a run of a job may take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol


class OutOfTime(BaseException):
    """A run went over its limit. It isn't an `Exception`, which a job may catch and go on."""


class Limit(Protocol):
    """Ends a run that takes too long."""

    def run(self, what: str) -> AbstractContextManager[None]:
        """A run, of this name."""
        ...

    def at(self, call: str) -> None:
        """The call of the job that comes next, for messages."""
        ...


_limit: Limit | None = None


@contextmanager
def limited(limit: Limit | None) -> Iterator[None]:
    """Sets the limit of each run of a search made within it."""
    global _limit
    before, _limit = _limit, limit
    try:
        yield
    finally:
        _limit = before


def one_run(what: str) -> AbstractContextManager[None]:
    """A run, or what is asked of a job between runs, under the limit that is set, if one is."""
    return nullcontext() if _limit is None else _limit.run(what)


def at(call: str) -> None:
    """Tells the limit, if one is set, which call comes next."""
    if _limit is not None:
        _limit.at(call)


def counted(step: Callable[[float], Any], what: str, first: int) -> Callable[[float], Any]:
    """The step of a job that tells the limit the number of each update; as it is where none is set."""
    if _limit is None:
        return step
    limit, made = _limit, first

    def told(rate: float) -> Any:
        nonlocal made
        made += 1
        limit.at(f"step at update {made} of {what}")
        return step(rate)

    return told
