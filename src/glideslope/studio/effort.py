"""How finely the schedules of a page are computed, so that an answer comes within about a second."""

from __future__ import annotations

import numpy as np

from glideslope.schedules import Schedule
from glideslope.schedules.sampling import sampled

FINE_PARTS = 120
"""The parts of all schedules of a page up to which each is taken where it turns; of more, at updates taken evenly."""
MOST_PARTS = 2_500  # the parts that are computed at all
COARSE = 2_049  # updates of a schedule, when there are so many parts


def parts(schedule: Schedule) -> int:
    """The schedules that a schedule is made of, itself among them: what computing it costs.

    >>> import glideslope as gs
    >>> parts(gs.parse("constant")), parts(gs.parse("warmup(5%) >> cosine"))
    (2, 5)
    """
    count, left = 0, [schedule]
    while left:
        count += 1
        left += left.pop().children()
    return count


def places(schedule: Schedule, steps: int, fine: bool) -> np.ndarray:
    """The updates, shape (n,), at which a schedule is drawn: where it turns if there is time (`fine`), else evenly."""
    if fine:
        return sampled(schedule, steps)[0]
    return np.unique(np.linspace(0, steps - 1, min(COARSE, steps)).astype(np.int64))
