"""Calls of another library, and the batches of a loader: what they raise becomes an error that names them."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from glideslope.errors import GlideslopeError, JobError
from glideslope.search.jobs.calls import described


class PreparedError(Exception):
    """A training is prepared: its trainer goes no further."""


@contextmanager
def naming(call: str) -> Iterator[None]:
    """Names a call, and the function in which it failed, in an error that it raises; Glideslope's own, and interrupts,
    pass as they are.

    >>> with naming("the Trainer's fit"):
    ...     {}["optimizer"]
    Traceback (most recent call last):
    glideslope.errors.JobError: the Trainer's fit failed in <module>: KeyError: 'optimizer'
    """
    try:
        yield
    except GlideslopeError:
        raise
    except Exception as error:
        raise named(call, error) from error


def named(call: str, error: Exception) -> JobError:
    """The error that names a call, and the function in which it failed."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    function = frame.f_code.co_qualname.partition(".<locals>")[0]
    return JobError(f"{call} failed in {function}: {_of_worker(str(error)) or described(error)}")


def _of_worker(message: str) -> str | None:
    """The last lines of what torch tells of an error in a worker of a loader; None for another error."""
    lines = [line.strip() for line in message.splitlines() if line.strip(" ^~")]
    files = [line for line in lines if line.startswith("File ")]
    return f"{lines[-1]} ({files[-1]})" if "DataLoader worker" in message and files else None


def drawn(loader: Iterable[Any], name: str) -> Iterator[Any]:
    """The batches of a loader. Raises a JobError with its name if it fails, or gives none."""
    batches = 0
    with naming(f"the {name} loader"):
        for batches, batch in enumerate(loader, 1):  # noqa: B007
            yield batch
    if not batches:
        raise JobError(f"the {name} loader is empty: it gave no batch")
