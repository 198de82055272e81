"""Where no short run has learned, or all was learned late: the loss lies on a plateau.

Higher rates leave a plateau sooner: so nothing speaks for a low peak but harm by higher ones.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np

from glideslope.search.runs.contestant import Run
from glideslope.search.strategy.learned import CLEAR, learned_clearly
from glideslope.search.strategy.odds import LEVEL, steepness
from glideslope.search.strategy.outcomes import final_loss
from glideslope.search.strategy.rise import RISE, means_of_parts, risen
from glideslope.search.strategy.sweep import batch_noise

SLIGHT = 0.25
"""The share of what the best run gained by which another may be behind it, where they lie flat."""

TINY = 0.002
"""The share of the untrained loss by which it may be behind there, whatever was gained."""

BARELY = 0.05
"""The share of the untrained loss below which a fall is no learning: as of a bias, by the frequencies of classes."""


def lies_flat(runs: Collection[Run]) -> bool:
    """Whether none of some runs has learned, and one does no harm."""
    return not any_learned(runs) and any(map(_does_no_harm, runs))


def goes_up(runs: Collection[Run]) -> bool:
    """Whether the next of runs that differ in their peak has a larger one: they lie flat, the largest harmlessly. Of
    two, a smaller one follows where the larger ends above the other: rates that are all too large lie flat as well."""
    if not lies_flat(runs):
        return False
    smallest, largest = min(runs, key=_peak), max(runs, key=_peak)
    return _does_no_harm(largest) and (len(runs) != 2 or largest.final_loss <= smallest.final_loss)


def any_learned(runs: Collection[Run]) -> bool:
    """Whether the validation loss of a run fell by more than a twentieth; where it isn't positive, whether the training
    loss clearly fell."""
    return any(
        run.gain > BARELY * run.untrained if min(run.untrained, run.final_loss) > 0 else learned_clearly(run)
        for run in runs
    )


def best_undecided(runs: Collection[Run], noise: float) -> Run:
    """The best of runs that differ in their peak, whose losses don't decide: the largest peak that does no harm, of
    those that are behind the lowest loss by the noise; where they lie flat, by a quarter of what was gained or by 0.2%
    of the untrained loss."""
    least = min(runs, key=final_loss)
    behind = max(noise, SLIGHT * least.gain, TINY * least.untrained) if lies_flat(runs) else noise
    close = [run for run in runs if run.final_loss <= least.final_loss + behind and _does_no_harm(run)]
    return max(close, key=_peak, default=least)


def learned_late(full: Run, short: Run) -> bool:
    """Whether the loss fell by a larger factor after the length of a short run than within it."""
    within = min(short.final_loss / full.untrained, 1.0) if full.untrained > 0 else 0.0
    return 0 < full.final_loss < within * short.final_loss < math.inf


def ends_in_a_fall(short: Run) -> bool:
    """Whether the training loss of a run fell near its end by as much as in all, and e-fold."""
    fall = steepness(short.losses) - LEVEL
    return short.final_loss > 0 and fall > max(math.log(max(short.untrained / short.final_loss, 1.0)), 1.0)


def _does_no_harm(run: Run) -> bool:
    """Whether the validation loss ended no more than a twentieth above the untrained one, where that is positive, and
    the training loss never rose by over a quarter, beyond its noise."""
    if not run.final_loss <= run.untrained + BARELY * max(run.untrained, 0.0):
        return False
    means = means_of_parts(run.losses)
    rises = means - np.minimum.accumulate(means)
    error = batch_noise([run.losses]) * math.sqrt(2 / (len(run.losses) // len(means)))
    return risen(run.losses) <= RISE or float(rises.max()) <= CLEAR * error


def _peak(run: Run) -> float:
    return run.contestant.peak
