"""Peak rates: where short runs find the best, and where it lies for a longer run."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from glideslope.errors import SearchError
from glideslope.schedules import hold, parse
from glideslope.search.contestant import Contestant, Run
from glideslope.search.range_test import RangeTest
from glideslope.search.sweep import bad_data, sudden_end
from glideslope.search.trials import Trials

SCOUTS = (hold() >> parse("cooldown(20%)"), parse("linear()"))
"""The schedules that first look for the peak: the one with most of its time at the peak, and the plainest decay."""

SHARE = 0.01
"""What measuring the validation loss may cost, as a part of a short run."""

SHORTEST = 10
"""Updates of the shortest run."""

EXPONENT = 0.32
"""How fast the best peak rate falls with the length of the run, before anything is measured."""


LEAST = 0.01
"""The noise of a comparison of two peaks, over that of the loss of a batch, where no other order tells it."""

ORDERS = 2
"""Other data orders, in which the best scout is run again to tell what it learned from noise."""

CLEAR = 3.5
"""How many times the noise of a comparison of two peaks a loss must be below the untrained one to be clearly below.

Where a loss follows the rate linearly, half a peak does half as much with half the noise: so this is 1.75 times the
noise of the loss itself."""


@dataclass(frozen=True)
class Scouts:
    """The runs that looked for the peak.

    Attributes:
        runs: best first.
        noise: the standard deviation, over data orders, of the difference between the losses at a peak and at half of
            it; 0 where there is no other order.
        clear: whether the best is clearly below the untrained loss, in every order.
    """

    runs: list[Run]
    noise: float
    clear: bool


def scouted(trials: Trials, found: RangeTest, budget: int, steps: int) -> Scouts:
    """Runs of the scouts at peaks from the suggestion outwards, and on while the best is at an end.

    The best is run again in other data orders, at its peak and at half of it. So the noise of a comparison of peaks is
    known. The search goes down from the lowest peak only where that has clearly learned, and more than the next by more
    than the noise; or where even the lowest does harm. It goes up where the highest is best, and while nothing has
    clearly learned and the highest does no harm.
    """
    powers: tuple[int, ...] = (-3, -2, -1, 0, 1, 2)
    if 0.15 * budget / (len(powers) * len(SCOUTS) + 2 * ORDERS) < SHORTEST:
        powers = powers[1:-1]
    length = int(0.15 * budget / (len(powers) * len(SCOUTS) + 2 * ORDERS))
    length = min(max(length, SHORTEST), steps)
    runs: list[Run] = []
    for power in powers:
        runs += _scouted(trials, two_digits(found.suggestion * 2.0**power), length)
    scouts = _compared(trials, runs, length, LEAST * found.noise)
    while (further := _further(scouts)) and trials.updates + len(SCOUTS) * length < budget / 2:
        runs += _scouted(trials, two_digits(further), length)
        scouts = replace(scouts, runs=ranked(runs, 0.0 if scouts.clear else scouts.noise))
    if not scouts.clear and trials.updates + 2 * (ORDERS + 1) * length < budget / 2:
        scouts = _compared(trials, runs, length, LEAST * found.noise)
    return scouts


def _scouted(trials: Trials, peak: float, length: int) -> list[Run]:
    return [trials.run(Contestant(schedule, peak), length, stage="peaks", share=SHARE) for schedule in SCOUTS]


def _compared(trials: Trials, runs: list[Run], length: int, least_noise: float) -> Scouts:
    """The best of runs and half its peak, in other data orders; where nothing is clear, ranked with their noise.

    Where there is no other order, or all are alike, the noise is taken to be the least that it can be.
    """
    best = min(runs, key=final_loss)
    if not trials.can_reorder or not math.isfinite(best.final_loss):
        return Scouts(ranked(runs, 0.0), least_noise, not best.gain <= CLEAR * least_noise)
    half = replace(best.contestant, peak=two_digits(best.contestant.peak / 2))
    pairs = [
        [trials.run(c, length, stage="noise", share=SHARE, order=order) for c in (best.contestant, half)]
        for order in range(1, ORDERS + 1)
    ]
    beside = next((run for run in runs if run.contestant == half), None)
    pairs += [[best, beside]] if beside else []
    gains = [pair[0].gain for pair in [*pairs, *([] if beside else [[best]])]]
    noise = _deviation([pair[0].final_loss - pair[1].final_loss for pair in pairs]) or least_noise
    least = CLEAR * max(noise, _deviation(gains) / 4)
    clear = all(not gain <= 0 for gain in gains) and not float(np.mean(gains)) <= least
    return Scouts(ranked(runs, 0.0 if clear else noise), noise, clear)


def _deviation(values: list[float]) -> float:
    """The standard deviation of those that are finite; 0 of fewer than two."""
    finite = [value for value in values if math.isfinite(value)]
    return float(np.std(finite, ddof=1)) if len(finite) > 1 else 0.0


def _further(scouts: Scouts) -> float | None:
    """The next peak to try, or None."""
    peaks = sorted(run.contestant.peak for run in scouts.runs)
    best = scouts.runs[0]
    up = 4 if not scouts.clear or _does_little(best, scouts.runs) else 2  # what does little is far below what does harm
    if best.contestant.peak == peaks[-1] and math.isfinite(best.final_loss):
        return up * peaks[-1]
    if not math.isfinite(best.final_loss):
        return peaks[0] / 2
    if best.contestant.peak == peaks[0]:
        next_best = min((run.final_loss for run in scouts.runs if run.contestant.peak != peaks[0]), default=math.inf)
        if does_harm(best, scouts) or (scouts.clear and best.final_loss < next_best - scouts.noise):
            return peaks[0] / 2
    highest = min((run for run in scouts.runs if run.contestant.peak == peaks[-1]), key=final_loss)
    return None if scouts.clear or does_harm(highest, scouts) else up * peaks[-1]


def _does_little(best: Run, runs: Iterable[Run]) -> bool:
    """Whether the gain is still in proportion to the peak: half the peak gains about half as much."""
    half = replace(best.contestant, peak=two_digits(best.contestant.peak / 2))
    gains = [run.gain for run in runs if run.contestant == half]
    return any(best.gain > 1.7 * gain > 0 for gain in gains)


def does_harm(run: Run, scouts: Scouts) -> bool:
    """Whether a run ended clearly above the untrained loss; noise grows with the peak."""
    noise = scouts.noise * max(run.contestant.peak / scouts.runs[0].contestant.peak, 1.0)
    return run.final_loss > run.untrained + 3 * noise or not math.isfinite(run.final_loss)


def ranked(runs: Iterable[Run], noise: float) -> list[Run]:
    """Runs, best first, where a lower peak must be better by the noise for each factor of two.

    Short runs favour rates that are too low where noise rules, since a rate that does nothing adds no noise: so what is
    within noise goes to the larger rate.
    """
    runs = list(runs)
    top = max((run.contestant.peak for run in runs if math.isfinite(run.final_loss)), default=1.0)
    return sorted(runs, key=lambda run: run.final_loss + noise * max(math.log2(top / run.contestant.peak), 0.0))


def beyond(runs: list[Run]) -> float | None:
    """The next rate to try where the best is the least or the greatest tried; the least is where all diverged."""
    peaks = sorted(run.contestant.peak for run in runs)
    best = min(runs, key=lambda run: (run.final_loss, run.contestant.peak)).contestant.peak
    return best / 2 if best == peaks[0] else best * 2 if best == peaks[-1] else None


def drift(runs: list[Run], steps: int) -> float:
    """How much smaller the best peak is at the full length than in the longest short runs.

    The best peak falls as a power γ of the length: γ = 0.32 over token horizons in Bjorck et al. 2024,
    arXiv:2409.19913. That is the prior, with a standard deviation of 0.1; the best peaks of the rounds, each of its
    own length, correct it by least squares. Peaks are tried a factor of two apart, so each is good to a factor of √2.
    """
    best: dict[int, Run] = {}
    for run in sorted(runs, key=final_loss):
        best.setdefault(run.steps, run)
    shortest, longest = min(best), max(best)
    weight = (math.log(2) / 2 / 0.1) ** 2
    covariance, variance = EXPONENT * weight, weight
    for length, run in best.items():
        longer = math.log(length / shortest)
        covariance += longer * math.log(best[shortest].contestant.peak / run.contestant.peak)
        variance += longer**2
    return float((steps / longest) ** -max(covariance / variance, 0.0))


def best_peak(runs: list[Run]) -> float:
    """The peak at the lowest point of a parabola in its logarithm, through the best of three or more runs of a schedule
    and those beside it, if that is between them; else that of the best."""
    by_peak = {run.contestant.peak: run for run in sorted(runs, key=lambda run: run.contestant.peak)}
    runs = [run for run in by_peak.values() if math.isfinite(run.final_loss)]
    best = min(runs, key=final_loss)
    if len(runs) < 3:
        return best.contestant.peak
    first = min(max(runs.index(best) - 1, 0), len(runs) - 3)
    (x, a), (y, b), (z, c) = ((math.log(run.contestant.peak), run.final_loss) for run in runs[first : first + 3])
    slopes = (b - a) / (y - x), (c - b) / (z - y)
    bend = (slopes[1] - slopes[0]) / (z - x)
    lowest = (x + y) / 2 - slopes[0] / (2 * bend) if bend > 0 else -math.inf
    return math.exp(lowest) if x <= lowest <= z else best.contestant.peak


def check_finite(runs: list[Run], others: Iterable[Run] = ()) -> list[Run]:
    """The runs; raises if all of them diverged.

    Args:
        runs: those that must not all have diverged.
        others: which may tell why.

    Raises:
        SearchError: no validation loss is finite; the message says whether the data or the rates are to blame.
    """
    if any(math.isfinite(run.final_loss) for run in runs):
        return runs
    if any(len(run.losses) >= len(run.contestant.rates(run.steps)) and math.isfinite(run.losses[-1]) for run in runs):
        raise SearchError(
            "no run has a finite validation loss, though its training loss is: look at the validation data"
        )
    raise SearchError(
        not_finite((*runs, *others)) or "every run diverged: the rates tried are all too large for this job"
    )


def not_finite(runs: Iterable[Run]) -> str | None:
    """What runs say about the data where some ended suddenly, at rates too different for an edge of stability."""
    trainings = []
    for run in runs:
        rates, losses = run.curve
        sudden = sudden_end(losses)
        if len(losses) > 1 and (sudden or math.isfinite(losses[-1])):
            trainings.append((float(rates[: len(losses)].max()), sudden))
    data = bad_data(trainings)
    if not data and trainings and all(sudden for _, sudden in trainings):
        return (
            "the losses of all runs end suddenly, without having risen before, the largest rate of each from "
            f"{min(trainings)[0]:.2g} to {max(trainings)[0]:.2g}: look at the data"
        )
    return data


def final_loss(run: Run) -> float:
    return run.final_loss


def two_digits(rate: float) -> float:
    """A rate to write down: two significant digits."""
    return float(f"{rate:.2g}")
