"""A search while it runs, on standard error: one live screen in a terminal, a line for each stage elsewhere."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from types import TracebackType

import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from glideslope.escape import visible
from glideslope.plural import plural
from glideslope.search.progress import Progress
from glideslope.views.terminal import braille

_WIDTH = 40
_MOST_LOSSES = 4000  # the losses of a run that its sparkline keeps, at most
_MOST_RUNNING = 16  # the runs on workers that the screen has lines for


class Pace:
    """How fast updates are made since the first look; remembered runs are no work, and take no time."""

    def __init__(self) -> None:
        self._made = 0
        self._began = self._seen = math.nan
        self._last: Progress | None = None

    def see(self, progress: Progress, now: float) -> None:
        """Counts the updates since the last look at the same run, or since its beginning; `now` is in seconds."""
        if progress.running:  # counted when they end
            self._seen = now
            return
        if self._last is None:
            self._began = now
        else:
            self._made += progress.done - (self._last.done if _goes_on(self._last, progress) else 0)
        self._last, self._seen = progress, now

    def left(self, updates: float) -> float:
        """The seconds that so many updates take; NaN where nothing is known.

        >>> pace = Pace()
        >>> for done, now in ((1, 10.0), (26, 12.5)):
        ...     pace.see(Progress("peaks", "cosine()", done, 100, 1.0), now)
        >>> pace.left(50)
        5.0
        """
        known = self._made and math.isfinite(updates)
        return updates * (self._seen - self._began) / self._made if known else math.nan


def _goes_on(last: Progress, now: Progress) -> bool:
    """Whether a message is of the run of the last one, and no earlier update of it."""
    return (last.stage, last.what) == (now.stage, now.what) and now.done >= last.done


class LiveScreen:
    """The stage, the run, its loss, the search and its time left, redrawn in place, where that can be shown."""

    def __init__(self, console: Console) -> None:
        self._losses: list[float] = []
        self._progress: Progress | None = None
        self.pace = Pace()
        self._live = Live(console=console, transient=True, refresh_per_second=4, get_renderable=self._screen)

    def __enter__(self) -> LiveScreen:
        with suppress(OSError):
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._live.stop()

    def __call__(self, progress: Progress) -> None:
        if self._progress is None or not _goes_on(self._progress, progress):
            self._losses = []
        self.pace.see(progress, time.monotonic())
        self._losses = [*self._losses[-_MOST_LOSSES:], progress.loss]
        self._progress = progress

    def _screen(self) -> Group:
        return Group() if self._progress is None else drawn(self._progress, self._losses, self.pace)


def drawn(progress: Progress, losses: list[float], pace: Pace) -> Group:
    """The screen: the stage and the run, its loss, and the search."""
    table = Table.grid(padding=(0, 1))
    stage = Text(visible(progress.stage), style="bold")
    for note in progress.running[:_MOST_RUNNING]:
        where = Text(visible(f"{note.what} on {note.host}"))
        table.add_row(stage, where, Text(f"{note.done:,} of {plural(note.of, 'update', ',')}, {note.loss:.4g}"))
        stage = Text("")
    if len(progress.running) > _MOST_RUNNING:
        table.add_row("", Text(f"and {len(progress.running) - _MOST_RUNNING} more"), "")
    if not progress.running:
        table.add_row(
            stage, Text(visible(progress.what)), Text(f"{progress.done:,} of {plural(progress.of, 'update', ',')}")
        )
        table.add_row("loss", Text(sparkline(losses), style="cyan"), Text(f"{progress.loss:.4g}"))
    if math.isfinite(progress.bound):
        share = ProgressBar(total=progress.bound, completed=progress.made, width=_WIDTH)
        left = time_text(pace.left(progress.bound - progress.made))
        updates = f"{progress.made:,} of at most {progress.bound:,.0f} updates{left and f', at most {left} left'}"
        table.add_row("search", share, Text(updates))
    return Group(table)


def sparkline(losses: list[float], width: int = _WIDTH) -> str:
    """The finite losses of a run as a row of dots, the least at the bottom.

    >>> len(sparkline([3.0, 2.0, 1.0], 10))
    10
    """
    finite = np.array([loss for loss in losses if math.isfinite(loss)])
    if len(finite) < 2:
        return " " * width
    drawn = braille(np.arange(len(finite)), finite, width, 1, float(finite.min()), float(finite.max()))
    return "".join(drawn[0])


def time_text(seconds: float) -> str:
    """A time in words, two digits at most; nothing where it isn't known.

    >>> time_text(0.2), time_text(75), time_text(9000)
    ('1 s', '1.2 min', '2.5 h')
    """
    if math.isnan(seconds):
        return ""
    unit, size = next((pair for pair in (("h", 3600.0), ("min", 60.0)) if seconds >= pair[1]), ("s", 1.0))
    return f"{max(seconds / size, 1.0):.2g} {unit}" if seconds / size < 100 else f"{seconds / size:.0f} {unit}"


class StageLines:
    """A line on standard error for each stage that has ended, where that is no terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: Progress | None = None
        self._runs = 0

    def __enter__(self) -> StageLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._say()

    def __call__(self, progress: Progress) -> None:
        if self._last is not None and self._last.stage != progress.stage and not progress.running:
            self._say()
            self._runs = 0
        if progress.running:
            return
        self._runs += self._last is None or not self._runs or not _goes_on(self._last, progress)
        self._last = progress

    def _say(self) -> None:
        if self._last is None:
            return
        stage, runs = visible(self._last.stage), self._runs
        bound = f" of at most {self._last.bound:,.0f}" if math.isfinite(self._last.bound) else ""
        line = f"{stage}: {plural(runs, 'run')} done, {self._last.made:,}{bound} updates"
        with suppress(OSError, ValueError):  # a job may have closed it
            self._console.print(Text(line), soft_wrap=True)


def shown_progress() -> LiveScreen | StageLines:
    """The display of a search on standard error."""
    console = Console(stderr=True)
    return LiveScreen(console) if console.is_terminal else StageLines(console)
