"""The runs of equal length that find a peak, and the best of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from glideslope.search.runs.contestant import Contestant, Run
from glideslope.search.runs.trial import Trial
from glideslope.search.strategy.equal_runs import STEP, best_of, is_between, likely_peaks, minimum, next_peak
from glideslope.search.strategy.learned import learned_clearly
from glideslope.search.strategy.outcomes import SHARE, two_digits
from glideslope.search.strategy.plateau import any_learned, best_undecided, goes_up, lies_flat
from glideslope.search.trials import Trials

BELOW = 0.7
"""By what the largest peak tried is multiplied where runs end lowest there, and not off a plateau: nothing is known of
higher ones."""

FEEDBACK_EVALUATIONS = 20
"""How often a short run with feedback is measured, as a full run is."""


def find_peak(
    trials: Trials, template: Contestant, length: int, most: int, bound: int, start: float,
    beside: Callable[[float], list[Contestant]] = lambda peak: [],
) -> tuple[dict[float, Run], float]:  # fmt: skip
    """The runs of a contestant by their peak, from `start` on, and the noise where it was measured. They are made up to
    `most` updates of the search, or up to `bound` until the best peak lies between two others; `beside` gives the
    contestants that may come after them at the best peak."""
    runs: dict[float, Run] = {}
    losses: dict[float, float] = {}
    noise = 0.0
    while trials.updates + length <= (most if is_between(losses) or lies_flat(runs.values()) else max(most, bound)):
        untrained = max((run.untrained for run in runs.values()), default=math.inf)
        if trials.updates + 2 * length > most and len(runs) > 1 and trials.can_reorder and not _any_clear(runs):
            noise = _apart(trials, runs[best_of(losses)])
            break
        peak = STEP * max(runs) if goes_up(runs.values()) else next_peak(losses, untrained, start)
        if peak is None or two_digits(peak) in runs:
            break
        likely = [replace(template, peak=two_digits(one)) for one in likely_peaks(losses, untrained, start)]
        likely += beside(best_of(losses)) if is_between(losses) else []
        trial = short_trial(replace(template, peak=two_digits(peak)), length, trials)
        after = [short_trial(one, length, trials) for one in likely]
        [runs[two_digits(peak)]] = trials.run_all([trial], stage="peaks", kept=trials.short_states, likely=after)
        losses = {peak: run.final_loss for peak, run in runs.items()}
    return runs, noise


def _any_clear(runs: dict[float, Run]) -> bool:
    return any(learned_clearly(run) for run in runs.values())


def _apart(trials: Trials, best: Run) -> float:
    """How far the best run ends from itself in another data order."""
    if not math.isfinite(best.final_loss):
        return 0.0
    again = trials.run(best.contestant, best.steps, stage="noise", share=SHARE, order=1)
    return abs(again.final_loss - best.final_loss) if math.isfinite(again.final_loss) else 0.0


def best_short(runs: Sequence[Run], noise: float) -> Run:
    """The best of the runs of the first schedule, which differ in their peak: a full run is made after it. The noise is
    how far two data orders of one run ended apart, 0 where that isn't known."""
    if noise or lies_flat(runs):
        return best_undecided(runs, noise)
    best = best_of({run.contestant.peak: run.final_loss for run in runs})
    return next(run for run in runs if run.contestant.peak == best)


def lowest(runs: dict[float, Run]) -> float:
    """The peak, or another number, at which runs of this length are thought to end lowest."""
    losses = {peak: run.final_loss for peak, run in runs.items()}
    return minimum(losses, max(run.untrained for run in runs.values()))


def peak_of(runs: dict[float, Run]) -> float:
    """The peak of a further run, by the runs of each peak."""
    peak = lowest(runs)
    others = [run for at, run in runs.items() if at < peak]
    return BELOW * peak if peak == max(runs) and any_learned(others) else peak


def runs_of(trials: Trials, contestants: Sequence[Contestant], length: int, stage: str) -> list[Run]:
    """A round of runs, which don't depend on each other."""
    plan = [short_trial(one, length, trials) for one in contestants]
    return trials.run_all(plan, stage=stage, kept=trials.short_states)


def short_trial(contestant: Contestant, length: int, trials: Trials) -> Trial:
    """The trial of such a run."""
    evaluations = FEEDBACK_EVALUATIONS if contestant.policy.feedbacks else 1
    return Trial(contestant, length, trials.opened, evaluations, SHARE)
