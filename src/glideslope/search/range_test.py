"""The range test: raise the rate geometrically and watch the loss (Smith 2017, arXiv:1506.01186)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from glideslope.errors import SearchError
from glideslope.search.course import drive
from glideslope.search.job import Job, JobFactory
from glideslope.search.trials import Progress, Trials, Watch, unwatched

SMOOTHING = 0.9
DIVERGED = 4.0
"""A sweep stops when its smoothed loss is this many times its minimum."""


@dataclass(frozen=True)
class Sweep:
    """One sweep: the rate of each update made and its training loss, arrays of the same shape (n,)."""

    rates: np.ndarray
    losses: np.ndarray

    @property
    def smoothed(self) -> np.ndarray:
        """The losses' exponential average with bias correction, shape (n,); infinite from a non-finite loss on."""
        return smoothed(self.losses)

    @property
    def minimum(self) -> float:
        """The rate at which the smoothed loss is least."""
        return float(self.rates[int(np.argmin(self.smoothed))])

    @property
    def steepest(self) -> float:
        """The rate, up to the minimum, at which the smoothed loss falls fastest against the logarithm of the rate."""
        fall = self.smoothed[: int(np.argmin(self.smoothed)) + 1]
        return float(self.rates[int(np.argmin(np.gradient(fall)))]) if len(fall) > 2 else self.minimum

    @property
    def largest_stable(self) -> float:
        """The largest rate before the smoothed loss rises by a tenth of what it had fallen, or of its minimum."""
        curve, at = self.smoothed, int(np.argmin(self.smoothed))
        bound = curve[at] + 0.1 * max(curve[0] - curve[at], abs(curve[at]))
        beyond = np.flatnonzero(curve[at:] > bound)
        return float(self.rates[at + beyond[0] - 1 if len(beyond) else -1])

    @property
    def suggestion(self) -> float:
        """The geometric mean of the steepest point and the largest stable rate over two.

        The steepest point alone is ruled by noise; the edge of stability is sharp but too high to train at.
        """
        return math.sqrt(self.steepest * self.largest_stable / 2)


@dataclass(frozen=True)
class RangeTest:
    """What several sweeps say about the rate.

    Attributes:
        sweeps: from the same weights, in different data orders.
        steepest, minimum, largest_stable, suggestion: medians over the sweeps.
        spread: the least and the greatest suggestion.
        problem: why the sweeps say little and which range to try, or None.
        updates: made by the sweeps.
    """

    sweeps: tuple[Sweep, ...]
    steepest: float
    minimum: float
    largest_stable: float
    suggestion: float
    spread: tuple[float, float]
    problem: str | None
    updates: int


def find(
    job: Job | JobFactory,
    *,
    low: float = 1e-5,
    high: float = 10.0,
    steps: int = 100,
    sweeps: int = 5,
    seed: int = 0,
    watch: Watch = unwatched,
) -> RangeTest:
    """Finds a rate to train with, by short sweeps from a very small to a very large one; the job is put back after.

    Args:
        job: a job, or a function from a seed to a job.
        low: the rate at which a sweep begins.
        high: the rate at which it ends, unless the loss blows up before.
        steps: updates in a sweep.
        sweeps: how many, each in another data order; a job without `reseed` that isn't made from a seed gets one.
        seed: of the first sweep.
        watch: is told what goes on.

    Raises:
        SearchError: the range is empty, or there are too few steps or sweeps.
        JobError: the loss is not finite from the first update.
    """
    return range_test(Trials(job, seed, watch=watch), low=low, high=high, steps=steps, sweeps=sweeps)


def range_test(trials: Trials, *, low: float, high: float, steps: int, sweeps: int) -> RangeTest:
    """The range test on a job that is already open."""
    if not 0 < low < high < math.inf:
        raise SearchError(f"a range from {low} to {high}: give 0 < low < high")
    if steps < 10:
        raise SearchError(f"a sweep of {steps} updates: give at least 10")
    if sweeps < 1:
        raise SearchError(f"{sweeps} sweeps: give at least 1")
    if not trials.can_reseed:
        sweeps = 1
    rates = np.geomspace(low, high, steps)
    made = tuple(_sweep(trials, rates, i, sweeps) for i in range(sweeps))
    suggestions = [sweep.suggestion for sweep in made]
    median = {
        name: float(np.exp(np.median([math.log(getattr(sweep, name)) for sweep in made])))
        for name in ("steepest", "minimum", "largest_stable", "suggestion")
    }
    return RangeTest(
        made, **median, spread=(min(suggestions), max(suggestions)), problem=_problem(made, low, high),
        updates=sum(len(sweep.rates) for sweep in made),
    )  # fmt: skip


def smoothed(losses: np.ndarray) -> np.ndarray:
    """m_t/(1 - β^t) with m_t = β·m_{t-1} + (1 - β)·loss_t, β = 0.9; infinite from a non-finite loss on."""
    average, result = 0.0, np.full(len(losses), np.inf)
    for i, loss in enumerate(losses):
        if not math.isfinite(loss):
            break
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        result[i] = average / (1 - SMOOTHING ** (i + 1))
    return result


def _blown_up(losses: list[float]) -> bool:
    curve = smoothed(np.asarray(losses))
    lowest = curve.min()
    return bool(curve[-1] > (DIVERGED * lowest if lowest > 0 else lowest + DIVERGED * abs(curve[0] - lowest) + 1e-12))


def _sweep(trials: Trials, rates: np.ndarray, index: int, of: int) -> Sweep:
    key = f"sweep {index} from {rates[0]} to {rates[-1]} in {len(rates)}, seed {trials.opened}"
    key += f" with {trials.optimizer}" if trials.optimizer else ""
    if key not in trials.memory:

        def look(done: int, loss: float) -> None:
            trials.watch(Progress("range test", f"sweep {index + 1} of {of}", done, len(rates), loss))

        job = trials.job
        job.restore(trials.initial)
        try:
            if index:
                job.reseed(1_000_003 * (trials.opened + 1) + index)  # type: ignore[attr-defined]
            trials.memory[key] = {"rates": rates.tolist(), "losses": drive(job.step, rates, _blown_up, look, 1)}
        finally:
            job.restore(trials.initial)
    losses = np.asarray(trials.memory[key]["losses"], dtype=float)
    trials.updates += len(losses)
    return Sweep(rates[: len(losses)], losses)


def _problem(sweeps: tuple[Sweep, ...], low: float, high: float) -> str | None:
    """Why sweeps say little: diverged at once, or flat."""
    if np.median([len(sweep.rates) for sweep in sweeps]) < 12 or np.median([s.minimum for s in sweeps]) <= low * 1.01:
        return f"the loss rose from the start: try a range from {low / 1e4:.0e} to {high / 1e3:.0e}"
    if np.median([_fall(sweep.smoothed) for sweep in sweeps]) < 0.02:
        return f"the loss hardly moved: try a range from {low:.0e} to {high * 1e4:.0e}"
    return None


def _fall(curve: np.ndarray) -> float:
    """How far a smoothed loss fell from where it began, over how large it was."""
    began = float(curve[: max(len(curve) // 10, 1)].mean())
    return (began - float(curve.min())) / max(abs(began), abs(float(curve.min())), 1e-300)
