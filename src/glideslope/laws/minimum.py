"""Robust least squares by Levenberg's method, on normal equations: for few parameters and many points.

Far from the minimum the Hessian is that of least squares with the weights of the place, an upper bound of the own one:
by the latter, which is near 0 where residuals are large, steps went far off and ended in other minima.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np

_WIDER = (100.0, 10.0)
"""How many times their noise points have in the misfits with which a fit begins, one after the other: the first has one
minimum, near the priors, and the next are near it."""
_MOST = 200
_NEAR = 1e-2  # the gain of a step, relative to the cost, from which on the next ones are by the cost's own Hessian
_LARGEST = 1e12  # the damping at which no step lowers the cost any more


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # a step too far is taken back
def minimized(
    residuals: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], start: np.ndarray, tolerance: float, squared: int
) -> tuple[float, np.ndarray]:
    """The cost and the place, shape (m,), of a minimum of Σ (√(1 + r²) - 1) + Σ p²/2, to a relative tolerance of the
    cost; p are the last residuals, as many as `squared`, which hold however far they pull, and r those before.
    `residuals` gives them at a place, shape (n,), with their derivatives, shape (n, m). Raises a ValueError if they
    aren't finite at the start."""
    x, damping, near = start, 1e-3, False
    values, slopes = residuals(x)
    cost = _cost(values, squared)
    if not np.isfinite(cost):
        raise ValueError("the losses predicted aren't finite")
    for _ in range(_MOST):
        weight = robust_weights(values, squared)
        gradient = slopes.T @ (weight * values)
        hessian = slopes.T @ ((weight**3 if near else weight)[:, None] * slopes)
        scale = np.diag(np.maximum(np.diag(hessian), 1e-12))
        while damping < _LARGEST:
            move = np.linalg.solve(hessian + damping * scale, -gradient)
            values, slopes = residuals(x + move)
            lower = _cost(values, squared)
            if lower < cost:
                break
            damping *= 8
        else:
            return cost, x
        gain, cost, x = cost - lower, lower, x + move
        damping = max(damping / 8, 1e-9)
        if near and gain <= tolerance * cost:
            return cost, x
        near = gain <= _NEAR * cost
    return cost, x


def near_minimum(problem: Any, place: np.ndarray, tolerance: float) -> np.ndarray:
    """A place near the minimum of a problem, with `residuals` and the `factor` of their scales: from the medians of its
    priors the minima of wider misfits, the next of which is nearer to this one, and whose priors count by their
    squares. From elsewhere a fit may end in a minimum of many times the cost."""
    wide = copy(problem)
    for wide.factor in _WIDER:
        _, place = minimized(wide.residuals, place, tolerance, squared=len(place))
    return place


def robust_weights(values: np.ndarray, squared: int) -> np.ndarray:
    """The weights of residuals: less for larger ones, but for the last, so many, that count by their squares."""
    weights = (1 + values**2) ** -0.5
    weights[len(values) - squared :] = 1.0
    return weights


def _cost(values: np.ndarray, squared: int) -> float:
    points, priors = np.split(values, [len(values) - squared])
    cost = float(np.sum(np.sqrt(1 + points**2) - 1) + np.sum(priors**2) / 2)
    return cost if np.isfinite(cost) else np.inf
