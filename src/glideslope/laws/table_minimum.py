"""The least squares of a table's law."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from glideslope.laws.table_edge import rows_alike
from glideslope.laws.table_law import APART, NAMES, centered, predicted

PRIORS = {
    "peak": (math.log(1e-3), 3.0), "peak by params": (-0.28, 0.3), "peak by tokens": (0.06, 0.22),
    "peak by batch": (0.4, 0.25), "batch": (0.0, 8.0), "batch by params": (0.0, 0.15), "batch by tokens": (0.5, 0.2),
    "peak width": (math.log(0.01), 1.0), "peak width by params": (0.0, 0.3), "peak width by tokens": (0.0, 0.3),
    "batch width": (math.log(0.004), 1.0), "batch width by params": (0.0, 0.3), "batch width by tokens": (0.0, 0.3),
    "peak skew": (0.4, 0.5), "batch skew": (0.2, 0.4), "E": (math.log(0.56), 0.3), "A": (math.log(0.2), 1.0),
    "B": (math.log(0.2), 1.0), "alpha": (math.log(0.34), 0.3), "beta": (math.log(0.28), 0.3),
}  # fmt: skip
"""Median and spread. The exponents of the peak are means of three: 0, the best carried over; those of DeepSeek LLM
(arXiv:2401.02954: peak ∝ compute^-0.125, batch ∝ compute^0.327); and those of Step Law (arXiv:2503.04715: peak ∝
N^-0.713·D^0.307, batch ∝ D^0.571). Those of the batch lie between the last two. The loss is that of Hoffmann et al.
2022 (arXiv:2203.15556), over the lowest of the table. Widths are parts of the loss."""
_NOISE, _FAR = 0.001, 0.25
"""The relative deviation of a final loss from the law, and how it grows with the distance from its grid's best."""


@dataclass(frozen=True, eq=False)
class Minimum:
    """The law of least squares of some final losses."""

    place: np.ndarray  #: its parameters, in the order of `NAMES`
    covariance: np.ndarray  #: of the parameters
    center: tuple[float, float, float, float]
    """The logarithms of size, tokens and batch that others are taken over, and of the lowest loss."""
    misfit: np.ndarray  #: the logarithm of the law's loss over each
    above: np.ndarray  #: that of each loss over the lowest of its size and tokens

    @classmethod
    def of(cls, logs: np.ndarray) -> Minimum:
        """That of runs whose size, tokens, batch, peak and loss are given as logarithms, shape (5, n)."""
        center = (*logs[:3].mean(axis=1).tolist(), float(logs[4].min()))
        at, loss, members = centered(list(np.exp(logs[:4])), center), logs[4] - center[3], rows_alike(logs[:2])
        grid = np.argmax([np.isin(np.arange(logs.shape[1]), of) for of in members], axis=0)
        above = loss - np.array([loss[of].min() for of in members])[grid]
        medians, spreads = np.array([PRIORS[name] for name in NAMES]).T.copy()
        weights = np.exp(-above / 0.01)
        for name, row in (("peak", at[3]), ("batch", at[2])):
            medians[NAMES.index(name)] = np.average(row, weights=weights)
        width = len(NAMES)

        def residuals(u: np.ndarray) -> np.ndarray:
            misfit = (predicted(u[:width], at) + u[width:][grid] - loss) / (_NOISE + _FAR * above)
            return np.concatenate([misfit, (u[:width] - medians) / spreads, u[width:] / APART])

        start = np.append(medians, np.zeros(len(members)))
        end = least_squares(residuals, start, loss="soft_l1", max_nfev=300, x_scale="jac")
        robust = (1 + end.fun**2) ** -0.5
        covariance = np.linalg.inv(end.jac.T @ (robust[:, None] * end.jac))[:width, :width]
        misfit = predicted(end.x[:width], at) + end.x[width:][grid] - loss
        return cls(end.x[:width], covariance, center, misfit, above)
