"""Calls of a job: what they raise becomes an error that names the call."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from glideslope.errors import GlideslopeError, JobError
from glideslope.search.jobs.time_limit import OutOfTime, at

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_MOST = 400  # characters of a message that a line shows
_LIBRARIES = ("<", sysconfig.get_path("stdlib"), f"{Path(__file__).parents[2]}{os.sep}")  # besides site-packages

FAILURES = (Exception, SystemExit, GeneratorExit, OutOfTime)
"""What a failing call raises; interrupts, and what else a caller may use to stop a search, aren't among them."""


class ProcessExit(SystemExit):
    """A job called a function of `os` that ends the process without telling Python; `call` is the call."""

    def __init__(self, call: str, code: int) -> None:
        super().__init__(code)
        self.call = call


@contextmanager
def calling(call: str, where: str) -> Iterator[None]:
    """Names the call of a job in what it raises; Glideslope's own errors, and interrupts, pass as they are. A child
    that the call forked ends with it.

    >>> with calling("evaluate", "before the first update"):
    ...     raise RuntimeError("no data")
    Traceback (most recent call last):
    glideslope.errors.JobError: the job's evaluate failed before the first update: RuntimeError: no data
    """
    at(f"{call} {where}")
    process = os.getpid()
    try:
        yield
    except BaseException as error:
        reraise(call, where, error)
    finally:
        end_child(process, f"the job's {call} {where}")


def reraise(call: str, where: str, error: BaseException) -> NoReturn:
    """Raises what a call of a job raised, as an error that names the call."""
    if isinstance(error, FAILURES) and not isinstance(error, GlideslopeError):
        raise failed(call, where, error) from error
    if not isinstance(error, GlideslopeError):
        error.add_note(f"in the job's {call} {where}")
    raise error


def end_child(process: int, call: str) -> None:
    """Ends this process where it isn't the one that a call of the job began in, but a child that the call forked: the
    search goes on in the parent alone. Its status is that of `sys.exit`, else 1 after an error, and 2."""
    if os.getpid() == process:
        return
    error = sys.exception()
    error = error if error is None else error.__cause__ or error
    status = error.code if isinstance(error, SystemExit) else 2 if error is None else 1
    if not isinstance(error, SystemExit):
        what = "came back: it ends here, and needs an os._exit()" if error is None else f"failed: {described(error)}"
        os.write(2, f"glideslope: a child that {call} forked {what}\n".encode(errors="backslashreplace"))
    os._exit(status if isinstance(status, int) else status is not None)


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
    return ": ".join(filter(None, (type(error).__name__, one_line(error)))) + _place(error)


def _place(error: BaseException) -> str:
    """The last line of the user's own code that was running, such as ` (train.py, line 12)`; empty if there is none."""
    lines = [f" ({Path(file).name}, line {line})" for frame, line in traceback.walk_tb(error.__traceback__)
             if "-packages" not in (file := frame.f_code.co_filename) and not file.startswith(_LIBRARIES)]  # fmt: skip
    return lines[-1] if lines else ""


def one_line(error: BaseException | str) -> str:
    """A message, or that of an error, on one line, cut where it is long."""
    try:
        message = " ".join(_COLOUR.sub("", str(error)).split())
    except Exception:  # of an error whose own text fails
        message = "without a message"
    return f"{message[:_MOST]}…" if len(message) > _MOST else message
