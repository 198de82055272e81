"""`--timeout`: a run that takes too long is ended, whatever it does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from glideslope.errors import GlideslopeError, JobError
from glideslope.escape import visible
from glideslope.search.jobs.time_limit import GRACE, OutOfTime, alarm, limited, over


class Watch:
    """Ends a run at its limit of seconds: by an exception in the job's call, and where that has no effect by its
    watcher, a process that ends this one. `folder` is where finished runs are kept, once that is known."""

    def __init__(self, seconds: float, watcher: subprocess.Popen[bytes]) -> None:
        self.seconds = seconds
        self.folder: Path | None = None
        self._watcher = watcher

    @contextmanager
    def run(self, what: str) -> Iterator[None]:
        """A run, of this name."""
        self._tell("@", what)
        self._tell("!", self._message())
        self._tell("=", f"{self.seconds + GRACE}")
        try:
            with alarm(self.seconds, self._end):
                yield
        except OutOfTime as error:  # between two calls
            raise JobError(f"{what} failed: {error}") from None
        finally:
            self._tell("=", "0")

    def at(self, call: str) -> None:
        """The call of the job that comes next, for messages."""
        self._tell("@", f"the job's {call}")

    def _end(self) -> None:
        raise OutOfTime(self._message())

    def _message(self) -> str:
        message = over(self.seconds)
        if self.folder is not None and (self.folder / "finished").is_dir():
            message += f"; finished runs are kept: go on with --out {self.folder} --resume"
        return message

    def _tell(self, kind: str, text: str) -> None:
        with suppress(OSError):
            os.write(self._watcher.stdin.fileno(), f"{kind}{visible(text)}\n".encode())  # type: ignore[union-attr]


@contextmanager
def timeout(seconds: float | None) -> Iterator[Watch | None]:
    """Limits each run within it to so many seconds, None for no limit. Raises a GlideslopeError if it can't."""
    if seconds is None:
        yield None
        return
    if not 0 < seconds < 1e9:
        raise GlideslopeError(f"--timeout {seconds:g}: give the seconds that a run may take, above 0")
    if not hasattr(signal, "setitimer"):
        raise GlideslopeError("--timeout: this system has no interval timers; leave it out")
    command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("watcher.py")), str(os.getpid())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True) as watcher:
        watch = Watch(seconds, watcher)
        with limited(watch):
            yield watch
