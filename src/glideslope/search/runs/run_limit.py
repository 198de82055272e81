"""The limit on the seconds of a run in a worker."""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from glideslope.errors import JobError
from glideslope.search.jobs.time_limit import GRACE, OutOfTime, alarm, over


class RunLimit:
    """Ends a run after so many seconds: by an exception in the job's call; where that has no effect by ending the
    process. In a thread that isn't the main one, which no signal reaches, the run is ended before its next call
    instead."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = float("inf")
        self._signals = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")

    @contextmanager
    def run(self, what: str) -> Iterator[None]:
        """A run, of this name."""
        self._end = time.monotonic() + self.seconds
        try:
            if not self._signals:
                yield
                return
            with alarm(self.seconds, self._stop), open(os.devnull, "w") as nowhere:
                faulthandler.dump_traceback_later(self.seconds + GRACE, exit=True, file=nowhere)
                try:
                    yield
                finally:
                    faulthandler.cancel_dump_traceback_later()
        except OutOfTime as error:  # between two calls
            raise JobError(f"{what} failed: {error}") from None
        finally:
            self._end = float("inf")

    def at(self, call: str) -> None:
        """The call of the job that comes next."""
        if not self._signals and time.monotonic() > self._end:
            raise OutOfTime(over(self.seconds))

    def _stop(self) -> None:
        if time.monotonic() >= self._end:
            raise OutOfTime(over(self.seconds))
