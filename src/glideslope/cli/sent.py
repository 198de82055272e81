"""`--log` and `--storage`: finished runs are sent to trackers as they come; where one fails, the search goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from glideslope.cli.output import say_line

if TYPE_CHECKING:
    from glideslope.search.progress import Progress
    from glideslope.views.trackers import Tracked, Tracker


class Sent:
    """Sends runs to trackers, to each until it fails. Raises a GlideslopeError if there is no such tracker, or its
    package isn't installed.

    Args:
        log: the name of a tracker, None for none.
        storage: the address of a storage of Optuna, None for none.

    Attributes:
        folder: the run directory, once it is known.
    """

    def __init__(self, log: str | None, storage: str | None = None) -> None:
        self.folder = Path("runs")
        self._trackers: dict[str, Tracker] = {}
        self._makes: dict[str, Callable[[Path], Tracker]] = {}
        if log is not None:
            from glideslope.views.trackers import sink_of

            self._makes[f"--log {log}"] = sink_of(log)
        if storage is not None:
            from glideslope.views.trackers import study_in

            self._makes[f"--storage {storage}"] = study_in(storage)

    def see(self, progress: Progress) -> None:
        """Sends the run that a search has just finished, if it has."""
        if progress.run is not None and self._makes:
            from glideslope.views.trackers import of_run

            self.send(of_run(progress.run, progress.stage))

    def send(self, run: Tracked) -> None:
        """Sends a run."""
        for option, make in list(self._makes.items()):
            try:
                if option not in self._trackers:
                    self._trackers[option] = make(self.folder)
                self._trackers[option].send(run)
            except Exception as error:  # a server that doesn't answer, a disk that is full
                what = f"{type(error).__name__}: {error}"
                say_line(f"glideslope: {option} failed, so no more runs are sent: {what}")
                del self._makes[option]
