"""The output of the commands: the one way to standard output and standard error.

While a job is loaded, standard output is lent to standard error: what the job prints, in Python or C, in threads and
children and at exit, isn't part of the result, which goes where standard output went before.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from glideslope.errors import FileError, reason
from glideslope.escape import lines, visible
from glideslope.warning import print_as_lines

_lent: tuple[TextIO, int, TextIO, TextIO] | None = None
"""While standard output is lent: the stream that it was, a descriptor of the same, the stream for results, and the
job's, which it may close."""


class Unread(Exception):  # noqa: N818  (no error: `| head` has read enough)
    """Nobody reads standard output any more."""


def put(text: str, end: str = "\n") -> None:
    """Writes a part of the result on standard output. Raises a FileError, or Unread where nobody reads it any more."""
    stream = sys.stdout if _lent is None else _lent[2]
    if stream is None:
        raise FileError("standard output is closed: nothing can be printed there")
    try:
        stream.write(text + end)
        stream.flush()
    except BrokenPipeError:
        raise Unread from None
    except (OSError, ValueError) as error:
        raise FileError(f"standard output can't be written: {reason(error)}") from error


def line(text: str) -> None:
    """Writes one line on standard output, what can't be seen as its escape."""
    put(visible(text))


def draw(*parts: Any) -> None:
    """Writes tables, pictures, and lines of text, which are shown as they stand, on standard output."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=sys.stdout if _lent is None else _lent[2])
    with console.capture() as drawn:
        for part in parts:
            console.print(
                Text(visible(part)) if isinstance(part, str) else part, soft_wrap=isinstance(part, str | Text)
            )
    put(drawn.get(), end="")


def answer(lead: str, table: Any, warnings: Iterable[str] = (), terms: Iterable[str] = ()) -> None:
    """Writes what a law says first, then a table, and a line for each number of it; warnings on standard error."""
    from glideslope.views.answer import first, glossary

    draw(first(lead), "", table, *(glossary(terms) if terms else ()))
    for warning in warnings:
        say_line(f"Careful: {warning}.")


@contextmanager
def warned() -> Iterator[list[str]]:
    """What is warned of within, each once, for `answer` to say; it is known afterwards."""
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield said
    said += dict.fromkeys(str(warning.message) for warning in caught)


def say(text: str) -> None:
    """Writes lines on standard error, if it can be written."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(lines(text) + "\n")
        sys.stderr.flush()


def say_line(text: str) -> None:
    """Writes one line on standard error."""
    say(visible(text))


def prepare() -> None:
    """Sets the process up: every standard descriptor is open, and every character and warning can be shown."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < 3:
        os.set_inheritable(descriptor, True)  # in place of one that the caller closed, which a file would get
    os.close(descriptor)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  (for as long as the process lives)
    print_as_lines()


def lend() -> None:
    """Makes standard output go to standard error, for a job, until `take_back`."""
    global _lent
    if _lent is not None or sys.stdout is None:
        return
    before = sys.stdout
    with suppress(OSError):
        before.flush()
    descriptor = os.dup(1)
    results = before
    with suppress(AttributeError, OSError, ValueError):  # a notebook's, or a test's, has no descriptor
        if before.fileno() == 1:
            results = os.fdopen(
                os.dup(1), "w", encoding=before.encoding, errors=before.errors, newline=""
            )  # not inherited by children, who may live on
    jobs = sys.stderr
    with suppress(AttributeError, OSError, ValueError):
        if jobs.fileno() == 2:
            jobs = os.fdopen(os.dup(2), "w", buffering=1, encoding=jobs.encoding, errors=jobs.errors, newline="")
    with suppress(OSError):
        os.dup2(2, 1)
    _lent, sys.stdout = (before, descriptor, results, jobs), jobs


def is_lent() -> bool:
    """Whether a job has standard output, or had it in this command."""
    return _lent is not None


def take_back() -> None:
    """Makes standard output what it was before `lend`."""
    global _lent
    if _lent is None:
        return
    before, descriptor, results, jobs = _lent
    with suppress(OSError, ValueError):
        before.flush()  # what the job wrote to the stream itself
    os.dup2(descriptor, 1)
    os.close(descriptor)
    if results is not before:
        _discard(results)
        results.close()
    if jobs is not sys.stderr:
        with suppress(OSError, ValueError):  # it may be closed, or detached
            jobs.close()
    _lent, sys.stdout = None, before


def finish() -> None:
    """Makes sure that the end of the process writes nothing that can fail."""
    for stream in (sys.stdout, sys.stderr, *(() if _lent is None else (_lent[0], *_lent[2:]))):
        _discard(stream)


def _discard(stream: Any) -> None:
    """Writes what a stream holds back, and where that fails drops it."""
    with suppress(AttributeError, ValueError):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
