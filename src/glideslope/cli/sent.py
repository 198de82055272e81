"""`--log` and `--storage`: finished runs are sent to trackers as they come; where one fails, the search goes on.

One that can't be reached before the first run is refused: its address is wrong, or its server is down.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from glideslope.cli.output import say_line
from glideslope.errors import FrameworkError, GlideslopeError

if TYPE_CHECKING:
    from glideslope.search.progress import Progress
    from glideslope.views.trackers import Tracked, Tracker


class Sent:
    """Sends runs to trackers, to each until it fails: one by its name, and a storage of Optuna by its address. Raises a
    GlideslopeError if there is no such tracker, or its package isn't installed."""

    def __init__(self, log: str | None, storage: str | None = None) -> None:
        self._trackers: dict[str, Tracker] = {}
        self._makes: dict[str, Callable[[Path], Tracker]] = {}
        if log is not None:
            from glideslope.views.trackers import sink_of

            self._makes[f"--log {log}"] = sink_of(log)
        if storage is not None:
            from glideslope.views.trackers import study_in

            self._makes[f"--storage {storage}"] = study_in(storage)

    def open(self, folder: Path) -> None:
        """Opens the trackers of a run directory. Raises a FrameworkError if one can't be reached."""
        for option, make in self._makes.items():
            try:
                self._trackers[option] = make(folder)
            except Exception as error:  # of its library: an address that can't be read, a server that is down
                raise FrameworkError(f"{option} can't be opened: {_said(error)}") from error

    def see(self, progress: Progress) -> None:
        """Sends the run that a search has just finished, if it has."""
        if progress.run is not None and self._trackers:
            from glideslope.views.trackers import of_run

            self.send(of_run(progress.run, progress.stage))

    def send(self, run: Tracked) -> None:
        """Sends a run."""
        for option, tracker in list(self._trackers.items()):
            try:
                tracker.send(run)
            except Exception as error:  # a server that doesn't answer, a disk that is full
                say_line(f"glideslope: {option} failed, so no more runs are sent: {_said(error)}")
                del self._trackers[option]


def _said(error: Exception) -> str:
    """What an error says; one of another library by the name of its class, and its first line."""
    first = next(iter(str(error).splitlines()), "")
    return str(error) if isinstance(error, GlideslopeError) else f"{type(error).__name__}: {first}"
