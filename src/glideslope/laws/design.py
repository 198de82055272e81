"""Design: the schedule that a law says ends lowest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from glideslope.errors import LawError
from glideslope.laws.critical_batch import APART, BatchGrowth, CriticalBatch, batch_growth, critical_batch
from glideslope.laws.form import gradient_by_rate, predicted
from glideslope.laws.knots import Knots
from glideslope.laws.phases import written
from glideslope.laws.rates import Rates
from glideslope.renamed import was_called
from glideslope.schedules import Schedule, cooldown, cosine, hold, warmup
from glideslope.schedules.arguments import checked

if TYPE_CHECKING:
    from glideslope.laws.law import Law

_PLACES, _VALUES = 120, 24
"""Pieces of a rate after its warmup, and values between which it is straight: denser near the end, where it falls."""
_WORTH = 1e-4  # how much more loss, relatively, the plainer form of a schedule may cost
_COOLDOWNS = (5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90)


@dataclass(frozen=True)
class Designed:
    """A schedule with its peak, and what a law predicts for its end."""

    schedule: Schedule  #: over the horizon, its peak 1
    peak: float  #: the rate where its factor is 1
    loss: float  #: predicted, at the end


@dataclass(frozen=True)
class Design:
    """What `design` found."""

    best: Designed  #: the schedule with the least predicted loss
    named: dict[str, Designed]  #: the best of each family, by its name
    warnings: tuple[str, ...]  #: what should be known of so long a run, or so high a peak
    critical: CriticalBatch | None = None  #: the critical batch at its end; None where the runs had one batch
    growth: BatchGrowth | None = None
    """A growth of the batch in the place of the schedule's decay; None where the batch is critical already."""

    def __repr__(self) -> str:
        simplest = self.simplest()
        return f"<Design: {simplest.schedule} at {simplest.peak:.3g}, predicted loss {simplest.loss:#.5g}>"

    def simplest(self, tolerance: float | None = None) -> Designed:
        """The best named schedule, if it costs no more than a tolerance of loss, from 0; else the best of all."""
        named = min(self.named.values(), key=lambda design: design.loss)
        most = self.tolerance if tolerance is None else tolerance
        if not most >= 0:
            raise LawError(f"tolerance={most}: give the loss that a simpler schedule may cost, from 0")
        return named if named.loss <= self.best.loss + most else self.best

    @property
    def tolerance(self) -> float:
        """The loss that a simpler, named schedule may cost: 0.002, or that part of a least loss below 1."""
        return 0.002 * min(1.0, self.best.loss)


@was_called("warm", "warmup")
@checked(LawError, above_0="peak batch")
def design(
    law: Law, steps: int, *, peak: float | None = None, floor: float = 0.0, warmup: float = 0.02, rising: bool = False,
    batch: float | None = None,
) -> Design:  # fmt: skip
    """The schedule and the peak rate for which a law predicts the least loss after so many updates.

    A linear warmup, then a rate straight between values that never rise, found by the law's own gradient; and the best
    cosine and the best WSD schedule, since a named one is worth a little. The first is written in named
    phases, `warmup(2%) >> hold(60%) >> cooldown(38%, shape=power)`, where its factors are within 0.02 of the values
    found; else as `warmup(2%) >> hold(60%) >> interpolate(…)`, less the values within 0.005 of a straight line. Either
    costs at most 1e-4 of the loss.

    Args:
        law: fitted on other runs.
        steps: the updates.
        peak: the largest rate; from half the least to twice the largest peak fitted if not given.
        floor: the least factor.
        warmup: the part of the updates that it takes.
        rising: let the rate rise again.
        batch: of the run, where those fitted have one; their geometric mean if not given.

    Raises:
        LawError: a number is out of its range.
    """
    if steps < 100 or not 0 <= floor < 1 or not 0 <= warmup < 0.5:
        raise LawError(
            f"steps={steps}, floor={floor}, warmup={warmup}: give 100 updates or more, a floor from 0 and under 1, and "
            "a warmup under half"
        )
    peaks = [run.peak for run in law.fitted]
    bounds = (min(peaks) / 2, 2 * max(peaks)) if peak is None else (peak, peak)
    problem = _Problem(law if batch is None else law.at_batch(batch), steps, bounds, floor, warmup)
    solved = problem.solved(rising)
    shapes = [(f"{part}%", shape) for part in _COOLDOWNS for shape in ("linear", "sqrt")]
    wsd = [hold() >> cooldown(part, final=floor, shape=shape) for part, shape in shapes]
    named = {"cosine": problem.family([cosine(final=floor)]), "WSD": problem.family(wsd)}
    best = min([solved, *named.values()], key=lambda candidate: candidate.loss)
    known, critical, growth = law.warnings(steps, best.peak), None, None
    size, (least, most) = batch or law.batch_size or 1.0, law.batches or (1.0, 1.0)
    if batch is not None and law.batches is not None and not least / 2 <= batch <= 2 * most:
        known.append(f"a batch of {batch:.3g} is far from those fitted, {least:.3g} to {most:.3g}")
    if most >= APART * least:
        critical = critical_batch(law, steps, size)
        growth = batch_growth(law, best.schedule, steps, best.peak, size, critical)
    return Design(best, named, tuple(known), critical, growth)


class _Problem:
    """A horizon, in pieces, and the law's loss at its end."""

    def __init__(self, law: Law, steps: int, bounds: tuple[float, float], floor: float, warm: float) -> None:
        self.law, self.steps, self.bounds, self.floor = law, steps, bounds, floor
        self.begin = warm * steps
        rest = steps - self.begin
        first = np.linspace(0, self.begin, 9)[:-1] if warm else np.zeros(0)
        self.places = np.concatenate([first, steps - rest * (1 - np.linspace(0, 1, _PLACES + 1)) ** 1.5])
        self.times = steps - rest * (1 - np.linspace(0, 1, _VALUES)) ** 1.5
        # The factor at a place as a mixture of the values, the first of which the warmup rises to.
        unit = np.eye(_VALUES)
        self.mixture = np.stack([np.interp(self.places, self.times, row) for row in unit], axis=1)
        rising = self.places < self.begin
        self.mixture[rising] = 0.0
        self.mixture[rising, 0] = self.places[rising] / max(self.begin, 1e-12)
        self.warmup = f"{100 * warm:.6g}%"

    def knots(self, rates: np.ndarray) -> Knots:
        return Knots.of_edges(self.places, rates / self.law.reference, np.array([float(self.steps)]), self.law.unit)

    def loss(self, schedule: Schedule, peak: float) -> float:
        """Predicted for the end of a schedule, at a peak."""
        return float(predicted(self.knots(peak * schedule.over(self.steps)(self.places)), self.law.parameters)[0])

    def solved(self, rising: bool) -> Designed:
        """The values of least loss: factors of the one before, so that none rises, or each free."""
        low, high = np.log(self.bounds)

        def values(x: np.ndarray) -> np.ndarray:
            shares = np.concatenate([[1.0], x[1:]])
            return self.floor + (1 - self.floor) * (shares if rising else np.cumprod(shares))

        def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
            peak, factors = math.exp(x[0]), values(x)
            rates = peak * (self.mixture @ factors)
            loss, by_rate = gradient_by_rate(self.knots(rates), self.law.parameters)
            by_factor = peak / self.law.reference * (self.mixture.T @ by_rate)
            spread = by_factor * (factors - self.floor)
            falling = np.cumsum(spread[::-1])[::-1][1:] / x[1:]
            by_share = (1 - self.floor) * by_factor[1:] if rising else falling
            return loss, np.concatenate([[by_rate @ rates / self.law.reference], by_share])

        start = np.concatenate([[(low + high) / 2], np.full(_VALUES - 1, 0.93)])
        unit = loss(start)[0]  # so that the search stops alike for large losses and small ones

        def scaled(x: np.ndarray) -> tuple[float, np.ndarray]:
            value, slope = loss(x)
            return value / unit, slope / unit

        limits = [(low, high), *[(1e-3, 1.0)] * (_VALUES - 1)]
        end = minimize(scaled, start, jac=True, method="L-BFGS-B", bounds=limits, options={"maxiter": 300})
        factors, peak = values(end.x), math.exp(end.x[0])
        shown, times = np.round(factors / factors.max(), 5), 100 * self.times / self.steps
        if self.begin:
            shown, times = np.append(0.0, shown), np.append(0.0, times)
        peak *= float(factors.max())
        forms = [self.designed(form, peak) for form in written(times, shown)]
        return next(form for form in forms if form.loss <= forms[-1].loss + _WORTH * abs(forms[-1].loss))

    def family(self, members: list[Schedule]) -> Designed:
        """The best of some schedules after the warmup, each at its best peak."""
        ends: list[tuple[float, Schedule, float]] = []
        for member in members:
            schedule = (warmup(self.warmup) >> member) if self.begin else member
            if self.bounds[0] == self.bounds[1]:
                peak = self.bounds[0]
            else:
                best = minimize_scalar(
                    lambda log, curve=schedule: self.loss(curve, math.exp(log)), bounds=tuple(np.log(self.bounds)),
                    method="bounded", options={"xatol": 0.02, "maxiter": 12},
                )  # fmt: skip
                peak = math.exp(best.x)
            ends.append((self.loss(schedule, peak), schedule, peak))
        ends.sort(key=lambda entry: entry[0])
        return min((self.designed(*entry[1:]) for entry in ends[:4]), key=lambda candidate: candidate.loss)

    def designed(self, schedule: Schedule, peak: float) -> Designed:
        """A schedule with the loss that `predict` has for it; a peak that was searched is rounded."""
        rounded = self.bounds[0] if self.bounds[0] == self.bounds[1] else float(f"{peak:.3g}")
        rates = Rates.of_schedule(schedule.over(self.steps), self.steps, rounded)
        return Designed(schedule, rounded, float(self.law.predict(rates, self.steps)[0]))
