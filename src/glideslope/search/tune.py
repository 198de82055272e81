"""Tune: the peak rate and the schedule of a full run, found by short complete runs."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, MutableMapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any

from glideslope.averages import Average
from glideslope.documents import check_kind
from glideslope.errors import NothingLearnedError, SearchError
from glideslope.feedback import Guard
from glideslope.plural import plural
from glideslope.policy import Driven, Policy, as_policy
from glideslope.schedules import constant
from glideslope.schedules.amounts import check_peak, check_positive
from glideslope.search.jobs.job import Job, JobFactory
from glideslope.search.jobs.scalars import whole
from glideslope.search.jobs.start import start
from glideslope.search.progress import Watch, unwatched
from glideslope.search.runs.checks import check_all, check_lists, texts, warn_of_no_text
from glideslope.search.runs.contestant import Contestant, Run, distinct
from glideslope.search.strategy.also import axes, check_batch
from glideslope.search.strategy.choose import Choice, chosen, usual
from glideslope.search.strategy.constant_runs import MOST_CONSTANTS, constant_runs, unsaid
from glideslope.search.strategy.equal_runs import FEWEST, loss_at
from glideslope.search.strategy.full_runs import HELD, best_run, for_short_runs, full_runs, full_trial
from glideslope.search.strategy.ignored import warn_of_ignored_rate
from glideslope.search.strategy.learned import learned, nothing_learned, problem
from glideslope.search.strategy.odds import interval, near
from glideslope.search.strategy.outcomes import SHORTEST, final_loss
from glideslope.search.strategy.stopped import as_whole, stopped
from glideslope.search.trials import Trials, releasing
from glideslope.shown import Shown

logger = logging.getLogger("glideslope")


@dataclass(frozen=True)
class Tuned(Shown):
    """What tune found, and the training it made."""

    job: Job  #: the job, trained
    #: The schedule of its training; `final.made_with` also has the optimizer and the average. Where the training loss
    #: rose, it says from when on the rate was capped; where it ends at its least validation loss, from when on it is 0.
    schedule: Driven
    peak: float  #: the peak rate of its training
    steps: int  #: the updates of its training
    final_loss: float  #: the validation loss it ended with
    search_updates: int  #: all updates made but those of one full run; of a larger batch, by its examples
    candidates: tuple[Run, ...]  #: every short run, in order
    predicted: tuple[float, float]
    """The interval that has the final loss of the best full run in nine of ten trainings, by the short runs."""
    near: float  #: the share of trainings in which no other peak ends lower by more than 1%, after such a search
    #: The losses predicted for runs of the candidates' length at half and at twice the best peak; NaN where no peak as
    #: small, or as large, was tried.
    sensitivity: tuple[float, float]
    final: Run  #: the full run that ended lowest; a shorter run whose rate is zero after it, where that ended lower
    full: tuple[Run, ...]  #: every full run, in order; the last may be of the updates that one which was given up left
    constant: Run | None  #: the full run of the best constant rate, where it was asked for
    constants: tuple[Run, ...]  #: the full runs of all constant rates that were tried
    noise: float  #: how far two data orders of one short run ended apart; 0 where the losses were clear without it
    problem: str | None  #: what is wrong with the full run, or None
    wasted: int = field(default=0, compare=False)
    """Updates made again after a process was lost, as far as that is known; not compared."""
    ahead: int = field(default=0, compare=False)
    """Updates, at most, of runs that workers began before they were asked for, and that weren't; not compared."""

    def __repr__(self) -> str:
        return (
            f"<Tuned: {self.final.made_with}, validation loss {self.final_loss:.4g} after "
            f"{plural(self.steps, 'update')}; "
            f"{len(self.candidates)} short runs, {plural(self.search_updates, 'update')} before>"
        )


@releasing
def tune(
    job: Job | JobFactory, steps: int, *, overhead: float = 2.0, schedules: Iterable[Policy] | None = None,
    optimizers: Iterable[str] = (), averages: Iterable[str] = (), also: Iterable[str] = (), guard: Guard | None = None,
    against_constant: bool = False, constant_peaks: Iterable[float] = (), seed: int = 0,
    memory: MutableMapping[str, dict[str, Any]] | None = None, watch: Watch = unwatched,
    say: Callable[[str], None] = unsaid, executor: Executor | None = None, speculate: int = 0,
) -> Tuned:  # fmt: skip
    """Finds the peak rate with the least final validation loss, and trains with it.

    The schedule is a single cycle; with an overhead of 1 or more, a linear decay is tried at the same peak. The peak is
    found by a few *complete* runs of equal length; with an overhead of 2 or more, further full runs follow, the best of
    which is the answer. Where the best short run ends lower than every full one, as when a training fits its noise,
    that run is, and its schedule stops the training there.

    Args:
        job: a job, or a function from a seed to a job.
        steps: the updates of the full run, N.
        overhead: bounds all updates but those of one full run, as a multiple of N.
        schedules: the schedules to choose from, by default those above. The peak is found with a single cycle if it is
            among them, else with the first; each other one is run once, at the peak with the same sum of rates.
        optimizers: names of optimizers to choose from besides the job's own, such as "adagrad" or "schedule-free",
            where the job is made by `job(seed, optimizer=None)`.
        averages: averages of the weights at a constant rate, to choose from besides: "ema(0.99)", "swa(75%)".
        also: other numbers of the optimizer to tune, each by three runs at the best peak: "weight_decay=1e-3:0.3",
            "momentum". The job's `controls` must have them. "batch_size=32:256" begins at the job's own batch, for
            which `steps` are the updates; a larger batch gets fewer updates, with as many examples.
        guard: the guard that protects the full run from divergence.
        against_constant: also make full runs of constant rates around the chosen peak, outside the bound.
        constant_peaks: the rates of those runs; by default from a quarter of the best peak to twice it, and on from
            there until the best isn't at an end.
        seed: of the job.
        memory: results of finished runs, from which an interrupted search continues.
        watch: is called with the `Progress` at each look at the loss.
        say: is called with a line on the cost of the full runs of constant rates, before they are made.
        executor: makes the runs, those that don't depend on each other at once; each worker makes jobs by the function.
        speculate: how many runs that may be needed next the executor makes ahead. The answer stays the same, and comes
            sooner. Runs that aren't needed in the end are beyond the bound, and counted apart.

    Raises:
        SearchError: an argument is out of its range, or steps and overhead leave too few updates for a search.
        NothingLearnedError: no full run ends clearly below the untrained loss; its `tuned` is the `Tuned`.
        JobError: the training loss isn't finite from the first update, or a call of the job fails.
    """
    check_positive(steps=steps, overhead=overhead)
    check_lists(schedules=() if schedules is None else schedules, constant_peaks=constant_peaks)
    check_kind(SearchError, Guard | None, "glideslope.guard()", guard=guard)
    check_kind(SearchError, bool, "True or False", against_constant=against_constant)
    check_kind(SearchError, Callable, "a function of a line", say=say)
    steps, overhead, seed = whole("steps", steps), float(overhead), whole("seed", seed)
    rates = tuple(map(check_peak, constant_peaks))
    total = math.floor(round(overhead * steps, 6))  # 30 / 49 of 49 updates are 30
    choice = usual(total, steps) if schedules is None else tuple(distinct(as_policy(one).value for one in schedules))
    if not choice:
        raise SearchError("no schedules to choose from: leave schedules out for a single cycle")
    numbers = axes(texts("also", also))
    fewest = min((axis.updates(axis.high, steps) for axis in numbers), default=steps)
    for schedule in choice:  # raises here, and not in the middle of the search
        as_policy(schedule * guard if guard else schedule).within(fewest)
    entries = [Contestant(constant(), 1.0, name) for name in texts("optimizers", optimizers)]
    entries += [Contestant(constant(), 1.0, average=Average.read(text)) for text in texts("averages", averages)]
    least = SHORTEST * (FEWEST * (1 + len(entries) + len(numbers)) + len(choice) - 1)
    if total < least:
        raise SearchError(
            f"{plural(overhead * steps, 'update', 'g')} for the search: give at least {least}, so steps times "
            f"overhead ≥ {least}"
        )
    if memory is not None:
        warn_of_no_text([*entries, *(Contestant(schedule, 1.0) for schedule in choice)])
    if (ahead := whole("speculate", speculate)) < 0 or (ahead and executor is None):
        raise SearchError(f"speculate={ahead}: give 0 or more, and above 0 an executor, whose workers make the runs")
    trials = Trials(job, seed, {} if memory is None else memory, watch, executor, ahead)
    settings = tuple((axis.name, axis.low) for axis in numbers)
    for axis in numbers:
        check_batch(axis, trials.job, choice)
    check_all(trials, [*entries, *(Contestant(schedule, 1.0, settings=settings) for schedule in choice)], steps)
    trials.bound = total + steps * (1 + (len(rates) or MOST_CONSTANTS) * against_constant)
    short = for_short_runs(total, steps) - trials.updates
    choose = chosen(trials, choice, entries, numbers, short, total, steps, start(trials.job), schedules is None)
    candidates, best = tuple(trials.runs), choose.best
    trials.use(seed)
    offered = choice if schedules is not None else (*choice, HELD)
    guarded = [schedule * guard for schedule in offered] if guard else offered
    winner = replace(choose.winner, schedule=choose.winner.schedule * guard) if guard else choose.winner
    full = full_runs(trials, winner, guarded, choose.steps, total, best)
    warn_of_ignored_rate(trials.runs)
    lowest, unasked = best_run(full), trials.end_ahead()
    search_updates = trials.updates - min(winner.cost(choose.steps), sum(run.cost for run in full))
    final, end = as_whole(lowest, choose.steps), full_trial(lowest.contestant, lowest.steps, trials.opened, best)
    final, end = stopped(trials, best, candidates, final, choose.noise) or (final, end)
    logger.info("chosen: %s, %.6g after %d full runs", final.contestant, final.final_loss, len(full))
    constants: list[Run] = []
    if against_constant:
        constants = constant_runs(trials, rates, final.contestant.peak, steps, say)
    trials.leave(end)
    tuned = Tuned(
        job=trials.job, schedule=final.made_with.schedule, peak=final.contestant.peak, steps=choose.steps,
        final_loss=final.final_loss, search_updates=search_updates, candidates=candidates,
        predicted=interval(best, overhead), near=near(overhead), sensitivity=_sensitivity(choose), final=final,
        full=tuple(full), constant=min(constants, key=final_loss, default=None), constants=tuple(constants),
        noise=choose.noise, problem=problem(final, constants, candidates, choose.noise), wasted=trials.wasted,
        ahead=unasked,
    )  # fmt: skip
    finished = (final, *constants) if math.isfinite(final.final_loss) else (*candidates, *constants)
    if not any(learned(run, choose.noise) for run in finished):
        raise NothingLearnedError(nothing_learned(final, candidates, constants, choose.noise), tuned)
    return tuned


def _sensitivity(choice: Choice) -> tuple[float, float]:
    """The losses at half and at twice the best peak, over the length of the short runs."""
    peak, untrained = choice.best.contestant.peak, choice.best.untrained
    return loss_at(choice.losses, untrained, peak / 2), loss_at(choice.losses, untrained, peak * 2)
