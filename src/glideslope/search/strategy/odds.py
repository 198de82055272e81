"""How sure a search is: an interval for the loss of its full run, and how often its peak is near the best.

Measured by `benchmarks/search/odds.py`, which plays the search on the trainings of `benchmarks/search/jobs`.
"""

from __future__ import annotations

import math

import numpy as np

BOUNDS = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0)
"""Of searches, in full runs."""

RATIOS = ((0.036, 0.996), (0.075, 0.989), (0.047, 0.998), (0.037, 0.997), (0.025, 0.995), (0.025, 0.995))
"""For each bound, between what the loss of the best full run is, over that of the best short run, in nine of ten
trainings whose losses are positive."""

GAINS = ((1.004, 9.37), (1.006, 26.4), (1.002, 3.61), (1.005, 3.87), (1.005, 3.87), (1.005, 3.87))
"""The same of what is gained, the untrained loss less the final one, whatever the losses' sign."""

NEAR = (0.41, 0.53, 0.65, 0.81, 0.89, 0.93)
"""For each bound, in what part of the trainings no other peak ends lower by more than a hundredth, of the loss or of
what is gained, the larger."""


def interval(loss: float, untrained: float, bound: float) -> tuple[float, float]:
    """Between what the best full run ends in nine of ten trainings.

    Args:
        loss: the best of the short runs.
        untrained: before any update.
        bound: of the search, in full runs.

    >>> tuple(round(end, 3) for end in interval(1.0, 2.0, 0.5)), tuple(round(end, 3) for end in interval(-1, 0, 0.5))
    ((0.075, 0.989), (-26.4, -1.006))
    """
    if min(loss, untrained) > 0:
        low, high = (_at(bound, [pair[i] for pair in RATIOS]) * loss for i in (0, 1))
    else:
        least, most = (_at(bound, [pair[i] for pair in GAINS]) for i in (0, 1))
        low, high = untrained - most * (untrained - loss), untrained - least * (untrained - loss)
    return low, high


def near(bound: float) -> float:
    """How often no other peak ends lower by more than a hundredth, after a search within a bound of full runs.

    >>> near(0.5)
    0.53
    """
    return _at(bound, NEAR)


def _at(bound: float, values: list[float] | tuple[float, ...]) -> float:
    return float(np.interp(math.log(bound), np.log(BOUNDS), values))
