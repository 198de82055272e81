"""`--log`: finished runs are sent to a tracker as they come; where it fails, the search goes on without it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from glideslope.cli.output import say_line

if TYPE_CHECKING:
    from glideslope.search.progress import Progress
    from glideslope.views.trackers import Tracked, Tracker


class Sent:
    """Sends runs to a tracker, until it fails.

    Args:
        name: of the tracker, None for none.

    Attributes:
        folder: the run directory, once it is known.

    Raises:
        GlideslopeError: there is no such tracker, or its package isn't installed.
    """

    def __init__(self, name: str | None) -> None:
        self.folder = Path("runs")
        self._name = name
        self._tracker: Tracker | None = None
        if name is not None:
            from glideslope.views.trackers import sink_of

            self._make = sink_of(name)

    def see(self, progress: Progress) -> None:
        """Sends the run that a search has just finished, if it has."""
        if progress.run is not None and self._name is not None:
            from glideslope.views.trackers import of_run

            self.send(of_run(progress.run, progress.stage))

    def send(self, run: Tracked) -> None:
        """Sends a run."""
        if self._name is None:
            return
        try:
            self._tracker = self._tracker or self._make(self.folder)
            self._tracker.send(run)
        except Exception as error:  # a server that doesn't answer, a disk that is full
            what = f"{type(error).__name__}: {error}"
            say_line(f"glideslope: --log {self._name} failed, so no more runs are sent: {what}")
            self._name = None
