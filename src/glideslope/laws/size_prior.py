"""What is supposed of the lines of a law over sizes, before it is fitted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from glideslope.laws import public_curves
from glideslope.laws.curve_priors import PRIORS as OF_ONE
from glideslope.laws.form import NAMES, Prior
from glideslope.laws.public_curves import CENTER, LINE, LOWEST, OF_OTHER_DATA, REFERENCE, UNIT, directions

FLOOR = 0.56  # The part of the lowest loss that no size goes below, at first: 1.69 (Hoffmann et al. 2022) of 3.
_FLOOR_SPREAD = 0.2
_PRIORS = OF_ONE | {
    "alpha": Prior(0.53, 0.15), "offset": Prior(0.057, 0.7), "a": Prior(0.85, 1.0), "b": Prior(0.23, 0.6),
    "B": Prior(0.5, 0.7), "C": Prior(125.0, 1.0), "gamma": Prior(0.19, 0.25), "beta": Prior(0.37, 0.15),
    "p": Prior(0.9, 0.06),
}  # fmt: skip
"""The parameters at the mean size, in parts of the longest run, the mean peak and the lowest loss: wide, for any
data."""
_SLOPES = {"L0": (-0.3, 0.15), "A": (0.1, 0.3), "alpha": (-0.1, 0.15), "offset": (0.0, 0.3), "a": (0.0, 0.4),
           "b": (0.0, 0.2), "B": (0.0, 0.3), "C": (0.0, 0.4), "gamma": (0.0, 0.1), "beta": (-0.1, 0.2),
           "p": (0.0, 0.05), "r": (0.0, 0.05)}  # fmt: skip
"""How a parameter's logarithm goes with that of the size: the median and the spread of the slope."""
APART = {"L0": 0.012, "A": 0.03, "alpha": 0.018, "offset": 0.12, "a": 0.09, "b": 0.09, "B": 0.06, "C": 0.18,
         "gamma": 0.06, "beta": 0.06, "p": 0.018, "r": 0.03}  # fmt: skip
"""How far the logarithm of a size's parameter lies from the line that all sizes have."""
_SLOPE = 0.1  # the deviations of slopes
_LIKE_ANY = ("L0", "C", "gamma", "beta")
"""The parameters that have the wide prior in both: L0 counts from E, and public curves don't agree on how soon noise is
averaged away."""


@dataclass(frozen=True, eq=False)
class LinePrior:
    """A normal prior of log E, of the lines' levels and of their slopes, in this order."""

    medians: np.ndarray  # shape (1 + 2·12,)
    spreads: np.ndarray  # the standard deviations


def priors(lowest: float, center: float, unit: float, reference: float) -> Iterator[LinePrior]:
    """One for any data, and one for data like the public: language models at usual rates and updates. `center` is the
    logarithm of the size that sizes are over, `unit` the updates of the clock's, and `reference` the rate that rates
    are over."""
    level = {name: (math.log(prior.median), prior.spread) for name, prior in _PRIORS.items()}
    level["L0"] = math.log(_PRIORS["L0"].median / 3 - FLOOR), 0.7
    losses = {name: math.log(lowest) - (math.log(3) if name in ("A", "B") else 0.0) for name in ("L0", "A", "B")}
    yield _prior(lowest, {name: (level[name][0] + losses.get(name, 0.0), level[name][1]) for name in NAMES}, _SLOPES)
    scaled = directions(LINE.mean)
    scale = np.array([math.log(unit / UNIT), math.log(reference / REFERENCE), math.log(lowest / LOWEST)])
    middle = LINE.mean + LINE.slope * (center - math.log(CENTER)) + scaled @ scale
    spread = np.sqrt(LINE.spread**2 + np.square(scaled * OF_OTHER_DATA).sum(axis=1))
    public = dict(zip(public_curves.NAMES, zip(middle.tolist(), spread.tolist(), strict=True), strict=True))
    slopes = {name: (slope, _SLOPE) for name, slope in zip(public_curves.NAMES, LINE.slope.tolist(), strict=True)}
    level["L0"] = level["L0"][0] + losses["L0"], level["L0"][1]
    yield _prior(lowest, {**level, **public, **{name: level[name] for name in _LIKE_ANY}},
                 {**_SLOPES, **slopes, **{name: _SLOPES[name] for name in _LIKE_ANY}})  # fmt: skip


def _prior(lowest: float, level: dict[str, tuple[float, float]], slopes: dict[str, tuple[float, float]]) -> LinePrior:
    rows = [(math.log(FLOOR * lowest), _FLOOR_SPREAD), *(level[name] for name in NAMES), *(slopes[n] for n in NAMES)]
    medians, spreads = np.array(rows).T
    return LinePrior(medians, spreads)
