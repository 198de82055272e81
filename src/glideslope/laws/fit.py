"""Fitting a law on runs: robust least squares on the logarithm of the loss, with weak priors."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import least_squares

from glideslope.errors import LawError
from glideslope.laws.form import MULTI_POWER, NAMES, Prior, jacobian, predicted
from glideslope.laws.knots import Knots
from glideslope.laws.law import Fitted, Law
from glideslope.laws.run import Run, without_twins

PRIORS = {
    "L0": Prior(2.5, 0.5), "A": Prior(1.0, 2.0), "alpha": Prior(0.45, 0.4), "offset": Prior(0.2, 1.5),
    "rho": Prior(0.6, 0.4), "B": Prior(0.3, 2.0), "p": Prior(0.8, 0.5), "C": Prior(2.0, 1.5),
    "gamma": Prior(0.6, 0.7), "beta": Prior(0.6, 0.5), "nu": Prior(0.6, 0.4),
}  # fmt: skip
"""Chosen on fitting runs only, see benchmarks/laws.py. Those of L0 and A are in units of the lowest loss seen."""

NOISE = 0.003
"""The relative deviation of a measured loss at which the fit begins to count it as an outlier."""
_STARTS = (0.0, 1.0, -1.0)
"""Starts, in spreads of the priors of C, beta and gamma."""
LEAST_RUNS, LEAST_POINTS = 2, 20


def fit(runs: Sequence[Run], *, form: str = "general") -> Law:
    """Fits a law on the loss curves of runs.

    Args:
        runs: two or more, with schedules that differ: a constant rate and one that is annealed tell most.
        form: "general", or "multi-power", the law as its paper has it, for runs of one peak rate.

    Returns:
        The law; its `notes` say what was dropped.

    Formula: L(t) = L0 + A·(S(t) + s0)^-α + B·Σ_k (η_k^p - η_{k-1}^p)·(1 - (1 + C·η_k^-γ·R_k(t))^-β), with
    S(t) = Σ_{τ<t} η_τ^ρ and R_k(t) = Σ_{k≤τ<t} η_τ^ν, rates over the largest of the runs, and η_{-1} = 0, so that the
    warmup's rise counts. The multi-power law has ρ = ν = p = 1 and s0 = 0.

    Source: Luo et al. 2025, arXiv:2503.12811; ρ, ν, p and s0 are ours.

    Raises:
        LawError: there are too few runs or points, or none whose rate falls; the message says what would help.
    """
    if form not in ("general", "multi-power"):
        raise LawError(f"form={form!r}: give 'general' or 'multi-power'")
    own, notes = without_twins(runs)
    notes += [f"{run.name}: {note}" for run in own for note in run.notes]
    _check(own)
    reference = max(run.peak for run in own)
    problem = _Problem(own, reference, {} if form == "general" else MULTI_POWER)
    best = min((problem.solved(shift) for shift in _STARTS), key=lambda found: found[0])
    theta, covariance = problem.settled(best[1])
    shifts = [
        run.final_loss - float(predicted(Knots.of(run.lr, np.array([float(len(run.lr))]), reference), theta)[0])
        for run in own
        if run.final_loss is not None
    ]
    fitted = tuple(Fitted(run.name, run.peak, len(run.lr), len(run.step)) for run in own)
    return Law(
        theta, covariance, reference, problem.noise(theta), float(np.median(shifts)) if shifts else 0.0,
        fitted, tuple(notes),
    )  # fmt: skip


class _Problem:
    """The residuals of runs, over the free parameters' logarithms."""

    def __init__(self, runs: Sequence[Run], reference: float, fixed: dict[str, float]) -> None:
        self.fixed = fixed
        self.free = [i for i, name in enumerate(NAMES) if name not in fixed]
        points = [_used(run) for run in runs]
        self.knots = [Knots.of(run.lr, run.step[own], reference) for run, own in zip(runs, points, strict=True)]
        self.logs = [np.log(run.loss[own]) for run, own in zip(runs, points, strict=True)]
        longest = max(len(run.lr) for run in runs)
        self.weights = [np.sqrt(run.step[own] / longest) for run, own in zip(runs, points, strict=True)]
        lowest = min(float(run.loss.min()) for run in runs)
        scale = np.array([lowest / 3 if name in ("L0", "A", "B") else 1.0 for name in NAMES])
        self.medians = np.log(scale * np.array([PRIORS[name].median for name in NAMES]))
        self.spreads = np.array([PRIORS[name].spread for name in NAMES])

    def theta(self, x: np.ndarray) -> dict[str, float]:
        """The parameters, from the logarithms of the free ones."""
        free = dict(zip((NAMES[i] for i in self.free), np.exp(x).tolist(), strict=True))
        return {name: self.fixed.get(name, free.get(name, 0.0)) for name in NAMES}

    def residuals(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Those of the points and of the priors, and their derivatives."""
        theta, values, slopes = self.theta(x), [], []
        for knots, log, weight in zip(self.knots, self.logs, self.weights, strict=True):
            loss, by_theta = jacobian(knots, theta)
            values.append(weight * (np.log(loss) - log) / NOISE)
            by_log = by_theta[:, self.free] * np.exp(x) / loss[:, None]
            slopes.append(weight[:, None] * by_log / NOISE)
        values.append((x - self.medians[self.free]) / self.spreads[self.free])
        slopes.append(np.diag(1 / self.spreads[self.free]))
        return np.concatenate(values), np.concatenate(slopes)

    def solved(self, shift: float) -> tuple[float, np.ndarray]:
        """The cost and place of a minimum, from a start."""
        start = self.medians.copy()
        for name in ("C", "beta", "gamma"):
            start[NAMES.index(name)] += shift * self.spreads[NAMES.index(name)]
        kept: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}

        def both(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            if x.tobytes() not in kept:
                kept.clear()
                kept[x.tobytes()] = self.residuals(x)
            return kept[x.tobytes()]

        found = least_squares(
            lambda x: both(x)[0], start[self.free], lambda x: both(x)[1], loss="soft_l1", max_nfev=100, ftol=1e-6
        )
        return float(found.cost), found.x

    def settled(self, x: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
        """The parameters, and the covariance of all their logarithms, shape (11, 11).

        Two parts: of the points' noise, and of the runs, by what the fit would move if each were left out, one step of
        Newton's method each.
        """
        values, slopes = self.residuals(x)
        robust = (1 + values**2) ** -0.5
        hessian = slopes.T @ (robust[:, None] * slopes)
        ends = np.cumsum([len(log) for log in self.logs])
        moves = []
        for begin, end in zip([0, *ends], ends, strict=False):
            part, own = slopes[begin:end], values[begin:end] * robust[begin:end]
            rest = hessian - part.T @ (robust[begin:end, None] * part)
            moves.append(np.linalg.solve(rest + 1e-9 * np.eye(len(x)), part.T @ own))
        moved = np.array(moves)
        runs = len(moved)
        of_runs = (runs - 1) / runs * moved.T @ moved
        variance = max(float(np.mean(values[: ends[-1]] ** 2 * robust[: ends[-1]])), 0.1)
        whole = np.zeros((len(NAMES), len(NAMES)))
        whole[np.ix_(self.free, self.free)] = variance * np.linalg.inv(hessian) + of_runs
        return self.theta(x), whole

    def noise(self, theta: dict[str, float]) -> float:
        """The relative deviation of the losses from the law, over the second half of each run."""
        late = [
            (np.log(predicted(knots, theta)) - log)[len(log) // 2 :]
            for knots, log in zip(self.knots, self.logs, strict=True)
        ]
        return float(np.sqrt(np.mean(np.concatenate(late) ** 2)))


def _used(run: Run) -> np.ndarray:
    """The points after the warmup, and after a tenth of the run: what a law doesn't describe, and what tells least."""
    warm = int(np.argmax(run.lr >= 0.999 * run.peak))
    return np.flatnonzero(run.step > max(warm, 0.1 * len(run.lr)))


def _check(runs: Sequence[Run]) -> None:
    if len(runs) < LEAST_RUNS:
        raise LawError(
            f"{len(runs)} run{'s' if len(runs) != 1 else ''}: a law needs {LEAST_RUNS} at least, so "
            f"{LEAST_RUNS - len(runs)} more; a constant rate, and one annealed to near 0 over its last fifth, tell most"
        )
    if not any(_falls(run) for run in runs):
        raise LawError(
            "every run has a constant rate, so what a cooldown does can't be told: add one whose rate falls to near 0"
        )
    points = sum(len(_used(run)) for run in runs)
    if points < LEAST_POINTS:
        raise LawError(f"{points} points after the warmups: a law needs {LEAST_POINTS} at least; log more often")
    if not all(math.isfinite(run.peak) for run in runs):
        raise LawError("a rate isn't finite")


def _falls(run: Run) -> bool:
    """Whether losses were measured at rates well under the peak, after it."""
    top = int(np.argmax(run.lr >= 0.999 * run.peak))
    last = int(run.step.max(initial=0))
    return last > top and float(run.lr[top:last].min(initial=run.peak)) < 0.7 * run.peak
