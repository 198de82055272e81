"""Calls of a job: what they raise becomes an error that names the call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from glideslope.errors import GlideslopeError, JobError

_MOST = 400
"""Characters of a message that a line shows."""


@contextmanager
def calling(call: str, where: str) -> Iterator[None]:
    """Names the call of a job in what it raises; Glideslope's own errors, and interrupts, pass as they are.

    >>> with calling("evaluate", "before the first update"):
    ...     raise RuntimeError("no data")
    Traceback (most recent call last):
    glideslope.errors.JobError: the job's evaluate failed before the first update: RuntimeError: no data
    """
    try:
        yield
    except GlideslopeError:
        raise
    except Exception as error:
        raise failed(call, where, error) from error


def failed(call: str, where: str, error: Exception) -> JobError:
    """The error of a job's call, on one line."""
    return JobError(f"the job's {call} failed {where}: {type(error).__name__}: {one_line(error)}")


def one_line(error: BaseException) -> str:
    """The message of an error on one line, cut where it is long."""
    message = " ".join(str(error).split())
    return f"{message[:_MOST]}…" if len(message) > _MOST else message
