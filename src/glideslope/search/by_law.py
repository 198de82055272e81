"""By a law: a few longer runs, on whose losses a law is fitted that predicts the full run of every schedule."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from glideslope.errors import LawError, SearchError
from glideslope.schedules import Schedule, cooldown, hold, warmup
from glideslope.search.contestant import Contestant, Given, Run
from glideslope.search.labels import label
from glideslope.search.peaks import EXPONENT, SHARE, Scouts, best_peak, beyond, check_finite, final_loss, two_digits
from glideslope.search.trials import Trials

if TYPE_CHECKING:
    from glideslope.laws import Law
    from glideslope.laws import Run as Curve

PROBE = warmup("5%") >> hold() >> cooldown("20%")
"""What shows which peak is best, and how the loss falls while a rate is held and after."""

RUNS = 4
"""Runs that what the scouts leave of the budget is for: three of the probe at three peaks, one of the choice."""

TELLS = 0.005
"""The part of the loss by which schedules must differ for a law to tell them apart."""

BINS = 24
"""Means of the training loss of a run that a law is fitted on."""


def by_law(
    trials: Trials, scouts: Scouts, choice: tuple[Schedule, ...], budget: int, steps: int
) -> tuple[Run, Contestant, Law]:
    """The best of the longest runs, what is chosen for the full run, and the law.

    The probe is run at three peaks, which tell the best. A law fitted on its losses predicts the full run of every
    schedule at that peak. Where one is better than the probe by more than a law can tell apart, it is run as long, and
    chosen if it is better also when both predictions are corrected by how far the short runs ended from theirs; else
    the fourth run is the probe's, for its peak. The peak of the full run is lower by what the literature has.

    Raises:
        SearchError: no law fits.
    """
    from glideslope.laws import fit  # not before it is needed: SciPy's optimizers take a while to load

    check_finite(scouts.runs)
    length = min((budget - trials.updates) // RUNS, steps)
    centre = scouts.runs[0].contestant.peak
    runs = [_run(trials, PROBE, peak, length) for peak in (centre, two_digits(centre / 2))]
    runs.append(_run(trials, PROBE, two_digits(beyond(runs) or centre), length))
    peak = two_digits(best_peak(check_finite(runs, trials.runs)))
    try:
        law = fit([_curve(run) for run in runs if math.isfinite(run.final_loss)])
    except LawError as error:
        raise SearchError(f"no law of this job's losses: {error}; or use strategy='halving'") from None

    def end(schedule: Schedule, steps: int) -> float:
        return float(law.predict(Contestant(schedule, peak).rates(steps), steps)[0])

    first = min(choice, key=lambda schedule: end(schedule, steps))
    if PROBE in choice and end(first, steps) > (1 - TELLS) * end(PROBE, steps):
        runs.append(_run(trials, PROBE, peak, length))
        best = min(runs, key=final_loss)
        peak = best_peak(runs)
    else:
        best, rival = _run(trials, first, peak, length), min(runs, key=final_loss)
        expected = end(first, length) / end(PROBE, length) * end(PROBE, steps) / end(first, steps)
        if PROBE in choice and best.final_loss > rival.final_loss * expected:
            best = rival
    return best, replace(best.contestant, peak=two_digits(peak * (steps / length) ** -EXPONENT)), law


def predictable(choice: tuple[Given, ...]) -> tuple[Schedule, ...]:
    """Schedules whose full run a law can predict.

    Raises:
        SearchError: measurements move it, or it grows the batch.
    """
    for schedule in choice:
        if not isinstance(schedule, Schedule):
            name = label(schedule)
            raise SearchError(f"{name}: a law predicts schedules only; leave it out, or use strategy='halving'")
    return tuple(schedule for schedule in choice if isinstance(schedule, Schedule))


def _run(trials: Trials, schedule: Schedule, peak: float, length: int) -> Run:
    return trials.run(Contestant(schedule, peak), length, stage="for a law", share=SHARE)


def _curve(run: Run) -> Curve:
    """Means of its training loss, each in the middle of the updates that it is of."""
    from glideslope.laws import Run as Curve

    ends = np.unique(np.linspace(0, len(run.losses), BINS + 1).round().astype(int))
    means = np.add.reduceat(run.losses, ends[:-1]) / np.diff(ends)
    return Curve(run.contestant.rates(run.steps), (ends[1:] + ends[:-1]) / 2, means, name=str(run.contestant))
