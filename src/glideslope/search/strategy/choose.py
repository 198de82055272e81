"""What a full run is made with: its peak by complete runs of equal length, its schedule by the prior, or a run each."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from glideslope.errors import ScheduleError, SearchError
from glideslope.policy import Driven, as_policy
from glideslope.schedules import linear, one_cycle
from glideslope.search.jobs.start import kind, optimizer_name
from glideslope.search.jobs.start import start as first_peak
from glideslope.search.runs.contestant import Contestant, Run, finds_its_rate
from glideslope.search.runs.labels import label
from glideslope.search.strategy.also import Axis
from glideslope.search.strategy.equal_runs import FEWEST, at_length, best_of, plan
from glideslope.search.strategy.learned import learned_clearly
from glideslope.search.strategy.outcomes import SHORTEST, check_finite, two_digits
from glideslope.search.strategy.peaks import best_short, find_peak, lowest, peak_of, runs_of, short_trial
from glideslope.search.strategy.plateau import any_learned, lies_flat
from glideslope.search.strategy.rise import BLOW_UP, risen
from glideslope.search.trials import Trials

logger = logging.getLogger("glideslope")

PRIOR = one_cycle()
"""The schedule that is near best nearly everywhere: on the trainings of `benchmarks/search/jobs` it ends, at its best
peak, 6% above the best of eight schedules in the geometric mean. Two with a hold end 4% above; but a search of two full
runs comes nearer with this one, whose loss rises less beside the best peak."""

BESIDE = linear()
"""The schedule that is tried beside it where a full run or more is to be spent. Its high rates come first: where these
keep a network from learning its noise, it ends lower."""

SLOWING = ("adagrad",)
"""The kinds of optimizers whose own steps fall as training goes on, so that the best peak doesn't; the first ones are
large at any peak, so that a loss which blows up then tells of no cliff."""

CLIFF = 2.0
"""By what the peak of the full run is divided where the training loss of the best short run blew up on its way, and it
learned: from a plateau a loss rises at the rates that leave it, too."""

MUCH = 1 / 3
"""The part of the untrained loss by which a run that ends lower has learned, whatever the noise of its training loss:
what blew up is noise, too."""


@dataclass(frozen=True)
class Choice:
    """What the runs of equal length say."""

    best: Run  # the best of them
    winner: Contestant  # what the full run is made with
    losses: dict[float, float]  # the final loss of the runs of the first schedule, by their peak
    length: int  # the updates of each
    steps: int  # the updates of a full run of the winner; fewer than asked for where its batch is larger
    noise: float  # how far two data orders of the same run ended apart; 0 where that wasn't measured


def usual(budget: int, steps: int) -> tuple[Driven, ...]:
    """The schedules to choose from, where the user names none, by the updates for all short runs and those of a full
    run."""
    return (PRIOR, BESIDE) if budget >= max(steps, 10 * SHORTEST) else (PRIOR,)


def chosen(
    trials: Trials,
    schedules: Sequence[Driven],
    entries: Sequence[Contestant],
    also: Sequence[Axis],
    budget: int,
    bound: int,
    steps: int,
    start: float,
    gives_way: bool = True,
) -> Choice:
    """Makes the runs: of one schedule to find its peak, then of each other schedule at the peak with the same sum of
    rates, then of what else enters, then of the best with other numbers of its optimizer. Another is chosen only where
    it ends lower by more than the noise.

    All take `budget` updates; where the best peak isn't between two others by then, there are more runs, until the
    search has made `bound` updates: of the usual schedules the second gives way then (`gives_way`). Where the training
    loss of no run has clearly fallen, the last run is the best again in another data order, so that its noise is known.

    Args:
        schedules: those to choose from; the prior's is the first to run, where it is among them.
        entries: other optimizers, or averages of weights, each at a constant rate.
        also: the numbers of the optimizer.
        steps: updates of the full run.
        start: the peak of the first run.

    Raises:
        SearchError: no run has a finite loss, or a schedule doesn't fit into the short runs.
    """
    first = PRIOR if PRIOR in schedules else schedules[0]
    others = [schedule for schedule in schedules if schedule != first]
    besides = len(others) + sum(map(_runs_of, entries)) + sum(len(axis.values) for axis in also)
    _, length = plan(budget, steps, SHORTEST, besides)
    most, kept = trials.updates + budget, besides * length
    spare = length * len(others) if gives_way else 0  # the peak matters more than the schedule
    _check_length(schedules, min((axis.updates(axis.high, length) for axis in also), default=length))

    def beside(peak: float) -> list[Contestant]:
        return _beside(others, float(Contestant(first, peak).rates(length).mean()), length)

    runs, noise = find_peak(trials, Contestant(first, 1.0), length, most - kept, bound - kept + spare, start, beside)
    most = max(most, trials.updates + kept - spare)
    check_finite(list(runs.values()), trials.runs)
    losses = {peak: run.final_loss for peak, run in runs.items()}
    best, is_flat = best_short(list(runs.values()), noise), lies_flat(runs.values())
    peak = best.contestant.peak if noise or is_flat else peak_of(runs)
    total = float(Contestant(first, best.contestant.peak).rates(length).mean())
    affordable = max((most - trials.updates) // length, 0)
    for run in runs_of(trials, beside(best.contestant.peak)[:affordable], length, "schedules"):
        if run.final_loss < best.final_loss - noise and (not is_flat or any_learned([run])):
            best, peak = run, run.contestant.peak
    for entry in entries:
        if trials.updates + length <= most:
            run, its_peak = _entered(trials, entry, length, most, total)
            best, peak = (run, its_peak) if run.final_loss < best.final_loss - noise else (best, peak)
    settings: tuple[tuple[str, float], ...] = ()
    batch = 1.0
    for axis in also:
        if trials.updates + length * len(axis.values) <= most:
            run, value, factor = _with_axis(trials, best, axis)
            if run.final_loss < best.final_loss - noise:
                best, settings = run, (*settings, (axis.name, value))
                peak, batch, steps = peak * factor, batch * axis.batch(value), axis.updates(value, steps)
    if not (finds_its_rate(best.contestant.optimizer) or slows(best.contestant, trials)):
        peak = at_length(peak, best.steps, steps)
        if blew_up(best):
            peak /= CLIFF
    logger.info("best short run: %s, %.6g after %d updates", best.contestant, best.final_loss, length)
    winner = replace(best.contestant, peak=two_digits(peak), settings=settings, batch=batch)
    return Choice(best, winner, losses, length, steps, noise)


def blew_up(best: Run) -> bool:
    """Whether the training loss of a run blew up on its way, and the run learned."""
    has_learned = learned_clearly(best) or best.gain > MUCH * best.untrained > 0
    return has_learned and risen(best.losses) > BLOW_UP


def slows(contestant: Contestant, trials: Trials) -> bool:
    """Whether the steps of its optimizer fall by themselves."""
    return _kind(contestant, trials) in SLOWING


def _kind(contestant: Contestant, trials: Trials) -> str | None:
    """The kind of its optimizer."""
    return kind(contestant.optimizer or optimizer_name(trials.job))


def _check_length(schedules: Sequence[Driven], length: int) -> None:
    for schedule in schedules:
        try:
            as_policy(schedule).within(length)
        except ScheduleError as error:
            raise SearchError(
                f"{label(schedule)} doesn't fit into the short runs of the search, the shortest of {length} updates: "
                "give its durations as parts of a run, such as warmup(10%), or a larger overhead"
            ) from error


def _runs_of(entry: Contestant) -> int:
    """How many runs an entry takes."""
    return 1 if finds_its_rate(entry.optimizer) else FEWEST


def _entered(trials: Trials, entry: Contestant, length: int, most: int, total: float) -> tuple[Run, float]:
    """The best run of another optimizer, or of an average, and the peak at which it is thought to end lowest.

    One that finds its rate has none; others run from the peak that is usual for them, or from the rate with the same
    sum.
    """
    trials.use(trials.opened, entry.optimizer)
    if finds_its_rate(entry.optimizer):
        return runs_of(trials, [entry], length, entry.name)[0], entry.peak
    begin = first_peak(trials.job, entry.optimizer) if entry.optimizer else total
    least = min(most, trials.updates + FEWEST * length)
    runs, _ = find_peak(trials, entry, length, least, least, begin)
    return runs[best_of({peak: run.final_loss for peak, run in runs.items()})], peak_of(runs)


def _with_axis(trials: Trials, best: Run, axis: Axis) -> tuple[Run, float, float]:
    """The best run with another value of a number of the optimizer, the value at which runs would end lowest, and by
    what the peak is multiplied there."""
    contestant = best.contestant
    trials.use(trials.opened, contestant.optimizer)
    optimizer = _kind(contestant, trials)

    def factor(value: float) -> float:
        return 1.0 if finds_its_rate(contestant.optimizer) else axis.peak(value, optimizer)

    planned = []
    for value in axis.values:
        peak, batch = two_digits(contestant.peak * factor(value)), contestant.batch * axis.batch(value)
        entry = replace(contestant, peak=peak, settings=(*contestant.settings, (axis.name, value)), batch=batch)
        planned.append(short_trial(entry, axis.updates(value, best.steps), trials))
    finished = trials.run_all(planned, stage=axis.name, kept=trials.short_states)
    runs = dict(zip(map(axis.place, axis.values), finished, strict=True))
    value = axis.at(lowest(runs))
    run = runs[best_of({place: run.final_loss for place, run in runs.items()})]
    return run, value, factor(value)


def _beside(others: Sequence[Driven], total: float, length: int) -> list[Contestant]:
    """Other schedules at the peak where the mean rate of such a run is the same."""
    contestants = [Contestant(schedule, 1.0) for schedule in others]
    means = [float(contestant.rates(length).mean()) or 1.0 for contestant in contestants]
    return [replace(one, peak=two_digits(total / mean)) for one, mean in zip(contestants, means, strict=True)]
