"""Tune: the peak rate and the schedule of a full run, found by short complete runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from glideslope.errors import NothingLearnedError, SearchError
from glideslope.feedback import Feedback, Guard
from glideslope.schedules import Schedule, constant, parse, warmup
from glideslope.search.average import Average
from glideslope.search.by_law import RUNS, by_law, predictable
from glideslope.search.checks import check_all, warn_of_no_text
from glideslope.search.contestant import Contestant, Given, Run, distinct, finds_its_rate, read, within
from glideslope.search.halving import halved
from glideslope.search.job import Job, JobFactory
from glideslope.search.longest import longest
from glideslope.search.peaks import SHARE, SHORTEST, beyond, final_loss, not_finite, scouted, two_digits
from glideslope.search.race import check_peak, check_positive
from glideslope.search.range_test import RangeTest, range_test
from glideslope.search.run_directory import releasing
from glideslope.search.scalars import whole
from glideslope.search.trials import Trials, Watch, unwatched

if TYPE_CHECKING:
    from glideslope.laws import Law

_BARE = (
    "constant()", "power()", "exponential()", "piecewise()", "one_cycle()", "linear()", "cosine()", "polynomial()",
    "inverse_sqrt(0, timescale=5%)", "hold() >> cooldown(20%)",
)  # fmt: skip
SCHEDULES: tuple[Schedule, ...] = tuple(parse(text) for text in _BARE) + tuple(
    warmup("5%") >> parse(text) for text in _BARE
)
"""Every complete schedule of the base set, without and with a short warmup."""

ENTRY = 0.2
"""What an optimizer, or an average of weights, takes of the budget, beside 1 for all that comes before."""

LAW_ENTRY = 1.25
"""The same by a law, in runs as long as those that the law is fitted on."""

LEARNED = 2.0
"""The noise of a comparison of peaks by which a full run must end below the untrained loss."""


@dataclass(frozen=True)
class Tuned:
    """What tune found, and the training it made.

    Attributes:
        job: the job, trained.
        schedule, peak, steps: what it was trained with; `final.contestant` also has the optimizer and the average.
        final_loss: the validation loss it ended with.
        search_updates: all updates made before the final run.
        range_test: the range test.
        law: the law of the training loss, where one was fitted.
        candidates: every short run, in order.
        final: the full run.
        constant: the full run of the best constant rate, where it was asked for.
        constants: the full runs of all constant rates that were tried.
        noise: the standard deviation, over data orders, of the difference between the losses of short runs at
            neighbouring peaks; 0 where the job has one data order.
        problem: what is wrong with the full run, or None.
    """

    job: Job
    schedule: Given
    peak: float
    steps: int
    final_loss: float
    search_updates: int
    range_test: RangeTest
    law: Law | None
    candidates: tuple[Run, ...]
    final: Run
    constant: Run | None
    constants: tuple[Run, ...]
    noise: float
    problem: str | None


@releasing
def tune(
    job: Job | JobFactory,
    steps: int,
    *,
    overhead: float = 2.0,
    strategy: Literal["halving", "law"] = "halving",
    schedules: Iterable[Given | Feedback | str] = SCHEDULES,
    optimizers: Iterable[str] = (),
    averages: Iterable[str] = (),
    guard: Guard | None = None,
    against_constant: bool = False,
    constant_peaks: Iterable[float] = (),
    seed: int = 0,
    memory: MutableMapping[str, dict[str, Any]] | None = None,
    watch: Watch = unwatched,
) -> Tuned:
    """Finds the schedule and peak rate with the least final validation loss, and trains with them.

    A range test bounds the peak. Then successive halving: short *complete* runs, annealed to their end, each round with
    fewer schedules and longer runs. Truncated long runs would favour rates that are too low for a long training.

    The untrained validation loss is measured before the first update, and the noise of a comparison by runs in other
    data orders. A lower rate wins only by more than the noise. Where no short run ends clearly below the untrained
    loss, the rest of the search is a few runs as long as the budget allows (`longest`).

    Args:
        job: a job, or a function from a seed to a job.
        steps: the updates of the full run, N.
        overhead: bounds all updates before the full run, as a multiple of N.
        strategy: "halving"; or "law", which makes four longer runs, fits a law of the loss on them, and takes the
            schedule that it predicts to end lowest: schedules need not be run to be chosen, and the peak is found by
            longer runs.
        schedules: those to choose from.
        optimizers: names of optimizers to choose from besides the job's own, such as "adagrad" or "schedule-free",
            where the job is made by `job(seed, optimizer=None)`.
        averages: averages of the weights at a constant rate, to choose from besides: "ema(0.99)", "swa(75%)".
        guard: protects the full run from divergence.
        against_constant: also make full runs of constant rates around the chosen peak, outside the bound.
        constant_peaks: the rates of those runs; if not given, a quarter to two times the best found, and on from there
            until the best is not at an end.
        seed: of the job.
        memory: results of finished runs, to go on from where a search was interrupted.
        watch: is told what goes on.

    Raises:
        SearchError: steps or overhead aren't positive, or leave too few updates for a search; a law can't predict a
            schedule, or doesn't fit the losses.
        NothingLearnedError: no full run ends clearly below the untrained loss; its `tuned` is what was found.
        JobError: the training loss isn't finite from the first update, or a call of the job fails.
    """
    check_positive(steps=steps, overhead=overhead)
    steps, overhead, seed = whole("steps", steps), float(overhead), whole("seed", seed)
    entries = [Contestant(constant(), 1.0, name) for name in dict.fromkeys(optimizers)]
    entries += [Contestant(constant(), 1.0, average=Average.read(text)) for text in dict.fromkeys(averages)]
    if overhead * steps < (least := 400 * (1 + ENTRY * len(entries))):
        raise SearchError(
            f"{overhead * steps:g} updates for the search are too few: at least {least:g}, so steps times overhead ≥ "
            f"{least:g}"
        )
    if strategy not in ("halving", "law"):
        raise SearchError(f"strategy={strategy!r}: give 'halving' or 'law'")
    for peak in (given := tuple(map(float, constant_peaks))):
        check_peak(peak)
    choice = tuple(distinct(map(read, schedules)))
    if not choice:
        raise SearchError("no schedules to choose from: leave schedules out for all of the base set")
    for schedule in choice:  # raises here, and not in the middle of the search
        within(schedule * guard if guard else schedule, steps)
    if strategy == "law":
        predictable(choice)
    contestants = [*entries, *(Contestant(schedule, 1.0) for schedule in choice)]
    if memory is not None:
        warn_of_no_text(contestants)
    trials = Trials(job, seed, {} if memory is None else memory, watch)
    check_all(trials, contestants, steps)
    total = math.floor(overhead * steps)
    budget = math.floor(total / (1 + ENTRY * len(entries)))
    found = _ranged(trials, budget)
    scouts = scouted(trials, found, budget, steps)
    law, noise, most = None, scouts.noise, int(ENTRY * budget)
    if strategy == "law" and scouts.clear:
        left = total - trials.updates
        most = int(left * LAW_ENTRY / (RUNS + LAW_ENTRY * len(entries)))
        best, winner, law = by_law(trials, scouts, predictable(choice), total - most * len(entries), steps)
    elif scouts.clear:
        best, winner = halved(trials, scouts, choice, budget, steps)
    else:
        best, winner, noise = longest(trials, scouts, choice, budget, steps)
    lower = winner.peak / best.contestant.peak
    entered = [_entered(trials, entry, best, min(most, (total - trials.updates) // (len(entries) - i)))
               for i, entry in enumerate(entries)]  # fmt: skip
    first = min((run for run in entered if run), key=final_loss, default=best)
    if first.final_loss < best.final_loss:
        found_rate = finds_its_rate(first.contestant.optimizer)
        winner = replace(first.contestant, peak=1.0 if found_rate else two_digits(first.contestant.peak * lower))
    search_updates, candidates = trials.updates, tuple(trials.runs)
    trials.use(seed)
    if guard:
        winner = replace(winner, schedule=winner.schedule * guard)
    constants: list[Run] = []
    if against_constant:
        constants = _constants(trials, given or tuple(winner.peak * factor for factor in (0.25, 0.5, 1.0, 2.0)), steps)
        while not given and len(constants) < 8 and (further := beyond(constants)):
            constants += _constants(trials, (further,), steps)
    final = trials.run(winner, steps, stage="full run", evaluations=20, keep=True)
    tuned = Tuned(
        job=trials.job, schedule=winner.schedule, peak=winner.peak, steps=steps, final_loss=final.final_loss,
        search_updates=search_updates, range_test=found, law=law, candidates=candidates, final=final,
        constant=min(constants, key=final_loss, default=None), constants=tuple(constants), noise=noise,
        problem=_problem(final, constants, candidates, noise),
    )  # fmt: skip
    full = (final, *constants) if math.isfinite(final.final_loss) else (*candidates, *constants)
    if not any(_learned(run, noise) for run in full):
        raise NothingLearnedError(_nothing(tuned), tuned)
    return tuned


def _learned(run: Run, noise: float) -> bool:
    """Whether a run ended clearly below the untrained loss, where that is known."""
    return not run.gain <= LEARNED * noise


def _nothing(tuned: Tuned) -> str:
    best = max(tuned.candidates, key=lambda run: run.gain, default=tuned.final)
    if best.gain > 2 * LEARNED * tuned.noise > 0:
        return (
            f"nothing learned in the full run, which ended at {tuned.final_loss:.6g}, the untrained loss being "
            f"{tuned.final.untrained:.6g}, though {best.contestant} ended at {best.final_loss:.6g} after {best.steps} "
            "updates: the training loses again what it learned, as by overfitting; train for fewer updates, or at a "
            "lower rate"
        )
    peaks = [run.contestant.peak for run in (*tuned.candidates, *tuned.constants, tuned.final)]
    noise = f" (noise about {tuned.noise:.2g})" if tuned.noise else ""
    ended = f"at {tuned.final_loss:.6g}" if math.isfinite(tuned.final_loss) else "without a finite loss"
    return (
        f"nothing learned at any rate tried, from {min(peaks):.2g} to {max(peaks):.2g}: the full run ended {ended}, "
        f"the untrained loss is {tuned.final.untrained:.6g}{noise}; train longer, or look at the data, the model and "
        "the loss"
    )


def _problem(final: Run, constants: list[Run], candidates: tuple[Run, ...], noise: float) -> str | None:
    """Why the full run is no good, if it isn't."""
    if not math.isfinite(final.final_loss):
        if final.problem:
            return f"the full run was stopped by its guard: {final.problem}"
        data = not_finite((*candidates, *constants, final))
        reason = data or "its peak is too large for so long a run, or the validation loss isn't finite"
        return f"the full run ended after {len(final.losses)} updates without a finite loss: {reason}"
    if not _learned(final, noise):
        return f"the full run ended at {final.final_loss:.6g}, no better than the untrained loss, {final.untrained:.6g}"
    return None


def _ranged(trials: Trials, budget: int) -> RangeTest:
    """The range test, over another range if the first said little; at most an eighth of the budget."""
    steps = min(max(budget // 24, 15), 100)
    found = range_test(trials, low=1e-5, high=10.0, steps=steps, sweeps=3)
    if found.instead is None or budget < 16 * found.updates:
        return found
    low, high = found.instead
    again = range_test(trials, low=low, high=high, steps=steps, sweeps=3)
    return again if again.instead is None else found


def _entered(trials: Trials, entry: Contestant, best: Run, most: int) -> Run | None:
    """Runs another optimizer, or averaged weights, at its best peak for as long as the best so far.

    Its peak is found by shorter runs around its own range test's suggestion, or around the best peak.

    Args:
        trials: makes the runs.
        entry: what enters.
        best: the best run so far.
        most: the updates that it may take; where they don't pay for such a run it can't be compared, and doesn't enter.
    """
    most += trials.updates
    trials.use(trials.opened, entry.optimizer)
    centre, allowed = best.contestant.peak, most - best.steps
    if trials.updates > allowed:
        return None
    if finds_its_rate(entry.optimizer):
        return trials.run(replace(entry, peak=1.0), best.steps, stage=str(entry), share=SHARE)
    steps = min(max((allowed - trials.updates) // 6, 15), 100)
    if entry.optimizer and trials.updates + steps <= allowed:
        centre = range_test(trials, low=1e-5, high=10.0, steps=steps, sweeps=1).suggestion
    affordable = (allowed - trials.updates) // SHORTEST
    peaks = [two_digits(centre * 2.0**power) for power in (0, -1, 1, -2, 2)[: max(affordable, 1)]]
    if len(peaks) > 1:
        short = (allowed - trials.updates) // len(peaks)
        tried = [trials.run(replace(entry, peak=peak), short, stage=str(entry), share=SHARE) for peak in peaks]
        peaks = [min(tried, key=final_loss).contestant.peak]
    return trials.run(replace(entry, peak=peaks[0]), best.steps, stage=str(entry), share=SHARE)


def _constants(trials: Trials, rates: Iterable[float], steps: int) -> list[Run]:
    contestants = [Contestant(constant(), two_digits(rate)) for rate in rates]
    return [trials.run(contestant, steps, stage="constant rates") for contestant in contestants]
