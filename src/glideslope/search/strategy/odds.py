"""How sure a search is: an interval for the loss of its full run, and how often its peak is near the best.

Measured by `benchmarks/search/odds.py`, which plays the search on the trainings of `benchmarks/search/jobs`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from glideslope.search.runs.contestant import Run

LEVEL = 0.2
"""The steepness of a training loss that doesn't fall any more."""

FINISHED = 0.1
"""The unfinished part of a training loss that doesn't fall any more."""

BOUNDS = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0)
"""Of searches, in full runs."""

FALLS = ((-15.5, -0.018), (-12.8, -0.013), (-6.52, 0.119), (-6.5, -0.007), (-7.04, -0.009), (-7.04, -0.009))
"""For each bound, between what the logarithm of the best full run's loss over the best short run's lies, over the
`steepness` of the short one, in nine of ten trainings whose losses are positive."""

GAINS = ((0.013, 48.1), (0.021, 47.7), (-0.026, 6.94), (0.009, 6.30), (0.01, 8.13), (0.01, 8.13))
"""For each bound, between what lies by how much more the best full run gains, the untrained loss less the final one,
than the best short run, over that one's `unfinished` part, whatever the losses' sign."""

NEAR = (0.57, 0.58, 0.65, 0.8, 0.87, 0.89)
"""For each bound, in what part of the trainings no other peak ends lower by more than a hundredth, of the loss or of
what is gained, the larger."""


def interval(short: Run, bound: float) -> tuple[float, float]:
    """Between what the best full run ends in nine of ten trainings, by the best short run and the bound of the search,
    in full runs."""
    loss, untrained = short.final_loss, short.untrained
    if min(loss, untrained) > 0:
        low, high = (loss * math.exp(fall * steepness(short.losses)) for fall in _pair(bound, FALLS))
        high = min(high, untrained)
    else:
        gained, more = untrained - loss, unfinished(short.losses)
        low, high = (loss - gain * more * gained for gain in reversed(_pair(bound, GAINS)))
    return min(low, high), max(low, high)  # a short run may have ended above the untrained loss


def steepness(losses: np.ndarray) -> float:
    """How fast the training loss of a run, shape (updates,), still falls near its end: the logarithm of its mean from
    six to eight tenths of the run over that of the last tenth, and 0.2; 0.2 where it doesn't fall, or isn't positive.

    >>> round(steepness(np.geomspace(1.0, 0.1, 100)), 2), steepness(np.ones(100))
    (0.79, 0.2)
    """
    _, before, end = _levels(losses)
    return LEVEL + (math.log(before / end) if 0 < end < before < math.inf else 0.0)


def unfinished(losses: np.ndarray) -> float:
    """What part of its fall the training loss of a run, shape (updates,), still makes near its end: the fall from the
    mean of six to eight tenths of the run to that of the last tenth, over that from the mean of the first tenth, and
    0.1; 1.1 where it doesn't fall.

    >>> round(unfinished(np.linspace(1.0, 0.0, 100)), 2), round(unfinished(np.geomspace(1.0, 1e-6, 100)), 2)
    (0.38, 0.1)
    """
    first, before, end = _levels(losses)
    fall = first - end
    return FINISHED + (float(np.clip((before - end) / fall, 0.0, 1.0)) if 0 < fall < math.inf else 1.0)


def _levels(losses: np.ndarray) -> tuple[float, float, float]:
    """The means of a run's first tenth, of six to eight tenths of it, and of its last; NaN of under ten losses."""
    parts = np.array_split(losses, 10)
    if len(losses) < len(parts):
        return math.nan, math.nan, math.nan
    return float(parts[0].mean()), float(np.concatenate(parts[6:8]).mean()), float(parts[9].mean())


def near(bound: float) -> float:
    """How often no other peak ends lower by more than a hundredth, after a search within a bound of full runs.

    >>> near(0.5)
    0.58
    """
    return _at(bound, NEAR)


def _pair(bound: float, pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    low, high = (_at(bound, ends) for ends in zip(*pairs, strict=True))
    return low, high


def _at(bound: float, values: Sequence[float]) -> float:
    return float(np.interp(math.log(bound), np.log(BOUNDS), values))
