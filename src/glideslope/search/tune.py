"""Tune: the peak rate and the schedule of a full run, found by short complete runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from glideslope.errors import SearchError
from glideslope.feedback import Feedback, Guard
from glideslope.schedules import Schedule, constant, parse, warmup
from glideslope.search.average import Average
from glideslope.search.by_law import by_law, predictable
from glideslope.search.contestant import Contestant, Given, Run, finds_its_rate, read
from glideslope.search.halving import SHORTEST, halved
from glideslope.search.job import Job, JobFactory
from glideslope.search.peaks import SHARE, beyond, final_loss, scouted, two_digits
from glideslope.search.race import check_peak, check_positive
from glideslope.search.range_test import RangeTest, range_test
from glideslope.search.trials import Trials, Watch, check_all, unwatched

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
        JobError: the training loss isn't finite from the first update.
    """
    check_positive(steps=steps, overhead=overhead)
    entries = [Contestant(constant(), 1.0, name) for name in dict.fromkeys(optimizers)]
    entries += [Contestant(constant(), 1.0, average=Average.read(text)) for text in dict.fromkeys(averages)]
    if overhead * steps < (least := 400 * (1 + ENTRY * len(entries))):
        raise SearchError(
            f"{overhead * steps:g} updates for the search are too few: at least {least:g}, so steps times overhead ≥ "
            f"{least:g}"
        )
    if strategy not in ("halving", "law"):
        raise SearchError(f"strategy={strategy!r}: give 'halving' or 'law'")
    for peak in (given := tuple(constant_peaks)):
        check_peak(peak)
    choice = tuple(dict.fromkeys(map(read, schedules)))
    if not choice:
        raise SearchError("no schedules to choose from: leave schedules out for all of the base set")
    for schedule in choice:  # raises here, and not in the middle of the search
        (schedule * guard if guard else schedule).over(steps)
    if strategy == "law":
        predictable(choice)
    trials = Trials(job, seed, {} if memory is None else memory, watch)
    check_all(trials, [*entries, *(Contestant(schedule, 1.0) for schedule in choice)], steps)
    budget = math.floor(overhead * steps / (1 + ENTRY * len(entries)))
    found = _ranged(trials, budget)
    scouts = scouted(trials, found, budget, steps)
    law = None
    if strategy == "law":
        best, winner, law = by_law(trials, scouts, predictable(choice), budget, steps)
    else:
        best, winner = halved(trials, scouts, choice, budget, steps)
    lower = winner.peak / best.contestant.peak
    entered = min((_entered(trials, entry, best, budget) for entry in entries), key=final_loss, default=best)
    if entered.final_loss < best.final_loss:
        found_rate = finds_its_rate(entered.contestant.optimizer)
        winner = replace(entered.contestant, peak=1.0 if found_rate else two_digits(entered.contestant.peak * lower))
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
    return Tuned(
        job=trials.job, schedule=winner.schedule, peak=winner.peak, steps=steps, final_loss=final.final_loss,
        search_updates=search_updates, range_test=found, law=law, candidates=candidates, final=final,
        constant=min(constants, key=final_loss, default=None), constants=tuple(constants),
    )  # fmt: skip


def _ranged(trials: Trials, budget: int) -> RangeTest:
    """The range test, over another range if the first said little; at most an eighth of the budget."""
    low, high, steps = 1e-5, 10.0, min(max(budget // 24, 15), 100)
    found = range_test(trials, low=low, high=high, steps=steps, sweeps=3)
    if found.problem is None or budget < 16 * found.updates:
        return found
    shift = 1e-4 if found.minimum < 10 * low else 1e4
    return range_test(trials, low=low * shift, high=high * shift, steps=steps, sweeps=3)


def _entered(trials: Trials, entry: Contestant, best: Run, budget: int) -> Run:
    """Runs another optimizer, or averaged weights, at its best peak for as long as the best so far.

    Its peak is found by shorter runs around its own range test's suggestion, or around the best peak.
    """
    trials.use(trials.opened, entry.optimizer)
    centre, allowed = best.contestant.peak, trials.updates + int(ENTRY * budget) - best.steps
    if finds_its_rate(entry.optimizer):
        return trials.run(replace(entry, peak=1.0), best.steps, stage=str(entry), share=SHARE)
    if entry.optimizer:
        centre = range_test(trials, low=1e-5, high=10.0, steps=min(max(allowed // 6, 15), 100), sweeps=1).suggestion
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
