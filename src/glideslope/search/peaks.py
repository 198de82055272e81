"""Peak rates: where short runs find the best, and where it lies for a longer run."""

from __future__ import annotations

import math

from glideslope.errors import SearchError
from glideslope.schedules import hold, parse
from glideslope.search.contestant import Contestant, Run
from glideslope.search.range_test import RangeTest
from glideslope.search.trials import Trials

SCOUTS = (hold() >> parse("cooldown(20%)"), parse("linear()"))
"""The schedules that first look for the peak: the one with most of its time at the peak, and the plainest decay."""

SHARE = 0.01
"""What measuring the validation loss may cost, as a part of a short run."""

EXPONENT = 0.32
"""How fast the best peak rate falls with the length of the run, before anything is measured."""


def scouted(trials: Trials, found: RangeTest, budget: int, steps: int) -> list[Run]:
    """Runs of the scouts at peaks from the suggestion outwards, and on while the best is at an end; best first."""
    peaks = [two_digits(found.suggestion * 2.0**power) for power in (-3, -2, -1, 0, 1, 2)]
    length = min(max(int(0.15 * budget / (len(peaks) * len(SCOUTS))), 10), steps)
    runs: list[Run] = []
    further: float | None = None
    while peaks or ((further := beyond(runs)) and trials.updates + len(SCOUTS) * length < budget / 2):
        peak = peaks.pop(0) if peaks else two_digits(further or 0.0)
        runs += [trials.run(Contestant(schedule, peak), length, stage="peaks", share=SHARE) for schedule in SCOUTS]
    return sorted(runs, key=final_loss)


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
    for run in runs:
        if run.steps not in best or run.final_loss < best[run.steps].final_loss:
            best[run.steps] = run
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


def check_finite(runs: list[Run]) -> list[Run]:
    """The runs; raises if all of them diverged.

    Raises:
        SearchError: no validation loss is finite.
    """
    if not any(math.isfinite(run.final_loss) for run in runs):
        if any(len(run.losses) == run.steps and math.isfinite(run.losses[-1]) for run in runs):
            raise SearchError(
                "no run has a finite validation loss, though its training loss is: look at the validation data"
            )
        raise SearchError("every run diverged: the rates tried are all too large for this job")
    return runs


def final_loss(run: Run) -> float:
    return run.final_loss


def two_digits(rate: float) -> float:
    """A rate to write down: two significant digits."""
    return float(f"{rate:.2g}")
