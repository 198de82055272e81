"""The best peak rate by a few complete runs of equal length: what to run next, and what the runs say.

Everything here is a function of the losses so far, and depends neither on their zero nor on their unit. Benchmarks of
searches (`benchmarks/search`) chose the plan: on their trainings, few long runs told more of the full run than many
short ones, than rounds of rising length, and than a Gaussian process over both with a prior from other trainings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

RUNS = 4
"""How many runs the search is planned for."""

FEWEST = 3
"""Runs that show whether the best peak lies between two others."""

LEAST_SHARE = 0.1
"""The part of a full run that a run must be for there to be more than the fewest."""

TELLING, LEAST = 70, 2
"""The updates below which a run tells so little of the full one that fewer runs are better, down to so many."""

STEP = 4.0
"""The factor between neighbouring peaks of short runs."""

PROPORTIONAL = 0.7
"""The share of a gain in proportion to the peak from which on a rate does little: it is far below the best. A gain
above that by as much is no sign of it, but the end of a plateau."""

_AHEAD = 3
"""How many runs ahead are considered."""

CLOSE = 1.3
"""The factor within which two peaks are taken for one."""

DRIFT = 0.2
"""How fast the best peak falls as the run gets longer: with the length to the power -0.2."""


def plan(budget: int, steps: int, shortest: int, others: int = 0) -> tuple[int, int]:
    """How many runs, and their length, of a budget of updates that pays for `others` of the same length besides.

    Four, or as many as leave each a tenth of the `steps` of the full run, and three at least; but fewer, down to two or
    as many as the others, where they would have fewer than 70 updates each. None is longer than the full run, or has
    fewer updates than the `shortest`.

    >>> plan(1000, 1000, 10, others=1), plan(250, 1000, 10), plan(150, 300, 10)
    ((4, 200), (3, 83), (2, 75))
    """
    number = min(max(int(budget / (LEAST_SHARE * steps)) - others, FEWEST), RUNS) + others
    number = min(number, max(budget // TELLING, max(LEAST, others) + others))
    length = min(max(budget // number, shortest), steps)
    return budget // length - others, length


def next_peak(losses: Mapping[float, float], untrained: float, start: float, step: float = STEP) -> float | None:
    """The peak of the next run; None where no further run would tell more. `losses` has the final loss of each run by
    its peak, infinite where it diverged.

    From the start in steps of a factor, upwards first, until the best lies between two others; in larger ones
    up while the gain is in proportion to the peak, and down while all diverge, then up to the middle of the last one.
    Then the lowest point of a parabola through those three, and where that was tried, the middle of the wider gap
    beside the best.

    >>> next_peak({}, 2.3, 0.1), next_peak({0.1: 1.0}, 2.3, 0.1), next_peak({0.1: 1.0, 0.4: math.inf}, 2.3, 0.1)
    (0.1, 0.4, 0.025)
    >>> round(next_peak({1.0: math.inf, 0.25: math.inf, 0.015625: 1.0}, 2.3, 1.0), 4)
    0.0625
    """
    if not losses:
        return start
    peaks = sorted(losses)
    best = best_of(losses)
    place = peaks.index(best)
    if not math.isfinite(losses[best]):
        return peaks[0] / step ** min(len(peaks), 2)
    if place == len(peaks) - 1:
        return best * step ** (min(len(peaks), 3) if _does_little(losses, untrained) else 1)
    if place == 0:
        is_wide = peaks[1] / best > CLOSE * step
        return math.sqrt(best * peaks[1]) if is_wide else best / step
    below, above = peaks[place - 1], peaks[place + 1]
    lowest = minimum(losses, untrained)
    if all(max(lowest / peak, peak / lowest) > CLOSE for peak in (below, best, above)):
        return lowest
    middle = math.sqrt(best * (below if best / below >= above / best else above))
    return middle if max(middle / best, best / middle) > CLOSE else None


def likely_peaks(losses: Mapping[float, float], untrained: float, start: float) -> list[float]:
    """The peaks of runs that may follow that of `next_peak`, the likeliest first: those that no exact loss decides.

    >>> likely_peaks({}, 2.3, 1.0), likely_peaks({1.0: 1.5}, 2.3, 1.0)
    ([4.0, 0.25, 16.0, 0.0625, 0.015625], [16.0, 0.25, 64.0, 0.0625])
    """
    peaks: dict[float, None] = {}
    outcomes = [dict(losses)]
    for _ in range(_AHEAD):
        after = []
        for known in outcomes:
            if is_between(known) or (peak := next_peak(known, untrained, start)) is None:
                continue
            peaks[peak] = None
            least = min(known.values(), default=0.0)
            after += [{**known, peak: loss} for loss in (least - 1 if math.isfinite(least) else 0.0, math.inf)]
        outcomes = after
    return list(peaks)[1:]


def _does_little(losses: Mapping[float, float], untrained: float) -> bool:
    """Whether the gain of the two largest peaks is still in proportion to them."""
    if len(losses) < 2:
        return False
    below, top = sorted(losses)[-2:]
    proportional = top / below * (untrained - losses[below])
    return 0 < PROPORTIONAL * proportional < untrained - losses[top] < proportional / PROPORTIONAL


def is_between(losses: Mapping[float, float]) -> bool:
    """Whether the best peak lies between two others.

    >>> is_between({0.1: 2.0, 0.2: 1.0, 0.4: math.inf}), is_between({0.1: 1.0, 0.2: 2.0})
    (True, False)
    """
    return bool(losses) and min(losses) < best_of(losses) < max(losses)


def minimum(losses: Mapping[float, float], untrained: float) -> float:
    """The lowest point of a parabola in the logarithm of the peak, through the best and the two beside it.

    It lies at most half-way to either, and within half of the usual step of the best: peaks beyond a wider gap say
    little. Where the best is the least or the largest tried, it is the answer. A loss above the untrained one counts as
    that, for one cliff is as good as another.

    >>> round(minimum({0.01: 1.0, 0.1: 0.5, 1.0: math.inf}, 2.0), 3)
    0.056
    """
    peaks = sorted(losses)
    best = best_of(losses)
    place = peaks.index(best)
    if place in (0, len(peaks) - 1):
        return best
    below, above = peaks[place - 1], peaks[place + 1]
    x, y, z = math.log(below), math.log(best), math.log(above)
    a, b, c = (min(losses[peak], max(untrained, losses[best])) for peak in (below, best, above))
    slopes = (b - a) / (y - x), (c - b) / (z - y)
    bend = slopes[1] - slopes[0]
    lowest = (x + y) / 2 - slopes[0] * (z - x) / (2 * bend) if bend > 0 else y
    half = math.log(STEP) / 2
    return math.exp(min(max(lowest, (x + y) / 2, y - half), (y + z) / 2, y + half))


def best_of(losses: Mapping[float, float]) -> float:
    """The peak with the least loss; of equal ones the middle one, the larger of two.

    >>> best_of({0.1: 1.0, 0.2: 1.0, 0.4: 1.0, 0.8: 3.0}), best_of({0.1: 1.0, 0.2: 1.0})
    (0.2, 0.2)
    """
    least = min(losses.values())
    tied = sorted((peak for peak, loss in losses.items() if loss <= least), reverse=True)
    if not math.isfinite(least):
        return min(losses)
    return tied[(len(tied) - 1) // 2]


def loss_at(losses: Mapping[float, float], untrained: float, peak: float) -> float:
    """The loss at a peak, linear in its logarithm between those tried; NaN outside them.

    A loss above the untrained one counts as that.

    >>> loss_at({0.1: 1.0, 0.4: 2.0}, 3.0, 0.2), loss_at({0.1: 1.0}, 3.0, 0.2)
    (1.5, nan)
    """
    peaks = sorted(losses)
    if not peaks[0] <= peak <= peaks[-1]:
        return math.nan
    above = next(k for k in peaks if k >= peak)
    if above == peak:
        return min(losses[peak], untrained)
    below = max(k for k in peaks if k < peak)
    share = math.log(peak / below) / math.log(above / below)
    return (1 - share) * min(losses[below], untrained) + share * min(losses[above], untrained)


def at_length(peak: float, length: int, steps: int) -> float:
    """The best peak of a run of `steps` updates, by that of runs of `length`: peak · (steps/length)^-0.2.

    >>> at_length(0.1, 400, 1000) == 0.1 * 2.5**-0.2
    True
    """
    return float(peak * (steps / length) ** -DRIFT)
