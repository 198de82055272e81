"""The range test: raise the rate geometrically and watch the loss (Smith 2017, arXiv:1506.01186)."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace

import numpy as np

from glideslope.errors import SearchError
from glideslope.plural import plural
from glideslope.schedules.amounts import real
from glideslope.schedules.numbers import short
from glideslope.search.jobs.calls import calling
from glideslope.search.jobs.job import Job, JobFactory
from glideslope.search.jobs.scalars import whole
from glideslope.search.jobs.start import by_edge, kind, mean_fan_in, optimizer_name
from glideslope.search.jobs.time_limit import one_run
from glideslope.search.progress import Watch, unwatched
from glideslope.search.runs.drive import drive
from glideslope.search.strategy import ignored
from glideslope.search.strategy.sweep import LASTING, Sweep, bad_data, batch_noise, blown_up, untrained_level
from glideslope.search.trials import Trials
from glideslope.shown import Shown

logger = logging.getLogger("glideslope")

_MOST_STEPS = 10_000_000  # updates of a sweep, whose rates are an array
_COMPARED = 10  # updates at the largest rate, where no sweep rose, that tell whether the rate counts
BELOW_EDGE = 10.0  # by how much the suggestion is below the largest stable rate where nothing else is known


@dataclass(frozen=True)
class RangeTest(Shown):
    """What several sweeps say about the rate.

    All rates depend on the length of the sweeps: in a longer sweep each rate acts for longer, so the loss mostly falls,
    and rises, at lower rates.
    """

    sweeps: tuple[Sweep, ...]  #: from the same weights, in different data orders
    steepest: float  #: the median over the sweeps
    minimum: float  #: the median over the sweeps
    largest_stable: float  #: the median over the sweeps
    #: The peak to try: by the largest stable rate and the kind of the optimizer, the median over the sweeps. Where the
    #: kind isn't known, the geometric mean of the steepest point and half the largest stable rate; or where the fall
    #: isn't clear, a tenth of the largest stable rate, since the steepest point is then noise.
    suggestion: float
    #: The least and the greatest suggestion of a single sweep. It shows how far the sweeps agree, and not how far their
    #: suggestion is from the best rate of a training.
    spread: tuple[float, float]
    noise: float  #: the standard deviation of the loss of a batch
    fall: float  #: how far the smoothed loss fell below the untrained loss, the mean over the sweeps
    clear: bool  #: whether that is more than noise
    steps: int  #: the updates of a whole sweep
    problem: str | None  #: why the sweeps say little and what to do, or None
    instead: tuple[float, float] | None  #: another range to try, or None
    updates: int  #: all that were made, those of the first checks too
    basis: str  #: the basis of the suggestion, for a sentence

    def __repr__(self) -> str:
        return (
            f"<RangeTest: peak to try {self.suggestion:.2g}, largest stable rate {self.largest_stable:.2g}; "
            f"{plural(len(self.sweeps), 'sweep')} of {plural(self.steps, 'update')}>"
        )


def find(
    job: Job | JobFactory, *, low: float = 1e-5, high: float = 10.0, steps: int = 100, sweeps: int = 5, seed: int = 0,
    watch: Watch = unwatched,
) -> RangeTest:  # fmt: skip
    """Finds a rate to train with, by short sweeps from very small to very large rates; the job is put back at the end.

    The rates found depend on `steps`: see `RangeTest`.

    Args:
        job: a job, or a function from a seed to a job.
        low: the rate at which a sweep begins.
        high: the rate at which it ends, unless the loss blows up before.
        steps: updates in a sweep.
        sweeps: the number of sweeps, each in another data order; a job without `reseed` gets one sweep.
        seed: of the first sweep.
        watch: is called with the `Progress` at each look at the loss.

    Raises:
        SearchError: the range is empty, or there are too few steps or sweeps.
        JobError: the loss is not finite from the first update, or a call of the job fails.
    """
    seed = whole("seed", seed)
    return range_test(Trials(job, seed, watch=watch), low=low, high=high, steps=steps, sweeps=sweeps)


def range_test(trials: Trials, *, low: float, high: float, steps: int, sweeps: int) -> RangeTest:
    """The range test on a job that is already open."""
    low, high, steps, sweeps = real("low", low), real("high", high), whole("steps", steps), whole("sweeps", sweeps)
    if not 0 < low < high < math.inf:
        raise SearchError(f"a range from {low} to {high}: give 0 < low < high")
    if not 10 <= steps <= _MOST_STEPS:
        raise SearchError(f"a sweep of {short(steps)} updates: give at least 10, and not over {_MOST_STEPS:,}")
    if not 1 <= sweeps <= _MOST_STEPS:
        raise SearchError(f"{short(sweeps)} sweeps: give at least 1, and not over {_MOST_STEPS:,}")
    if not trials.can_reseed:
        sweeps = 1
    rates = np.geomspace(low, high, steps)
    trials.bound = trials.updates + steps * sweeps
    optimizer = trials.optimizer or optimizer_name(trials.job)
    losses = [_swept(trials, rates, i, sweeps) for i in range(sweeps)]
    result = summary(losses, rates, optimizer, mean_fan_in(trials.job))
    if result.clear and not any(sweep.rises for sweep in result.sweeps):
        trials.bound += _COMPARED
        at_once = _swept(trials, np.full(_COMPARED, high), 0, sweeps)
        if np.array_equal(at_once, losses[0][: len(at_once)]):
            ignored.warn_by(f"{_COMPARED} updates at {high:g} gave the losses of a sweep that begins at {low:g}")
    return replace(result, updates=trials.updates)


def summary(
    losses: list[np.ndarray], rates: np.ndarray, optimizer: str | None = None, fan_in: float | None = None
) -> RangeTest:
    """What sweeps over the same rates, shape (n,), say: by the losses of each, shape (m,), m below n where it ended
    early, the name of the optimizer's class, and the mean fan-in of the network."""
    level, noise = untrained_level(losses), batch_noise(losses)
    sweeps = tuple(Sweep(rates[: len(one)], one, level, noise) for one in losses)
    fall = float(np.mean([sweep.fall for sweep in sweeps]))
    clear = fall > _noise_of_a_fall(sweeps)
    edge = _median([sweep.largest_stable for sweep in [s for s in sweeps if not s.sudden] or sweeps])
    suggestions = [_suggested(sweep, clear, by_edge(sweep.largest_stable, optimizer, fan_in)) for sweep in sweeps]
    problem, instead = _problem(sweeps, rates, clear)
    return RangeTest(
        sweeps=sweeps, steepest=_median([sweep.steepest for sweep in sweeps]),
        minimum=_median([sweep.minimum for sweep in sweeps]), largest_stable=edge,
        suggestion=_median(suggestions) if clear else by_edge(edge, optimizer, fan_in) or edge / BELOW_EDGE,
        spread=(min(suggestions), max(suggestions)), noise=noise, fall=fall, clear=clear, steps=len(rates),
        problem=problem, instead=instead, updates=sum(map(len, losses)), basis=_basis(clear, optimizer),
    )  # fmt: skip


def _basis(clear: bool, optimizer: str | None) -> str:
    """What a suggestion is taken from, for a sentence."""
    if kind(optimizer):
        return f"by the largest stable rate and what is usual for {optimizer}"
    if clear:
        return "between the steepest fall and the largest stable rate"
    return f"the largest stable rate over {BELOW_EDGE:g}"


def _suggested(sweep: Sweep, clear: bool, by_kind: float | None) -> float:
    if by_kind:
        return by_kind
    return math.sqrt(sweep.steepest * sweep.largest_stable / 2) if clear else sweep.largest_stable / BELOW_EDGE


def _noise_of_a_fall(sweeps: tuple[Sweep, ...]) -> float:
    """What the mean fall of sweeps hardly exceeds where nothing falls. The lowest point of an average of noise lies
    some two of its standard deviations below the level, seldom four; the level is a mean of a tenth of the losses, and
    counts with three standard errors."""
    losses = sum(max(len(sweep.losses) // 10, 3) for sweep in sweeps)
    return sweeps[0].noise * (4 * LASTING + 3 / math.sqrt(losses))


def _problem(
    sweeps: tuple[Sweep, ...], rates: np.ndarray, clear: bool
) -> tuple[str | None, tuple[float, float] | None]:
    """Why sweeps say little, and another range to try."""
    low, high = float(rates[0]), float(rates[-1])
    if data := bad_data([(sweep.largest_stable, sweep.sudden) for sweep in sweeps]):
        return data, None
    if all(sweep.sudden for sweep in sweeps):
        rate = _median([float(sweep.rates[-1]) for sweep in sweeps])
        return f"the loss wasn't finite at a rate of {rate:.2g}, without having risen before: look at the data", None
    early = max(len(rates) // 8, 2)  # updates
    if np.median([len(sweep.rates) if sweep.rises else len(rates) for sweep in sweeps]) < 12 or (
        np.median([sweep.largest_stable for sweep in sweeps]) <= rates[early] and any(sweep.rises for sweep in sweeps)
    ):
        low, high = low / 1e4, high / 1e3
        return f"the loss rose from the start: try a range from {low:.0e} to {high:.0e}", (low, high)
    rising = np.median([sweep.rises for sweep in sweeps]) >= 0.5
    last = np.median([sweep.minimum for sweep in sweeps]) >= rates[-max(len(rates) // 10, 1)]
    if not rising and (last or not clear):
        low, high = low * 1e4, high * 1e4
        return f"the loss hardly moved, or still fell at the end: try a range from {low:.0e} to {high:.0e}", (low, high)
    if not clear:
        return (
            "the loss fell by no more than the noise of its batches; the suggestion is by the largest stable rate "
            "alone, and may be far from the best: more sweeps, or larger batches, would tell"
        ), None
    return None, None


def _swept(trials: Trials, rates: np.ndarray, index: int, of: int) -> np.ndarray:
    """The losses of a sweep from the initial state."""
    key = f"sweep {index} from {rates[0]} to {rates[-1]} in {len(rates)}, seed {trials.opened}"
    key += f" with {trials.optimizer}" if trials.optimizer else ""
    if key not in trials.memory:

        def look(done: int, loss: float) -> None:
            trials.progress("range test", f"sweep {index + 1} of {of}", done, len(rates), loss)

        name = f"sweep {index + 1} from {rates[0]:g} to {rates[-1]:g}"
        trials.restore(name)
        try:
            if index:
                with calling("reseed", f"before {name}"):
                    trials.job.reseed(1_000_003 * (trials.opened + 1) + index)  # type: ignore[attr-defined]
            with one_run(name):
                losses = drive(trials.job.step, rates, blown_up, look, 1, what=name)
            trials.memory[key] = {"rates": rates.tolist(), "losses": losses}
            logger.info("range test: %s ended after %d updates at a loss of %.6g", name, len(losses), losses[-1])
        finally:
            trials.restore(f"after {name}")
    losses = trials.memory[key]["losses"]
    trials.updates += len(losses)
    return np.asarray(losses, dtype=float)


def _median(rates: list[float]) -> float:
    return float(np.exp(np.median(np.log(rates))))
