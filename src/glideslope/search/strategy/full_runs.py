"""The full runs: the chosen one, and others where the bound pays for more, of which the best is the answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from glideslope.policy import Driven
from glideslope.schedules import Schedule, cooldown, hold, warmup
from glideslope.search.runs import backoff
from glideslope.search.runs.backoff import ShortEnd
from glideslope.search.runs.contestant import Contestant, Run, finds_its_rate
from glideslope.search.runs.trial import Trial
from glideslope.search.strategy.choose import BESIDE, PRIOR, slows
from glideslope.search.strategy.equal_runs import RUNS, next_peak
from glideslope.search.strategy.learned import learned_clearly
from glideslope.search.strategy.outcomes import SHARE, SHORTEST, final_loss, two_digits
from glideslope.search.strategy.plateau import ends_in_a_fall, learned_late
from glideslope.search.strategy.rise import BLOW_UP, RISE, risen, undone
from glideslope.search.trials import Trials

STEP = 2.0
"""The factor between the peaks of full runs until the best lies between two others."""

CAUTION = 4.0
"""By what the peak is divided where a full run ends no lower than a short one."""

RAISED = 1.4
"""By what the peak of the only full run is multiplied where it is a single cycle: it backs off where that is too much.
A straight decay has its peak when the network is least ready for it, and gains nothing."""

LITTLE = 0.03
"""By what part of a short run's loss a full run ends lower, at least, where its peak isn't too large."""

LOWER = 2.0
"""By what the peak of a run that was given up, as it learned noise, is divided for one of the updates that it left."""

EVALUATIONS = 20
"""The parts of a full run, and how often it is measured at most: on the way by estimates, which together cost what a
short run's measurement does, as a part of it; at the end by all of the data."""

HELD = warmup("5%") >> hold() >> cooldown("20%", shape="sqrt")
"""The schedule of the second full run, or of the only one, where the loss has little noise or lay on a plateau: high
rates then gain most, and the cooldown removes what noise they leave."""

CLEAN, CLEAN_SHORT = 100.0, 50.0
"""The ratio of the untrained loss to that of a full run, and of a short one, from which on the loss is taken to have
little noise."""


def for_short_runs(bound: int, steps: int) -> int:
    """The updates of a bound that are for short runs: what whole full runs leave of it, and one full run's at least.

    >>> for_short_runs(500, 1000), for_short_runs(1900, 1000), for_short_runs(3200, 1000)
    (500, 1900, 1200)
    """
    least = max(steps, 2 * RUNS * SHORTEST)
    return bound - max((bound - least) // steps, 0) * steps


def full_runs(
    trials: Trials, winner: Contestant, schedules: Sequence[Driven], steps: int, bound: int, short: Run
) -> list[Run]:
    """Makes the full runs, in order: the first with the winner, the next ones with it at another peak or with one of
    the schedules. The bound is of all updates but those of one full run, in updates of the job's own batch: the last
    run is outside it, so there is always one. Where one was given up, as it learned noise, the last may be of the
    updates that it left."""
    runs: list[Run] = []
    is_only = trials.updates + winner.cost(steps) > bound
    contestant: Contestant | None = _only(winner, schedules, steps, short) if is_only else winner
    while contestant is not None and trials.updates <= (bound if runs else math.inf):
        second = _second(contestant) if not runs and trials.updates + contestant.cost(steps) <= bound else []
        likely = [full_trial(one, steps, trials.opened, short) for one in second]
        trial = full_trial(contestant, steps, trials.opened, short)
        runs += trials.run_all([trial], stage="full runs", kept=trials.full_states, likely=likely)
        contestant = next_full(runs, schedules, short, slows(winner, trials))
    left = bound + winner.cost(steps) - trials.updates
    if left >= short.steps and (rest := _of_the_rest(runs, schedules)) is not None:
        trial = full_trial(rest, left, trials.opened, short)
        runs += trials.run_all([trial], stage="full runs", kept=trials.full_states)
    return runs


def _of_the_rest(runs: Sequence[Run], schedules: Sequence[Driven]) -> Contestant | None:
    """What a run is made with for which those that were given up left the updates; None where none was, or where no run
    can be said to end before its last update. A straight decay learns less noise than the cycle."""
    given_up = [run.contestant for run in runs if run.is_given_up]
    lowest = min(given_up, key=lambda contestant: contestant.peak, default=None)
    if lowest is None or not lowest.may_stop or lowest.batch != 1:
        return None
    schedule = BESIDE if HELD in schedules else lowest.schedule
    return replace(lowest, schedule=schedule, peak=two_digits(lowest.peak / LOWER))


def _only(winner: Contestant, schedules: Sequence[Driven], steps: int, short: Run) -> Contestant:
    """What the only full run is made with, where no second one finds out what a higher rate does."""
    if _may_hold(winner, schedules, steps):
        if _is_clean(short, CLEAN_SHORT):
            return replace(winner, schedule=HELD, peak=two_digits(STEP * winner.peak))
        if ends_in_a_fall(short):
            return replace(winner, schedule=HELD)
    if winner.schedule == PRIOR and _may_back_off(steps):
        return replace(winner, peak=two_digits(RAISED * winner.peak))
    return winner


def full_trial(contestant: Contestant, steps: int, seed: int, short: Run) -> Trial:
    """The trial of a full run, beside the best short one. It backs off where the training loss rises, unless something
    else moves the rate."""
    end = ShortEnd(float(np.median(short.losses[-max(len(short.losses) // 10, backoff.SHORTEST) :])), short.final_loss)
    backs_off = isinstance(contestant.schedule, Schedule)
    share = SHARE / EVALUATIONS if backs_off and contestant.average is None else math.inf
    return Trial(contestant, steps, seed, EVALUATIONS, share, backs_off=backs_off, short=end)


def _second(first: Contestant) -> list[Contestant]:
    """What the second full run may be made with, whatever the first one says."""
    factors = () if finds_its_rate(first.optimizer) else (STEP, 1 / STEP, 1 / CAUTION)
    return [replace(first, peak=two_digits(first.peak * factor)) for factor in factors]


def best_run(runs: Sequence[Run]) -> Run:
    """The one that ends lowest, the first of several."""
    return min(runs, key=final_loss)


def next_full(runs: Sequence[Run], schedules: Sequence[Driven], short: Run, slows: bool = False) -> Contestant | None:
    """What the next full run is made with, by the full runs made and the best short one; None where no other would
    tell more.

    The best so far at another peak, half or twice as large, then the lowest point of a parabola. After the first one
    the peak is larger, unless its training loss rose on the way, or it ends little lower than a short run. One that
    ends no lower than a short run has too large a peak for so long a run: then a quarter of it, unless the short one is
    on a plateau. None of this says so of an optimizer whose own steps fall (`slows`). Where the first one shows that
    the loss has little noise, the second holds its rate high, and where the loss lay on a plateau it holds the same
    peak in place of a lower one, unless that kept it there. Where the peak is found, another schedule at the peak with
    the same sum of rates."""
    best = best_run(runs)
    contestant, steps = best.contestant, best.steps
    if finds_its_rate(contestant.optimizer):
        return None
    losses = {
        run.contestant.peak: run.final_loss
        for run in runs
        if replace(run.contestant, peak=contestant.peak) == contestant
    }
    may_hold = len(runs) == 1 and _may_hold(contestant, schedules, steps)
    if may_hold and _is_clean(best, CLEAN):
        return replace(contestant, schedule=HELD, peak=two_digits(STEP * contestant.peak))
    if not slows and (factor := _too_large(best, short, is_alone=len(losses) == 1)) > 1:
        if may_hold and (ends_in_a_fall(short) or learned_late(best, short)) and not undone(best.losses):
            return replace(contestant, schedule=HELD)
        return replace(contestant, peak=two_digits(min(losses) / factor))
    peak = next_peak(losses, best.untrained, contestant.peak, STEP)
    if peak is not None and (peak := two_digits(peak)) not in losses:
        return replace(contestant, peak=peak)
    tried = [run.contestant.schedule for run in runs]
    for schedule in schedules:
        if schedule not in tried:
            total = float(contestant.rates(steps).mean())
            mean = float(Contestant(schedule, 1.0).rates(steps).mean()) or 1.0
            return replace(contestant, schedule=schedule, peak=two_digits(total / mean))
    return None


def _may_hold(contestant: Contestant, schedules: Sequence[Driven], steps: int) -> bool:
    """Whether a rate held high is offered beside the schedule of a run, and full runs are long enough to back off."""
    offered = HELD in schedules and contestant.schedule in schedules and contestant.schedule != HELD
    return offered and _may_back_off(steps)


def _may_back_off(steps: int) -> bool:
    return steps >= EVALUATIONS * backoff.SHORTEST


def _is_clean(run: Run, fall: float) -> bool:
    """Whether the loss of a run shows little noise: it fell by such a factor."""
    return run.untrained > fall * run.final_loss > 0


def _too_large(full: Run, short: Run, *, is_alone: bool) -> float:
    """By what the peak is divided for the next full run; 1 where nothing says that it is too large. A rise, by
    a ratio or to where the loss began, or a small gain, says so where it is the only peak tried."""
    learned = learned_clearly(short)
    if learned and not full.last_loss < short.final_loss < math.inf:
        return CAUTION
    rise = risen(full.losses) if is_alone else 1.0
    if rise > BLOW_UP:
        return CAUTION
    little = is_alone and learned and full.last_loss > (1 - LITTLE) * short.final_loss > 0
    return STEP if rise > RISE or little or (is_alone and undone(full.losses)) else 1.0
