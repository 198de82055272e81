"""What a search says of itself as it goes on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from glideslope.search.contestant import Run


@dataclass(frozen=True)
class Progress:
    """What a search is doing, told at every look at the loss.

    Attributes:
        stage: the part of the search.
        what: the run within it.
        done: updates made of this run.
        of: updates this run will make.
        loss: the last training loss.
        made: updates of the whole search, those of finished runs included.
        bound: the most updates that the search makes; infinite where that isn't known.
        run: the run, where it has just ended.
    """

    stage: str
    what: str
    done: int
    of: int
    loss: float
    made: int = 0
    bound: float = math.inf
    run: Run | None = None


Watch = Callable[[Progress], None]


def unwatched(progress: Progress) -> None:
    """Watches nothing."""
