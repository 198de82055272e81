"""A request, in a file of the run directory, that its search end: of any machine that sees the folder."""

from __future__ import annotations

import time
from pathlib import Path

from glideslope.documents import sealed, unsealed
from glideslope.errors import DocumentError
from glideslope.files import write_atomically
from glideslope.search.runs import preemption
from glideslope.search.storage import run_files, stored

_EVERY = 1.0  # seconds between looks for it


class StopRequest:
    """The request for one search, by its id, in its run directory."""

    def __init__(self, folder: Path, search: str) -> None:
        self._file, self._search = folder / run_files.STOP, search
        self._next = 0.0

    def make(self) -> None:
        """Asks the search to end."""
        write_atomically(self._file, sealed({"stop": self._search}))

    @property
    def is_made(self) -> bool:
        """Whether the search is asked to end."""
        try:
            return unsealed(stored.content_of(self._file) or b"") == {"stop": self._search}
        except DocumentError:
            return False

    def withdraw(self) -> None:
        """Deletes the request, where it is made."""
        if self.is_made:
            run_files.delete([self._file])

    def heed(self) -> None:
        """Ends the search by a KeyboardInterrupt where that is requested: after the next checkpoint, or at once."""
        if preemption.asked() and not preemption.is_saving():  # the run ended before its checkpoint
            preemption.leave()
        if (now := time.monotonic()) < self._next:
            return
        self._next = now + _EVERY
        if self.is_made:
            self.withdraw()
            end_after_saving()


def end_after_saving() -> None:
    """Ends a search by a KeyboardInterrupt: after the next checkpoint, in the run's thread, or at once without one."""
    if not preemption.ask(_interrupt):
        preemption.leave()


def _interrupt() -> None:
    raise KeyboardInterrupt
