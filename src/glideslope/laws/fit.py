"""Fitting a law on runs: robust least squares on the logarithm of the loss, with weak priors."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import least_squares
from scipy.special import ndtri, stdtrit

from glideslope.errors import LawError
from glideslope.laws import bins
from glideslope.laws.bins import NOISE, Points
from glideslope.laws.chosen import LAST, check_enough, groups_of, spread, useless
from glideslope.laws.form import MULTI_POWER, NAMES, RELAXATION, Prior, jacobian, predicted
from glideslope.laws.knots import Knots
from glideslope.laws.law import MOST_NOISE, Fitted, Law
from glideslope.laws.run import Run, reference_batch, relative, used, without_twins

PRIORS = {
    "L0": Prior(2.5, 0.5), "A": Prior(0.9, 1.0), "alpha": Prior(0.52, 0.15), "offset": Prior(0.12, 0.7),
    "a": Prior(0.7, 1.0), "b": Prior(0.2, 0.6), "B": Prior(0.25, 1.0), "C": Prior(25.0, 1.0),
    "gamma": Prior(0.5, 0.3), "beta": Prior(0.5, 0.25), "p": Prior(0.9, 0.15), "r": Prior(0.2, 1.0),
}  # fmt: skip
"""Chosen by leaving out runs, families and peaks among fitting runs: see docs/laws.md. Those of L0, A and B are for a
lowest loss of 3, and scaled by it."""

FLOOR = 0.3
"""The least weight of a point: it grows with the updates."""
TIMES = 5.0
"""How many times the last points of a run count: the end is what is asked for."""
UNITS = 24
"""Units of the law's clock in the longest run."""
FARTHEST = 10.0
"""How far a parameter may lie from its prior's median, in the prior's standard deviations."""
STARTS, ROUGH, FINE = 3, 1e-2, 1e-6
"""Places to begin at, how well a minimum is found from each, and how well from the best of them."""
ROUGH_RUNS, ROUGH_POINTS = 16, 4_000
"""Runs, and points of all of them, that the places to begin at are tried with."""
BOOTSTRAPS = 200
FEW = 3


def fit(runs: Sequence[Run], *, form: str = "general") -> Law:
    """Fits a law on the loss curves of runs.

    Args:
        runs: two or more, with schedules that differ: a constant rate and one that is annealed tell most.
        form: "general", or "multi-power", the law as its paper has it, for runs of one peak rate.

    Of a run with more than 400 losses that a fit uses (of over 25 runs, 10,000 over their number), neighbours are
    averaged to so many; a mean counts by the noise that its points leave it. `notes` says so.

    Returns:
        The law; its `notes` say what was dropped. Where it tells nothing, since the ends of runs are no nearer to what
        fits without them predict than to the mean loss of the others, `doubt` says so, and a warning does.

    Formula: L(t) = L0 + A·(S(t) + s0)^-α + B·Σ_k (v_k^p - v_{k-1}^p)·(1 - (1 + C·η_k^-γ·(R(t) - R_k))^-β), with
    v = η/Q^0.6, S(t) = Σ_{τ<t} v_τ and R(t) = Σ_{τ<t} η_τ/Q_τ. Q is the growth of ‖w‖², dQ/ds = a·η - b·Q along
    s = Σ η, from 1: the larger the weights, the less a rate turns them, and the less curved is the loss. v_{-1} = 0, so
    the warmup's rise counts. Rates are over the geometric mean of the peaks. Where batch sizes differ, b over their
    geometric mean, η·b^r is in the place of η, and v^p/b in that of v^p, the noise: r is 0 for SGD, and 1/2 for Adam
    where noise outweighs the gradient. The multi-power law has Q = 1, p = 1 and s0 = 0.

    Source: Luo et al. 2025, arXiv:2503.12811; Q, p, s0 and R, the noise's own clock, are ours.

    Raises:
        LawError: there are too few runs or points, or none whose rate falls; the message says what would help.
    """
    if form not in ("general", "multi-power"):
        raise LawError(f"form={form!r}: give 'general' or 'multi-power'")
    kept, notes = without_twins(runs)
    notes += [f"{run.name}: {note}" for run in kept for note in run.notes]
    longest = max((len(run.lr) for run in kept), default=0)
    for run, why in [(run, why) for run in kept if (why := useless(run, longest))]:
        notes.append(f"{run.name} {why}, and is dropped")
        kept.remove(run)
    check_enough(kept, notes)
    few = [run.name for run in kept if len(used(run, longest)) < FEW]
    notes += [f"{name} tells little: it has under {FEW} losses that a fit uses" for name in few]
    reference = float(np.exp(np.mean([math.log(run.peak) for run in kept])))
    sizes = reference_batch(kept)
    fixed = {} if form == "general" else MULTI_POWER
    most = bins.most_of_a_run(len(kept))
    problem = _Problem(kept, reference, sizes, fixed, most)
    means = zip((len(used(run, longest)) for run in kept), map(len, problem.logs), strict=True)
    notes += bins.note([run.name for run in kept], list(means))
    rough = problem
    if len(kept) > ROUGH_RUNS or sum(map(len, problem.logs)) > ROUGH_POINTS:
        some = spread(kept, ROUGH_RUNS)
        rough = _Problem(some, reference, sizes, fixed, min(most, ROUGH_POINTS // len(some)), problem.longest)
    try:
        _, best = min((rough.solved(start, ROUGH) for start in rough.starts()), key=lambda end: end[0])
        if rough is not problem:
            _, best = rough.solved(best, FINE)
        problem.widen(best)
        _, best = problem.solved(best, FINE)
    except (ValueError, FloatingPointError, np.linalg.LinAlgError) as error:
        raise LawError(f"these curves can't be fitted ({error}): look at them, and at their rates") from None
    groups = groups_of(kept)
    theta, covariance, noise = problem.settled(best, groups)
    if not problem.noise < MOST_NOISE:
        raise LawError(
            f"these curves don't follow a law: points lie {problem.noise:.0%} from it; look at them, and at their rates"
        )
    shifts = []
    for run in kept:
        if run.final_loss is not None:
            end = Knots.of(run.lr, np.array([float(len(run.lr))]), reference, problem.unit, relative(run, sizes))
            shifts.append(run.final_loss - float(predicted(end, theta)[0]))
    fitted = tuple(
        Fitted(run.name, run.peak, len(run.lr), len(run.step), bins.drawn(points, len(kept)))
        for run, points in zip(kept, problem.points, strict=True)
    )
    shift = float(np.median(shifts)) if shifts else 0.0
    baseline = problem.of_means(groups)
    law = Law(theta, covariance, reference, problem.unit, noise, shift, fitted, tuple(notes), sizes, baseline)
    if not law.doubt:
        return law
    warnings.warn(law.doubt, stacklevel=2)
    return replace(law, notes=(*law.notes, law.doubt))


class _Problem:
    """The residuals of runs, over the free parameters' logarithms."""

    def __init__(
        self,
        runs: Sequence[Run],
        reference: float,
        sizes: float | None,
        fixed: dict[str, float],
        most: int,
        longest: int = 0,
    ) -> None:
        self.fixed = fixed
        self.free = [i for i, name in enumerate(NAMES) if name not in fixed]
        self.longest = longest or max(len(run.lr) for run in runs)
        self.unit = self.longest / UNITS
        self.points = points = [Points.of(run, self.longest, most) for run in runs]
        self.knots = Knots.joined(
            [
                Knots.of(run.lr, of_run.step, reference, self.unit, relative(run, sizes))
                for run, of_run in zip(runs, points, strict=True)
            ]
        )
        self.logs = [of_run.log for of_run in points]
        self.roots = [np.sqrt(of_run.count) for of_run in points]
        self.noise = 0.0
        self.weights = [np.sqrt(weights_of(of_run.step, self.longest)) for of_run in points]
        lowest = min(float(run.loss.min()) for run in runs)
        scale = np.array([lowest / 3 if name in ("L0", "A", "B") else 1.0 for name in NAMES])
        self.medians = np.log(scale * np.array([PRIORS[name].median for name in NAMES]))
        self.spreads = np.array([PRIORS[name].spread for name in NAMES])

    def theta(self, x: np.ndarray) -> dict[str, float]:
        """The parameters, from the logarithms of the free ones."""
        medians, most = self.medians[self.free], FARTHEST * self.spreads[self.free]
        within = np.exp(np.clip(x, medians - most, medians + most)).tolist()
        free = dict(zip((NAMES[i] for i in self.free), within, strict=True))
        return {name: self.fixed.get(name, free.get(name, 0.0)) for name in NAMES} | RELAXATION

    def residuals(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Those of the points and of the priors, and their derivatives."""
        theta, spreads = self.theta(x), self.spreads[self.free]
        loss, by_theta = jacobian(self.knots, theta)
        loss, weight = np.maximum(loss, 1e-30), np.concatenate(self.scales())
        scale = np.array([theta[NAMES[i]] for i in self.free])
        values = (np.log(loss) - np.concatenate(self.logs)) / weight
        slopes = by_theta[:, self.free] * (scale / (loss * weight)[:, None])
        prior = (x - self.medians[self.free]) / spreads
        return np.concatenate([values, prior]), np.concatenate([slopes, np.diag(1 / spreads)])

    def scales(self) -> list[np.ndarray]:
        """The deviation at which each point begins to count as an outlier, over the root of its weight: by the noise of
        a point and how many it averages, but no less than what a law can be true to."""
        pairs = zip(self.roots, self.weights, strict=True)
        return [np.maximum(self.noise / root, NOISE) / weight for root, weight in pairs]

    def widen(self, x: np.ndarray) -> None:
        """Takes the noise of a point, of which means have less, for what the residuals show."""
        values = self.residuals(x)[0][: -len(x)]
        noise = np.abs(values) * np.concatenate([np.maximum(self.noise / root, NOISE) * root for root in self.roots])
        self.noise = float(np.median(noise)) / 0.6745  # of a normal distribution

    def starts(self) -> list[np.ndarray]:
        """Where to begin: the medians of the priors, and places around them."""
        draws = np.random.default_rng(0).normal(size=(STARTS, len(NAMES)))
        draws[0] = 0.0
        return [(self.medians + 0.4 * self.spreads * draw)[self.free] for draw in draws]

    def solved(self, start: np.ndarray, tolerance: float) -> tuple[float, np.ndarray]:
        """The cost and place of a minimum, from a start, to a relative tolerance of the cost."""
        kept: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}

        def both(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            if x.tobytes() not in kept:
                kept.clear()
                kept[x.tobytes()] = self.residuals(x)
            return kept[x.tobytes()]

        end = least_squares(
            lambda x: both(x)[0], start, lambda x: both(x)[1], loss="soft_l1", max_nfev=100, ftol=tolerance, xtol=1e-5
        )
        return float(end.cost), end.x

    def settled(self, x: np.ndarray, groups: Sequence[Sequence[int]]) -> tuple[dict[str, float], np.ndarray, float]:
        """The parameters, the covariance of all their logarithms, shape (12, 12), and how far ends lie from the law.

        The covariance has two parts: of the points' noise, and of the runs, by a Bayesian bootstrap (Rubin 1981) over
        groups of them. The last number is the root mean square, over the runs, of the relative error that their ends
        have by a fit without their group. What another weighting would fit is one step of Newton's method away.
        """
        (values, slopes), scales = self.residuals(x), self.scales()
        robust = (1 + values**2) ** -0.5
        hessian = slopes.T @ (robust[:, None] * slopes)
        ends = np.cumsum([0, *(len(log) for log in self.logs)])
        points = ends[-1]
        bends, pulls, errors = [], [], []
        for group in groups:
            rows = np.concatenate([np.arange(ends[run], ends[run + 1]) for run in group])
            bends.append(slopes[rows].T @ (robust[rows, None] * slopes[rows]))
            pulls.append(slopes[rows].T @ (values[rows] * robust[rows]))
            move = np.linalg.solve(hessian - bends[-1] + 1e-9 * np.eye(len(x)), pulls[-1])
            for run in group:
                last = np.arange(max(ends[run], ends[run + 1] - LAST), ends[run + 1])
                scale = scales[run][last - ends[run]]
                errors.append(float(np.median(scale * (values[last] + slopes[last] @ move))))
        shares = len(groups) * np.random.default_rng(0).dirichlet(np.ones(len(groups)), BOOTSTRAPS) - 1
        weighted = hessian + np.tensordot(shares, np.array(bends), 1) + 1e-9 * np.eye(len(x))
        moves = np.linalg.solve(weighted, (shares @ np.array(pulls))[..., None])[..., 0]
        few = len(groups) - 1  # a spread known from few groups: unbiased, and Student's quantile for the normal one
        few_groups = (len(groups) + 1) / few * (float(stdtrit(few, 0.95) / ndtri(0.95))) ** 2
        of_groups = few_groups * moves.T @ moves / BOOTSTRAPS
        variance = max(float(np.mean(values[:points] ** 2 * robust[:points])), 0.1)
        whole = np.zeros((len(NAMES), len(NAMES)))
        whole[np.ix_(self.free, self.free)] = variance * np.linalg.inv(hessian) + of_groups
        return self.theta(x), whole, float(np.sqrt(np.mean(np.square(errors))))

    def of_means(self, groups: Sequence[Sequence[int]]) -> float:
        """The root mean square of the relative error that the ends of runs have by the mean of the losses of the other
        groups, all of the logarithm: what a law must be nearer than."""
        errors = []
        for group in groups:
            mean = np.concatenate([log for run, log in enumerate(self.logs) if run not in group]).mean()
            errors += [float(np.median(self.logs[run][-LAST:]) - mean) for run in group]
        return float(np.sqrt(np.mean(np.square(errors))))


def weights_of(step: np.ndarray, longest: int) -> np.ndarray:
    weights = np.clip(step / longest, FLOOR, 1.0)
    weights[-LAST:] *= TIMES
    return weights
