"""The messages of a search about its progress."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from glideslope.search.runs.contestant import Run
from glideslope.search.runs.running import Running


@dataclass(frozen=True)
class Progress:
    """What a search is doing, passed to `watch` at every look at the loss.

    Attributes:
        stage: the part of the search.
        what: the run within it.
        done: updates made of this run.
        of: updates this run will make.
        loss: the last training loss.
        made: updates of the whole search, those of finished runs included.
        bound: the most updates that the search makes; infinite where that isn't known.
        run: the run, where it has just ended.
        running: the runs that workers make, as far as they have said; `done`, `of` and `loss` aren't of one run then.
    """

    stage: str
    what: str
    done: int
    of: int
    loss: float
    made: int = 0
    bound: float = math.inf
    run: Run | None = None
    running: tuple[Running, ...] = ()


Watch = Callable[[Progress], None]


def unwatched(progress: Progress) -> None:
    """Watches nothing."""
