"""The misfit of a law to the curves of some runs, as a problem of robust least squares."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy.optimize import least_squares
from scipy.special import ndtri, stdtrit

from glideslope.laws.batch_sizes import relative
from glideslope.laws.bins import NOISE, Points
from glideslope.laws.chosen import LAST
from glideslope.laws.curve_priors import CurvePrior
from glideslope.laws.form import NAMES, RELAXATION, jacobian, predicted
from glideslope.laws.knots import Knots
from glideslope.laws.minimum import minimized, near_minimum
from glideslope.laws.run import Run

FLOOR = 0.3  # the least weight of a point: it grows with the updates
TIMES = 5.0  # how many times the last points of a run count: the end is what is asked for
FARTHEST = 10.0  # how far a parameter may lie from its prior's median, in the prior's standard deviations
BOOTSTRAPS = 200
QUARTERS = 4  # parts of a run, of which a law that follows it has no mean error
EARLY = 10  # losses of the first half, at least, for what comes after it to be foretold by them
OF_MAIN = ("L0", "A", "alpha", "offset", "a", "b")  # the parameters of how the loss falls at one rate


class Problem:
    """The residuals of runs, over the free parameters' logarithms, at those of their `points` that count. `longest` is
    the updates of the longest run, and `sizes` the batch size that others are over, if there are any."""

    def __init__(
        self, runs: Sequence[Run], points: Sequence[Points], prior: CurvePrior, longest: int, sizes: float | None,
        fixed: dict[str, float],
    ) -> None:  # fmt: skip
        self.fixed, self.prior = fixed, prior
        self.free = [i for i, name in enumerate(NAMES) if name not in fixed]
        self.knots = Knots.joined(
            [
                Knots.of(run.lr, of_run.step, prior.reference, prior.unit, relative(run, sizes))
                for run, of_run in zip(runs, points, strict=True)
            ]
        )
        self.logs, self.steps = [of_run.log for of_run in points], [of_run.step for of_run in points]
        self.roots = [np.sqrt(of_run.count) for of_run in points]
        self.noise, self.factor = 0.0, 1.0
        self.weights = [np.sqrt(weights_of(of_run.step, longest)) for of_run in points]
        self.medians, self.spreads, self.root = prior.medians, prior.spreads, prior.root(self.free)

    def theta(self, x: np.ndarray) -> dict[str, float]:
        """The parameters, from the logarithms of the free ones."""
        medians, most = self.medians[self.free], FARTHEST * self.spreads[self.free]
        within = np.exp(np.clip(x, medians - most, medians + most)).tolist()
        free = dict(zip((NAMES[i] for i in self.free), within, strict=True))
        return {name: self.fixed.get(name, free.get(name, 0.0)) for name in NAMES} | RELAXATION

    def residuals(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Those of the points and of the priors, and their derivatives."""
        theta = self.theta(x)
        loss, by_theta = jacobian(self.knots, theta)
        loss, weight = np.maximum(loss, 1e-30), np.concatenate(self.scales())
        scale = np.array([theta[NAMES[i]] for i in self.free])
        values = (np.log(loss) - np.concatenate(self.logs)) / weight
        slopes = by_theta[:, self.free] * (scale / (loss * weight)[:, None])
        prior = self.root @ (x - self.medians[self.free])
        return np.concatenate([values, prior]), np.concatenate([slopes, self.root])

    def scales(self) -> list[np.ndarray]:
        """The deviation at which each point begins to count as an outlier, over the root of its weight: by the noise of
        a point and how many it averages, but no less than what a law can be true to."""
        pairs = zip(self.roots, self.weights, strict=True)
        return [self.factor * np.maximum(self.noise / root, NOISE) / weight for root, weight in pairs]

    def noise_at(self, x: np.ndarray) -> float:
        """The noise of a point, of which means have less, that the residuals show."""
        values = self.residuals(x)[0][: -len(x)]
        noise = np.abs(values) * np.concatenate(self.scales()) * np.concatenate(self.weights)
        return float(np.median(noise * np.concatenate(self.roots))) / 0.6745  # of a normal distribution

    def evidence(self, x: np.ndarray) -> float:
        """The log-probability of the losses under the prior, by Laplace's approximation, less what all priors have."""
        values, slopes = self.residuals(x)
        weights = (1 + values**2) ** -0.5
        hessian = slopes.T @ (weights[:, None] * slopes)
        cost = float(np.sum(np.sqrt(1 + values**2) - 1))
        evidence = float(np.linalg.slogdet(self.root)[1] - np.linalg.slogdet(hessian)[1] / 2) - cost
        return evidence if np.isfinite(evidence) else -np.inf

    def begun(self, tolerance: float) -> np.ndarray:
        """A place near the minimum."""
        return near_minimum(self, self.medians[self.free], tolerance)

    def solved(self, start: np.ndarray, tolerance: float) -> tuple[float, np.ndarray]:
        """The cost and place of a minimum, from a start, to a relative tolerance of the cost."""
        both = lru_cache(1)(lambda x: self.residuals(np.frombuffer(x)))
        end = least_squares(
            lambda x: both(x.tobytes())[0], start, lambda x: both(x.tobytes())[1], loss="soft_l1", max_nfev=100,
            ftol=tolerance, xtol=1e-5,
        )  # fmt: skip
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

    def misfit(self, x: np.ndarray) -> float:
        """How far the law lies from the means of a quarter of each run it is fitted to: another form, not noise."""
        quarters = [part for run in self._errors(x) for part in np.array_split(run, min(QUARTERS, len(run)))]
        return float(np.sqrt(np.mean([part.mean() ** 2 for part in quarters])))

    def drift(self, x: np.ndarray) -> float:
        """How far the ends of runs lie from what their losses say until half of the longest one: what a law is off by
        at twice the updates. What the rate does is taken as known. 0 where few losses are of that half."""
        half = max(step[-1] for step in self.steps) / 2
        known = [step <= half for step in self.steps]
        if sum(map(np.count_nonzero, known)) < EARLY:
            return 0.0
        rows = np.append(np.concatenate(known), np.ones(len(x), dtype=bool))
        main = [i for i, place in enumerate(self.free) if NAMES[place] in OF_MAIN]

        def place(part: np.ndarray) -> np.ndarray:
            whole = x.copy()
            whole[main] = part
            return whole

        def residuals(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            values, slopes = self.residuals(place(part))
            return values[rows], slopes[rows][:, main]

        errors = self._errors(place(minimized(residuals, x[main], 1e-3, squared=len(x))[1]))
        ends = [np.median(of_run[-LAST:]) for of_run, early in zip(errors, known, strict=True) if not early[-1]]
        return float(np.sqrt(np.mean(np.square(ends))))

    def _errors(self, x: np.ndarray) -> list[np.ndarray]:
        """Of each run, how far the logarithms of the law lie above those of its points."""
        values = self.residuals(x)[0][: -len(x)] * np.concatenate(self.scales())
        return np.split(values, np.cumsum([len(log) for log in self.logs])[:-1])

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


def shift_of(
    runs: Sequence[Run], thetas: Sequence[dict[str, float]], reference: float, unit: float, batch: float | None
) -> float:
    """How far final losses on another evaluation set lie above the curves of laws with some parameters, by run."""
    shifts = []
    for run, theta in zip(runs, thetas, strict=True):
        if run.final_loss is not None:
            end = Knots.of(run.lr, np.array([float(len(run.lr))]), reference, unit, relative(run, batch))
            shifts.append(run.final_loss - float(predicted(end, theta)[0]))
    return float(np.median(shifts)) if shifts else 0.0
