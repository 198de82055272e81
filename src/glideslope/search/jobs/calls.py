"""Calls of a job: what they raise becomes an error that names the call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from glideslope.errors import GlideslopeError, JobError
from glideslope.search.jobs.time_limit import OutOfTime, at

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_MOST = 400
"""Characters of a message that a line shows."""

FAILURES = (Exception, SystemExit, GeneratorExit, OutOfTime)
"""What a failing call raises; interrupts, and what else a caller may use to stop a search, aren't among them."""


class ProcessExit(SystemExit):
    """A job called a function of `os` that ends the process without telling Python; `call` is the call."""

    def __init__(self, call: str, code: int) -> None:
        super().__init__(code)
        self.call = call


@contextmanager
def calling(call: str, where: str) -> Iterator[None]:
    """Names the call of a job in what it raises; Glideslope's own errors, and interrupts, pass as they are.

    >>> with calling("evaluate", "before the first update"):
    ...     raise RuntimeError("no data")
    Traceback (most recent call last):
    glideslope.errors.JobError: the job's evaluate failed before the first update: RuntimeError: no data
    """
    at(f"{call} {where}")
    try:
        yield
    except GlideslopeError:
        raise
    except FAILURES as error:
        raise failed(call, where, error) from error
    except BaseException as error:
        error.add_note(f"in the job's {call} {where}")
        raise


def failed(call: str, where: str, error: BaseException) -> JobError:
    """The error of a job's call, on one line."""
    return JobError(f"the job's {call} failed {where}: {described(error)}")


def described(error: BaseException) -> str:
    """What a call raised, on one line.

    >>> described(SystemExit(0))
    'it called sys.exit(0), and a job may not end the process: let it return, or raise an error'
    """
    if isinstance(error, SystemExit):
        call = error.call if isinstance(error, ProcessExit) else one_line(f"sys.exit({error.code!r})")
        return f"it called {call}, and a job may not end the process: let it return, or raise an error"
    if isinstance(error, OutOfTime):
        return one_line(error)
    return f"{type(error).__name__}: {one_line(error)}"


def one_line(error: BaseException | str) -> str:
    """A message, or that of an error, on one line, cut where it is long."""
    try:
        message = " ".join(_COLOUR.sub("", str(error)).split())
    except Exception:  # of an error whose own text fails
        message = "without a message"
    return f"{message[:_MOST]}…" if len(message) > _MOST else message
