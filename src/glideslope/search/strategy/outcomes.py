"""How runs ended: the best, those that diverged and what they say of the data, the rate to try next."""

from __future__ import annotations

import math
from collections.abc import Iterable

from glideslope.errors import SearchError
from glideslope.search.runs.contestant import Run
from glideslope.search.strategy.sweep import bad_data, sudden_end

SHARE = 0.005
"""What measuring the validation loss may cost, as a part of a short run."""

SHORTEST = 10
"""Updates of the shortest run."""


def beyond(runs: list[Run]) -> float | None:
    """The next rate to try where the best is the least or the greatest tried; the least is where all diverged."""
    peaks = sorted(run.contestant.peak for run in runs)
    best = min(runs, key=lambda run: (run.final_loss, run.contestant.peak)).contestant.peak
    return best / 2 if best == peaks[0] else best * 2 if best == peaks[-1] else None


def check_finite(runs: list[Run], others: Iterable[Run] = ()) -> list[Run]:
    """The runs. Raises a SearchError if none has a finite validation loss; the message says whether the data or the
    rates are to blame, which `others` may tell too."""
    if any(math.isfinite(run.final_loss) for run in runs):
        return runs
    if any(run.trained_to_the_end for run in runs):
        raise SearchError(
            "no run has a finite validation loss, though its training loss is: look at the validation data"
        )
    raise SearchError(
        not_finite((*runs, *others))
        or "every run diverged: the rates tried are all too large for this job, or a batch isn't finite"
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
