"""The messages of a search about its progress."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from glideslope.search.runs.contestant import Run
from glideslope.search.runs.running import Running


@dataclass(frozen=True)
class Progress:
    """What a search is doing, passed to `watch` at every look at the loss."""

    stage: str  #: the part of the search
    what: str  #: the run within it
    done: int  #: updates made of this run
    of: int  #: updates this run will make
    loss: float  #: the last training loss
    made: int = 0  #: updates of the whole search, those of finished runs included
    bound: float = math.inf  #: the most updates that the search makes; infinite where that isn't known
    run: Run | None = None  #: the run, where it has just ended
    running: tuple[Running, ...] = ()
    """The runs that workers make, as far as they have said; `done`, `of` and `loss` aren't of one run then."""


Watch = Callable[[Progress], None]


def unwatched(progress: Progress) -> None:
    """Watches nothing."""
