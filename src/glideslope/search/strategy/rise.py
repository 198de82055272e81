"""How far a training loss rises on its way, and whether it rises to where it began: the marks of a peak that is too
large for the length of the run."""

from __future__ import annotations

import math

import numpy as np

from glideslope.search.runs.backoff import CLEAR
from glideslope.search.strategy.sweep import batch_noise

RISE = 1.25
"""The rise above which a full run is followed by one at a lower peak, and not at a higher one."""

BLOW_UP = 2.0
"""The rise above which the peak is far too large."""

PARTS = 24
"""The parts of a run whose mean losses are compared, so that the noise of batches is no rise."""


def risen(losses: np.ndarray) -> float:
    """The largest ratio of a training loss, shape (updates,), to the least before it, of means over parts of the run; 1
    where it never rises, infinite where one isn't finite. Losses that aren't positive have no ratio: 1.

    >>> risen(np.array([4.0, 1.0, 2.0, 0.5])), risen(np.array([4.0, 2.0, 1.0]))
    (2.0, 1.0)
    """
    if len(losses) < 2:
        return 1.0
    if not np.isfinite(losses).all():
        return math.inf
    means = means_of_parts(losses)
    least = np.minimum.accumulate(means)
    return float((means / least).max()) if least[-1] > 0 and math.isfinite(means.sum()) else 1.0


def undone(losses: np.ndarray) -> bool:
    """Whether a training loss, shape (updates,), rises to where it began after it has clearly fallen, of means over
    parts of the run, and that by a ratio which is no rise: as on a high level, or of losses that aren't positive.

    >>> undone(np.repeat([9.0, 8.0, 9.5, 7.0], 30)), undone(np.repeat([9.0, 8.0, 8.5, 7.0], 30))
    (True, False)
    """
    if len(losses) < 2 * PARTS or risen(losses) > RISE:
        return False
    means = means_of_parts(losses)
    clear = CLEAR * batch_noise([losses]) * math.sqrt(2 * PARTS / len(losses))
    return bool(((means >= means[0]) & (means[0] - np.minimum.accumulate(means) > clear)).any())


def means_of_parts(losses: np.ndarray) -> np.ndarray:
    """The means of the parts of a run, shape (parts,)."""
    return np.array([part.mean() for part in np.array_split(losses, min(PARTS, len(losses)))])
