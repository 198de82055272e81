"""The race: every schedule at every peak rate, from the same initial state."""

from __future__ import annotations

import hashlib
import math
from collections.abc import MutableMapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from glideslope.averages import Average
from glideslope.documents import shown
from glideslope.errors import SearchError
from glideslope.plural import plural
from glideslope.policy import Policy, as_policy
from glideslope.schedules import constant
from glideslope.schedules.amounts import check_peak, check_positive, real
from glideslope.search.jobs.equality import equal
from glideslope.search.jobs.job import Job, JobFactory
from glideslope.search.jobs.scalars import whole
from glideslope.search.progress import Watch, unwatched
from glideslope.search.runs.checks import check_all, check_lists, texts, warn_of_no_text
from glideslope.search.runs.contestant import Contestant, Run, distinct, finds_its_rate
from glideslope.search.runs.labels import label
from glideslope.search.runs.trial import Trial
from glideslope.search.strategy.ignored import warn_of_ignored_rate
from glideslope.search.trials import Trials, releasing
from glideslope.shown import Shown
from glideslope.warning import warn


@dataclass(frozen=True)
class Standing:
    """How a contestant did, over all seeds."""

    contestant: Contestant  # the schedule and its peak rate
    runs: tuple[Run, ...]  # one for each seed
    mean: float  # the mean final validation loss, infinite if a run diverged
    standard_error: float  # of the mean; NaN with one seed
    updates_to_target: float | None
    """The median number of updates until the validation loss was at the target, None if never."""

    def __eq__(self, other: object) -> bool:
        return equal(self, other)

    def __repr__(self) -> str:
        error = "" if math.isnan(self.standard_error) else f" ± {self.standard_error:.2g}"
        return f"<Standing: {self.contestant}, {plural(len(self.runs), 'run')}, validation loss {self.mean:.4g}{error}>"


@dataclass(frozen=True)
class Race(Shown):
    """The standings, best first."""

    standings: tuple[Standing, ...]  #: every contestant, best first
    #: The best contestant, and those within noise of it; with one seed, which doesn't show the noise, those that end
    #: exactly as low.
    tied: tuple[Contestant, ...]
    constant: Standing  #: the best constant rate, the reference
    target: float  #: the validation loss to reach
    updates: int  #: all updates made, those that a guard took back too
    left_out: tuple[str, ...] = ()  #: the schedules that weren't run, each with the one that has the same curve
    wasted: int = field(default=0, compare=False)
    """Updates made again after a process was lost, as far as that is known; not compared."""

    def __eq__(self, other: object) -> bool:
        return equal(self, other)

    @property
    def learned(self) -> bool:
        """Whether the best ended below the untrained loss, in the mean over the seeds, as far as that is known."""
        best = self.standings[0]
        return math.isfinite(best.mean) and not best.mean >= np.mean([run.untrained for run in best.runs])

    def __repr__(self) -> str:
        best = self.standings[0]
        return (
            f"<Race of {plural(len(self.standings), 'contestant')} with {plural(len(best.runs), 'seed')}: "
            f"best {best.contestant}, {best.mean:.4g}; best constant rate "
            f"{self.constant.contestant.peak:g}, {self.constant.mean:.4g}; {plural(self.updates, 'update')}>"
        )


@releasing
def race(
    job: Job | JobFactory, schedules: Sequence[Policy], steps: int, peaks: Sequence[float], *,
    optimizers: Sequence[str] = (), averages: Sequence[str] = (), seeds: int = 1, seed: int = 0,
    target: float | None = None, evaluations: int = 20, memory: MutableMapping[str, dict[str, Any]] | None = None,
    watch: Watch = unwatched, executor: Executor | None = None,
) -> Race:  # fmt: skip
    """Runs every schedule at every peak rate, and every peak as a constant rate, from the same initial state.

    Schedules with the same curve, as `hold()` and `constant()`, are one contestant.

    Args:
        job: a job, or a function from a seed to a job; several seeds need the function, or a job with `reseed`.
        schedules: the schedules, or their texts; a feedback in one gets the validation loss of each evaluation.
        steps: the updates of each run.
        peaks: the peak rates.
        optimizers: names of optimizers with which everything is run too, such as "adagrad" or "schedule-free", where
            the job is made by `job(seed, optimizer=None)`; one that finds its rate itself runs at a peak of 1 only.
        averages: averages of the weights with which everything is measured too: "ema(0.99)", "swa(75%)".
        seeds: the number of seeds with which everything is run; one doesn't show the noise, so differences below that
            can't be told from chance.
        seed: the first.
        target: the validation loss to reach; by default the final loss of the best constant rate.
        evaluations: the measurements of the validation loss in a run.
        memory: results of finished runs, from which an interrupted search continues.
        watch: is called with the `Progress` at each look at the loss.
        executor: makes the runs, all at once if it has so many workers; each worker makes jobs by the function.

    Raises:
        SearchError: there are no schedules or peaks, or a peak or another number isn't positive.
        JobError: a call of the job fails, or the job trains with another optimizer as without it.
    """
    if np.ndim(steps):  # the order before
        raise SearchError(f"steps={shown(steps)}, peaks={shown(peaks)}: give race(job, schedules, steps, peaks)")
    check_positive(steps=steps, seeds=seeds, evaluations=evaluations)
    steps, seeds, evaluations = whole("steps", steps), whole("seeds", seeds), whole("evaluations", evaluations)
    check_lists(schedules=schedules, peaks=peaks)
    seed, schedules, peaks = whole("seed", seed), list(schedules), [check_peak(peak) for peak in peaks]
    target = None if target is None else real("target", target)
    if not schedules or not peaks:
        raise SearchError("a race needs at least one schedule and one peak rate")
    if target is not None and not math.isfinite(target):
        raise SearchError(f"target={target}: it must be a finite loss")
    distinct_schedules = distinct([*(as_policy(schedule).value for schedule in schedules), constant()])
    for schedule in distinct_schedules:
        as_policy(schedule).within(steps)  # raises here, and not in the middle of the race
    averaged = dict.fromkeys(map(Average.read, texts("averages", averages)))
    contestants = [
        Contestant(schedule, peak, optimizer, average)
        for optimizer in [None, *texts("optimizers", optimizers)]
        for schedule in distinct_schedules
        for peak in dict.fromkeys([1.0] if finds_its_rate(optimizer) else peaks)
        for average in [None, *averaged]
        if average is None or not (optimizer or "").startswith("schedule-free")  # which averages itself
    ]
    contestants, left_out = once(contestants, steps)
    if memory is not None:
        warn_of_no_text(contestants)
    trials = Trials(job, seed, {} if memory is None else memory, watch, executor)
    check_all(trials, contestants, steps)
    trials.bound = trials.updates + seeds * steps * len(contestants)
    plan = [
        Trial(contestant, steps, seed + i, min(evaluations, steps)) for i in range(seeds) for contestant in contestants
    ]
    runs = trials.run_all(plan, stage="race")
    warn_of_ignored_rate(runs)
    by_contestant = [runs[i :: len(contestants)] for i in range(len(contestants))]
    if seeds > 1 and all(map(_is_one_run, by_contestant)):
        warn(
            f"all {seeds} seeds gave the same losses, so the standard error says nothing: let job(seed) draw its "
            "weights and the order of its data by the seed"
        )
    return replace(standings(by_contestant, target, trials.updates), left_out=left_out, wasted=trials.wasted)


def _is_one_run(runs: Sequence[Run]) -> bool:
    """Whether runs of several seeds have the same losses: the job makes nothing of its seed."""
    return all(np.array_equal(run.losses, runs[0].losses) for run in runs)


def standings(runs: Sequence[Sequence[Run]], target: float | None, updates: int) -> Race:
    """The race that these runs were, those of each contestant together."""
    order = sorted(runs, key=mean_loss)
    reference = next(one for one in order if one[0].contestant == Contestant(constant(), one[0].contestant.peak))
    goal = mean_loss(reference) if target is None else target
    table = [Standing(one[0].contestant, tuple(one), mean_loss(one), _error(one), _reached(one, goal)) for one in order]
    tied = tuple(one[0].contestant for one in within_noise(order))
    return Race(tuple(table), tied, table[order.index(reference)], goal, updates)


def mean_loss(runs: Sequence[Run]) -> float:
    """The mean final loss, infinite if a run diverged."""
    return float(np.mean([run.final_loss for run in runs]))


def _error(runs: Sequence[Run]) -> float:
    losses = [run.final_loss for run in runs]
    if len(losses) < 2 or not np.all(np.isfinite(losses)):
        return math.nan
    with np.errstate(over="ignore"):
        return float(np.std(losses, ddof=1) / math.sqrt(len(losses)))


def within_noise(order: Sequence[Sequence[Run]]) -> list[Sequence[Run]]:
    """The best, and those whose mean difference from it, seed by seed, is under two of its standard errors. With a few
    seeds a contestant's own spread says little, and one that almost diverges has a huge one. So the spread of all is
    taken, the median over them; where there is none, as with one seed, those that end exactly as low count."""
    best = order[0]
    gaps = [np.array([b.final_loss - a.final_loss for a, b in zip(best, runs, strict=True)]) for runs in order]
    with np.errstate(over="ignore"):
        spreads = [gap.std(ddof=1) for gap in gaps[1:] if len(best) > 1 and np.all(np.isfinite(gap))]
    noise = 2 * float(np.median(spreads)) / math.sqrt(len(best)) if spreads else 0.0
    return [best, *(runs for runs, gap in zip(order[1:], gaps[1:], strict=True) if gap.mean() <= noise)]


def _reached(runs: Sequence[Run], target: float) -> float | None:
    """The median over runs of the updates until the validation loss was at the target."""
    first = [next((step for step, loss in run.evaluations if loss <= target), math.inf) for run in runs]
    median = float(np.median(first)) if len(first) % 2 or math.isfinite(max(first)) else max(first)
    return median if math.isfinite(median) else None


_DIGITS = 10  # decimals of a rate over its largest to which two are equal: formulas differ by rounding alone


def once(contestants: Sequence[Contestant], steps: int) -> tuple[list[Contestant], tuple[str, ...]]:
    """The contestants of runs of so many updates, each curve once, in order; and what was left out, with what has the
    same curve. Of several the constant rate stays, which others are compared with; else the first."""
    first: dict[str, Contestant] = {}
    left_out: dict[str, None] = {}
    for one in sorted(contestants, key=lambda contestant: contestant.schedule != constant()):
        same = first.setdefault(_curve(one, steps), one)
        if same != one:
            left_out[_said(one, same)] = None
    kept = list(first.values())
    return [one for one in contestants if one in kept], tuple(left_out)


def _curve(contestant: Contestant, steps: int) -> str:
    rates = contestant.rates(steps)
    largest = float(np.max(np.abs(rates), initial=0.0)) or 1.0
    digest = hashlib.sha256(np.round(rates / largest, _DIGITS).tobytes())
    for name, values in sorted(contestant.controls(steps).items()):
        digest.update(name.encode() + values.tobytes())
    what = (f"{largest:.10g}", contestant.optimizer, contestant.average, *map(label, contestant.policy.feedbacks))
    return f"{what} {len(rates)} {digest.hexdigest()}"


def _said(left: Contestant, same: Contestant) -> str:
    if left.peak == same.peak:
        return f"{left.name}: the same curve as {same.name}"
    return f"{left}: the same curve as {same}"
