"""What is supposed of the law of one network, before it is fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glideslope.laws import public_curves
from glideslope.laws.form import NAMES, Prior
from glideslope.laws.public_curves import LINE, LOWEST, OF_OTHER_DATA, REFERENCE, SIZES, UNIT, directions

PRIORS = {
    "L0": Prior(2.5, 0.5), "A": Prior(0.9, 1.0), "alpha": Prior(0.52, 0.15), "offset": Prior(0.12, 0.7),
    "a": Prior(0.7, 1.0), "b": Prior(0.2, 0.6), "B": Prior(0.25, 1.0), "C": Prior(25.0, 1.0),
    "gamma": Prior(0.5, 0.3), "beta": Prior(0.5, 0.25), "p": Prior(0.9, 0.15), "r": Prior(0.2, 1.0),
}  # fmt: skip
"""Chosen by leaving out runs, families and peaks among fitting runs: see docs/laws.md. Those of L0, A and B are for a
lowest loss of 3, and scaled by it."""
UNITS = 24  # units of the law's clock in the longest run
_APART = 2.0
"""How far a network's parameters may lie from the line of public curves, over what those of its networks do."""
_LOOSE, _LOOSER = ("C", "gamma", "beta"), 2.0
"""The parameters that deviate besides by more than those of any data, this many times: public curves don't agree on how
soon noise is averaged away."""


@dataclass(frozen=True, eq=False)
class CurvePrior:
    """A normal prior of the logarithms of a law's parameters."""

    unit: float  # the updates in a unit of the clock
    reference: float  # the rate that rates are over
    medians: np.ndarray  # shape (12,), in the order of `NAMES`
    covariance: np.ndarray  # shape (12, 12)

    @property
    def spreads(self) -> np.ndarray:
        """The standard deviations, shape (12,)."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    def root(self, free: Sequence[int]) -> np.ndarray:
        """What makes the distances of some parameters from their medians standard normal, shape (n, n)."""
        inverse = np.linalg.inv(self.covariance[np.ix_(free, free)])
        return np.asarray(np.linalg.cholesky((inverse + inverse.T) / 2).T)


def any_data(longest: int, reference: float, lowest: float) -> CurvePrior:
    """A wide one, in parts of the longest run, of a rate and of the lowest loss."""
    scale = np.array([lowest / 3 if name in ("L0", "A", "B") else 1.0 for name in NAMES])
    medians = np.log(scale * np.array([PRIORS[name].median for name in NAMES]))
    return CurvePrior(longest / UNITS, reference, medians, np.diag([PRIORS[n].spread ** 2 for n in NAMES]))


def like_public(lowest: float) -> CurvePrior:
    """One for language models at usual rates and updates, of any size: near the line of public curves."""
    scaled = directions(LINE.mean)
    deviations = _APART * LINE.spread
    covariance = np.diag(deviations**2) + SIZES**2 * np.outer(LINE.slope, LINE.slope)
    covariance += scaled @ np.diag(np.square(OF_OTHER_DATA)) @ scaled.T
    places = [NAMES.index(name) for name in public_curves.NAMES]
    medians, whole = np.log([PRIORS[name].median for name in NAMES]), np.diag([PRIORS[n].spread ** 2 for n in NAMES])
    loose = np.diag([(_LOOSER * PRIORS[name].spread) ** 2 if name in _LOOSE else 0.0 for name in public_curves.NAMES])
    medians[places] = LINE.mean + scaled[:, 2] * np.log(lowest / LOWEST)
    whole[np.ix_(places, places)] = covariance + loose
    return CurvePrior(UNIT, REFERENCE, medians, whole)
