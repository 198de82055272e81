"""Where short runs tell nothing from noise: a few runs as long as the budget allows."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from glideslope.search.contestant import Contestant, Given, Run
from glideslope.search.peaks import EXPONENT, SCOUTS, SHARE, SHORTEST, Scouts, check_finite, does_harm, two_digits
from glideslope.search.trials import Trials

PEAKS = 4
APART = 3.0
"""The factor between neighbouring peaks."""


def longest(
    trials: Trials, scouts: Scouts, choice: tuple[Given, ...], budget: int, steps: int
) -> tuple[Run, Contestant, float]:
    """The best of a few long runs, what is chosen for the full run, and the noise of a comparison of their peaks.

    What is learned grows with the length of a run, its noise with the square root. So the rest of the budget goes into
    one schedule, each of its peaks in two data orders, from the largest peak that did no harm: upwards while the
    highest is best, where no scout did harm; else downwards. So few runs can't tell schedules apart: the one is the
    straight decay, which is good at any peak, or the first to choose from. Of peaks within noise of the best the middle
    one is taken, the larger of two.
    """
    schedule = SCOUTS[-1] if SCOUTS[-1] in choice else choice[0]
    harmless = [run.contestant.peak for run in check_finite(scouts.runs) if not does_harm(run, scouts)]
    open_above = len(harmless) == len(scouts.runs)
    orders = (0, 1) if trials.can_reorder else (0,)
    length = min(max((budget - trials.updates) // (PEAKS * len(orders)), SHORTEST), steps)
    peak = two_digits(max(harmless, default=scouts.runs[0].contestant.peak))
    by_peak: dict[float, list[Run]] = {}
    for _ in range(min((budget - trials.updates) // (length * len(orders)), PEAKS)):
        by_peak[peak] = [
            trials.run(Contestant(schedule, peak), length, stage="long runs", share=SHARE, order=order)
            for order in orders
        ]
        highest = max(by_peak)
        best_so_far = min(by_peak, key=lambda tried: np.mean([run.final_loss for run in by_peak[tried]]))
        open_above &= best_so_far == highest and not any(does_harm(run, scouts) for run in by_peak[highest])
        peak = two_digits(highest * APART if open_above else min(by_peak) / APART)
    if not by_peak:
        return scouts.runs[0], scouts.runs[0].contestant, scouts.noise
    runs = [by_peak[tried] for tried in sorted(by_peak, reverse=True)]
    losses = np.array([[run.final_loss for run in own] for own in runs])
    check_finite([run for own in runs for run in own], trials.runs)
    learned = [i for i, own in enumerate(runs) if own[0].gain > 0]
    noise = _noise(losses[learned] if len(learned) > 1 else losses)  # what is unstable would say little of the others
    means = losses.mean(axis=1)
    tied = np.flatnonzero(means <= means.min() + noise)
    best = runs[tied[(len(tied) - 1) // 2]][0]
    lower = (steps / length) ** -EXPONENT
    return best, replace(best.contestant, peak=two_digits(best.contestant.peak * lower)), noise


def _noise(losses: np.ndarray) -> float:
    """The standard deviation, over data orders, of the difference between neighbouring peaks, by the median absolute
    deviation; 0 with one order.

    Args:
        losses: shape (peaks, orders).
    """
    if losses.shape[1] < 2:
        return 0.0
    finite = losses[np.isfinite(losses).all(axis=1)]
    apart = np.diff(finite[:, 0] - finite[:, 1]) / math.sqrt(2)
    return float(np.median(np.abs(apart)) * 1.4826) if len(apart) else 0.0
