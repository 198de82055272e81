"""How sure a search is: an interval for the loss of its full run, and how often its peak is near the best.

Measured by `benchmarks/search/odds.py`, which plays the search on the trainings of `benchmarks/search/jobs`.
"""

from __future__ import annotations

import math

import numpy as np

SHARES = (0.083, 0.1, 0.2, 0.4, 0.8, 1.0)
"""The length of the short runs, over that of the full run."""

RATIOS = ((0.044, 0.990), (0.061, 0.990), (0.070, 1.0), (0.147, 1.019), (0.511, 1.010), (1.0, 1.0))
"""For each share, between what the loss of the full run is, over that of the best short run, in nine of ten trainings
whose losses are positive; a short run that is as long is the full run."""

GAINS = ((1.027, 11.2), (1.005, 8.69), (1.001, 3.39), (0.996, 1.60), (0.999, 1.12), (1.0, 1.0))
"""The same of what is gained, the untrained loss less the final one, whatever the losses' sign."""

NEAR = (0.42, 0.44, 0.57, 0.74, 0.85, 0.9)
"""For each share, in what part of the trainings no other peak ends lower by more than a hundredth, of the loss or of
what is gained, the larger."""


def interval(loss: float, untrained: float, share: float) -> tuple[float, float]:
    """Between what the full run ends in nine of ten trainings.

    Args:
        loss: the best of the short runs.
        untrained: before any update.
        share: the length of the short runs, over that of the full run.

    >>> tuple(round(end, 3) for end in interval(1.0, 2.0, 0.4)), tuple(round(end, 3) for end in interval(-1, 0, 0.4))
    ((0.147, 1.019), (-1.6, -0.996))
    """
    if min(loss, untrained) > 0:
        low, high = (_at(share, [pair[i] for pair in RATIOS]) * loss for i in (0, 1))
    else:
        least, most = (_at(share, [pair[i] for pair in GAINS]) for i in (0, 1))
        low, high = untrained - most * (untrained - loss), untrained - least * (untrained - loss)
    return low, high


def near(share: float) -> float:
    """How often no other peak ends lower by more than a hundredth.

    >>> near(0.4)
    0.74
    """
    return _at(share, NEAR)


def _at(share: float, values: list[float] | tuple[float, ...]) -> float:
    return float(np.interp(math.log(share), np.log(SHARES), values))
