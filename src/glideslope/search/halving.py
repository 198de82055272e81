"""Successive halving: rounds of short complete runs, each with fewer schedules and longer runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from glideslope.feedback import Controlled
from glideslope.search.contestant import Contestant, Given, Run, distinct
from glideslope.search.peaks import SHARE, SHORTEST, Scouts, check_finite, drift, final_loss, two_digits
from glideslope.search.trials import Trials

FEEDBACK_EVALUATIONS = 20
"""How often a short run with feedback is measured, as a full run is."""


@dataclass(frozen=True)
class Rung:
    """One round of successive halving.

    Attributes:
        schedules: how many of the best schedules run; None runs all that are given.
        peaks: their peaks, as multiples of the best peak so far.
        share: the part of the budget that the round takes.
    """

    schedules: int | None
    peaks: tuple[float, ...]
    share: float


RUNGS = (
    Rung(None, (1.0,), 0.28),
    Rung(4, (0.5, 1.0), 0.24),
    Rung(2, (0.5, 1.0), 0.33),
)


def halved(
    trials: Trials, scouts: Scouts, choice: tuple[Given, ...], budget: int, steps: int
) -> tuple[Run, Contestant]:
    """The best of the runs as long as those of the last round, and what is chosen for the full run."""
    best = check_finite(scouts.runs)
    for i, rung in enumerate(RUNGS):
        best = check_finite(_climbed(trials, best, rung, choice, f"round {i + 1}", budget, steps), trials.runs)
    first = min((run for run in trials.runs if run.steps == best[0].steps), key=final_loss)
    lower = drift(trials.runs, steps)
    return first, replace(first.contestant, peak=two_digits(first.contestant.peak * lower))


def _climbed(
    trials: Trials, best: list[Run], rung: Rung, choice: tuple[Given, ...], stage: str, budget: int, steps: int
) -> list[Run]:
    """The runs of one round, best first; no more of them than what is left of the budget pays for."""
    peak = best[0].contestant.peak
    schedules = choice if rung.schedules is None else distinct(run.contestant.schedule for run in best)
    contestants = [
        Contestant(schedule, two_digits(peak * factor))
        for schedule in schedules[: rung.schedules]
        for factor in rung.peaks
    ]
    # Of a few schedules the first rounds would be the longer ones: none is longer than the last.
    share = min(rung.share / len(contestants), RUNGS[-1].share / 4)
    left = (budget - trials.updates) // len(contestants)  # less than the share where the scouts went far
    length = min(max(min(int(share * budget), left), SHORTEST, best[0].steps), steps)
    affordable = contestants[: (budget - trials.updates) // length]
    runs = [trials.run(own, length, stage=stage, share=SHARE, evaluations=_evaluations(own)) for own in affordable]
    return sorted(runs, key=final_loss) or best


def _evaluations(contestant: Contestant) -> int:
    """How often a short run is measured: at its end, and on the way where a feedback is to answer."""
    return FEEDBACK_EVALUATIONS if isinstance(contestant.schedule, Controlled) else 1
