"""A trial: what a run is of, as a value that can be sent to where the run is made."""

from __future__ import annotations

import math
from dataclasses import dataclass

from glideslope.search.runs import labels
from glideslope.search.runs.backoff import ShortEnd
from glideslope.search.runs.contestant import Contestant


@dataclass(frozen=True)
class Trial:
    """A complete run of a job from its initial state.

    >>> import glideslope as gs
    >>> Trial(Contestant(gs.linear(), 0.1), 100, seed=0).key
    'linear() at 0.1 over 100, seed 0, 1 evaluations'
    """

    contestant: Contestant  # the schedule and its peak rate
    steps: int  # the horizon
    seed: int  # of the job
    evaluations: int = 1  # how often to measure the validation loss, evenly spread, the last at the end
    share: float = math.inf  # what an evaluation may cost, as a part of the run; a job with `estimate` keeps to it
    order: int = 0  # of the data: 0 is the seed's own, another tells how much a loss depends on the order
    backs_off: bool = False  # whether the rate is capped where the training loss rises
    short: ShortEnd | None = None  # beside which a run that backs off is given up where it learns noise

    @property
    def is_estimated(self) -> bool:
        """Whether its evaluations may be estimates."""
        return math.isfinite(self.share)

    @property
    def key(self) -> str:
        """What a memory knows the run by."""
        key = f"{self.contestant} over {self.steps}, seed {self.seed}, {self.evaluations} evaluations"
        key += f" of {self.share:g}" if self.is_estimated else ""
        key += f", data order {self.order}" if self.order else ""
        key += ", backing off" if self.backs_off else ""
        if self.backs_off and self.short is not None:  # by which it may end early
            key += f" beside {self.short.training:.9g}, {self.short.validation:.9g}"
        if not labels.has_text(self.contestant.schedule):
            key += f", {labels.key(self.contestant.schedule)}"
        return key
