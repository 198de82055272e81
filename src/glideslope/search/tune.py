"""Tune: the peak rate and the schedule of a full run, found by short complete runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, replace
from typing import Any

from glideslope.errors import SearchError
from glideslope.feedback import Controlled, Feedback, Guard
from glideslope.schedules import Schedule, constant, hold, parse, warmup
from glideslope.search.average import Average
from glideslope.search.contestant import Contestant, Given, Run, finds_its_rate, read
from glideslope.search.job import Job, JobFactory
from glideslope.search.race import check_peak, check_positive
from glideslope.search.range_test import RangeTest, range_test
from glideslope.search.trials import Trials, Watch, check_all, unwatched

_BARE = (
    "constant()", "power()", "exponential()", "piecewise()", "one_cycle()", "linear()", "cosine()", "polynomial()",
    "inverse_sqrt(0, timescale=5%)", "hold() >> cooldown(20%)",
)  # fmt: skip
SCHEDULES: tuple[Schedule, ...] = tuple(parse(text) for text in _BARE) + tuple(
    warmup("5%") >> parse(text) for text in _BARE
)
"""Every complete schedule of the base set, without and with a short warmup."""

SCOUTS = (hold() >> parse("cooldown(20%)"), parse("linear()"))
"""The schedules that first look for the peak: the one with most of its time at the peak, and the plainest decay."""


SHARE = 0.01
"""What measuring the validation loss may cost, as a part of a short run."""

ENTRY = 0.2
"""What an optimizer, or an average of weights, takes of the budget, beside 1 for all that comes before."""

SHORTEST = 10
"""Updates of the shortest run."""

FEEDBACK_EVALUATIONS = 20
"""How often a short run with feedback is measured, as a full run is."""

EXPONENT = 0.32
"""How fast the best peak rate falls with the length of the run, before anything is measured."""


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


@dataclass(frozen=True)
class Tuned:
    """What tune found, and the training it made.

    Attributes:
        job: the job, trained.
        schedule, peak, steps: what it was trained with; `final.contestant` also has the optimizer and the average.
        final_loss: the validation loss it ended with.
        search_updates: all updates made before the final run.
        range_test: the range test.
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
    candidates: tuple[Run, ...]
    final: Run
    constant: Run | None
    constants: tuple[Run, ...]


def tune(
    job: Job | JobFactory,
    steps: int,
    *,
    overhead: float = 2.0,
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
        SearchError: steps or overhead aren't positive, or leave too few updates for a search.
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
    for peak in (given := tuple(constant_peaks)):
        check_peak(peak)
    choice = tuple(dict.fromkeys(map(read, schedules)))
    if not choice:
        raise SearchError("no schedules to choose from: leave schedules out for all of the base set")
    for schedule in choice:  # raises here, and not in the middle of the search
        (schedule * guard if guard else schedule).over(steps)
    trials = Trials(job, seed, {} if memory is None else memory, watch)
    check_all(trials, [*entries, *(Contestant(schedule, 1.0) for schedule in choice)], steps)
    budget = math.floor(overhead * steps / (1 + ENTRY * len(entries)))
    found = _ranged(trials, budget)
    best = _scouted(trials, found, budget, steps)
    for i, rung in enumerate(RUNGS):
        best = _climbed(trials, best, rung, choice, f"round {i + 1}", budget, steps)
    own = list(trials.runs)
    for entry in entries:
        _entered(trials, entry, best[0], budget)
    best = sorted((run for run in trials.runs if run.steps == best[0].steps), key=_final_loss)
    search_updates, candidates = trials.updates, tuple(trials.runs)
    trials.use(seed)
    winner = best[0].contestant
    if not finds_its_rate(winner.optimizer):
        winner = replace(winner, peak=_two_digits(winner.peak * _drift(own, steps)))
    if guard:
        winner = replace(winner, schedule=winner.schedule * guard)
    constants: list[Run] = []
    if against_constant:
        constants = _constants(trials, given or tuple(winner.peak * factor for factor in (0.25, 0.5, 1.0, 2.0)), steps)
        while not given and len(constants) < 8 and (further := _beyond(constants)):
            constants += _constants(trials, (further,), steps)
    final = trials.run(winner, steps, stage="full run", evaluations=20, keep=True)
    return Tuned(
        job=trials.job, schedule=winner.schedule, peak=winner.peak, steps=steps, final_loss=final.final_loss,
        search_updates=search_updates, range_test=found, candidates=candidates, final=final,
        constant=min(constants, key=_final_loss, default=None), constants=tuple(constants),
    )  # fmt: skip


def _ranged(trials: Trials, budget: int) -> RangeTest:
    """The range test, over another range if the first said little; at most an eighth of the budget."""
    low, high, steps = 1e-5, 10.0, min(max(budget // 24, 15), 100)
    found = range_test(trials, low=low, high=high, steps=steps, sweeps=3)
    if found.problem is None or budget < 16 * found.updates:
        return found
    shift = 1e-4 if found.minimum < 10 * low else 1e4
    return range_test(trials, low=low * shift, high=high * shift, steps=steps, sweeps=3)


def _scouted(trials: Trials, found: RangeTest, budget: int, steps: int) -> list[Run]:
    """Runs of the scouts at peaks from the suggestion outwards, and on while the best is at an end; best first."""
    peaks = [_two_digits(found.suggestion * 2.0**power) for power in (-3, -2, -1, 0, 1, 2)]
    length = min(max(int(0.15 * budget / (len(peaks) * len(SCOUTS))), 10), steps)
    runs: list[Run] = []
    further: float | None = None
    while peaks or ((further := _beyond(runs)) and trials.updates + len(SCOUTS) * length < budget / 2):
        peak = peaks.pop(0) if peaks else _two_digits(further or 0.0)
        runs += [trials.run(Contestant(schedule, peak), length, stage="peaks", share=SHARE) for schedule in SCOUTS]
    return sorted(runs, key=_final_loss)


def _climbed(
    trials: Trials, best: list[Run], rung: Rung, choice: tuple[Given, ...], stage: str, budget: int, steps: int
) -> list[Run]:
    """The runs of one round, best first; no more of them than what is left of the budget pays for."""
    if not math.isfinite(best[0].final_loss):
        if any(len(run.losses) == run.steps and math.isfinite(run.losses[-1]) for run in best):
            raise SearchError(
                "no run has a finite validation loss, though its training loss is: look at the validation data"
            )
        raise SearchError("every run diverged: the rates tried are all too large for this job")
    peak = best[0].contestant.peak
    ranked = choice if rung.schedules is None else tuple(dict.fromkeys(run.contestant.schedule for run in best))
    contestants = [Contestant(s, _two_digits(peak * factor)) for s in ranked[: rung.schedules] for factor in rung.peaks]
    # Of a few schedules the first rounds would be the longer ones: none is longer than the last.
    share = min(rung.share / len(contestants), RUNGS[-1].share / 4)
    length = min(max(int(share * budget), SHORTEST), steps)
    affordable = contestants[: (budget - trials.updates) // length]
    runs = [trials.run(own, length, stage=stage, share=SHARE, evaluations=_evaluations(own)) for own in affordable]
    return sorted(runs, key=_final_loss) or best


def _entered(trials: Trials, entry: Contestant, best: Run, budget: int) -> None:
    """Runs another optimizer, or averaged weights, at its best peak for as long as the best so far.

    Its peak is found by shorter runs around its own range test's suggestion, or around the best peak.
    """
    trials.use(trials.opened, entry.optimizer)
    centre, allowed = best.contestant.peak, trials.updates + int(ENTRY * budget) - best.steps
    if finds_its_rate(entry.optimizer):
        trials.run(replace(entry, peak=1.0), best.steps, stage=str(entry), share=SHARE)
        return
    if entry.optimizer:
        centre = range_test(trials, low=1e-5, high=10.0, steps=min(max(allowed // 6, 15), 100), sweeps=1).suggestion
    affordable = (allowed - trials.updates) // SHORTEST
    peaks = [_two_digits(centre * 2.0**power) for power in (0, -1, 1, -2, 2)[: max(affordable, 1)]]
    if len(peaks) > 1:
        short = (allowed - trials.updates) // len(peaks)
        tried = [trials.run(replace(entry, peak=peak), short, stage=str(entry), share=SHARE) for peak in peaks]
        peaks = [min(tried, key=_final_loss).contestant.peak]
    trials.run(replace(entry, peak=peaks[0]), best.steps, stage=str(entry), share=SHARE)


def _evaluations(contestant: Contestant) -> int:
    """How often a short run is measured: at its end, and on the way where a feedback is to answer."""
    return FEEDBACK_EVALUATIONS if isinstance(contestant.schedule, Controlled) else 1


def _final_loss(run: Run) -> float:
    return run.final_loss


def _constants(trials: Trials, rates: Iterable[float], steps: int) -> list[Run]:
    contestants = [Contestant(constant(), _two_digits(rate)) for rate in rates]
    return [trials.run(contestant, steps, stage="constant rates") for contestant in contestants]


def _beyond(runs: list[Run]) -> float | None:
    """The next rate to try where the best is the least or the greatest tried."""
    peaks = sorted(run.contestant.peak for run in runs)
    best = min(runs, key=_final_loss).contestant.peak
    return best / 2 if best == peaks[0] else best * 2 if best == peaks[-1] else None


def _drift(runs: list[Run], steps: int) -> float:
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


def _two_digits(rate: float) -> float:
    """A rate to write down: two significant digits."""
    return float(f"{rate:.2g}")
