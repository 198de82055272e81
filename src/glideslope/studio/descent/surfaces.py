"""The surfaces that are descended: formulas by name, formulas typed in, and the loss of a small network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from glideslope.studio.descent.formula import Formula, parsed


class Surface(Protocol):
    """What is descended."""

    @property
    def dimensions(self) -> int:
        """How many coordinates a place has."""

    @property
    def examples(self) -> int:
        """The examples that it is a mean over; 0 of a formula."""

    def values(self, points: np.ndarray) -> np.ndarray:
        """The height at points of shape (n, dimensions), shape (n,)."""

    def gradient(self, point: tuple[float, ...], batch: np.ndarray | None) -> tuple[float, ...]:
        """The slope along each coordinate; of a batch of examples, where the surface is a mean over some."""

    def gradients(self, points: np.ndarray) -> np.ndarray:
        """The slopes at points, shape (n, dimensions)."""

    def curvatures(self, points: np.ndarray) -> np.ndarray:
        """The matrices of second derivatives, shape (n, dimensions, dimensions)."""


@dataclass(frozen=True)
class Place:
    """A named surface."""

    title: str  # its name for people
    formula: str  # its text; "" of the network
    window: tuple[tuple[float, float], ...]  # the least and the largest of each coordinate that is seen
    start: tuple[float, ...]  # where a ball begins
    rate: float  # a rate to begin with
    about: str  # what it shows


_SQUARE = ((-3.0, 3.0), (-3.0, 3.0))
PLACES = {
    "parabola": Place("Parabola", "x^2 / 2", ((-3.0, 3.0),), (-2.5,), 0.3, "One minimum; its curvature is 1."),
    "two_valleys": Place(
        "Two valleys", "x^4 / 4 - x^2 + 0.3*x", ((-2.2, 2.2),), (2.0,), 0.05,
        "A local minimum on the right, the global one on the left.",
    ),
    "many_valleys": Place(
        "Many valleys", "x^2 / 20 + 1 - cos(2*x)", ((-8.0, 8.0),), (-7.2,), 0.1,
        "A wide bowl with a minimum each three units.",
    ),
    "bowl": Place("Bowl", "(x^2 + y^2) / 2", _SQUARE, (-2.4, 1.8), 0.3, "The same curvature everywhere."),
    "ravine": Place(
        "Ravine", "(x^2 + 25*y^2) / 2", ((-3.0, 3.0), (-1.5, 1.5)), (-2.6, 1.1), 0.05,
        "25 times as steep across as along: the steep side limits the rate, the flat one needs it.",
    ),
    "saddle": Place("Saddle", "x^2 - y^2 + y^4 / 4", ((-2.0, 2.0), (-2.4, 2.4)), (-1.7, 0.01), 0.1,
                    "Flat in the middle, where the slope is 0 and nothing is lowest."),
    "rosenbrock": Place("Rosenbrock", "(1 - x)^2 + 100*(y - x^2)^2", ((-2.0, 2.0), (-1.0, 3.0)), (-1.5, 2.2), 0.001,
                        "A bent valley: easily reached, slowly followed to (1, 1)."),
    "himmelblau": Place("Himmelblau", "(x^2 + y - 11)^2 + (x + y^2 - 7)^2", ((-5.0, 5.0), (-5.0, 5.0)), (-0.3, -0.9),
                        0.01, "Four minima of one depth; the start decides which."),
    "rastrigin": Place("Rastrigin", "20 + x^2 + y^2 - 10*cos(2*pi*x) - 10*cos(2*pi*y)", ((-4.0, 4.0), (-4.0, 4.0)),
                       (-3.3, 2.4), 0.002, "A minimum in every square; the lowest is in the middle."),
    "beale": Place(
        "Beale", "(1.5 - x + x*y)^2 + (2.25 - x + x*y^2)^2 + (2.625 - x + x*y^3)^2", ((-1.0, 4.2), (-2.0, 1.6)),
        (0.5, -1.6), 0.01, "Flat plains and steep walls; the minimum is at (3, 0.5).",
    ),
    "two_layers": Place("Two layers", "(x*y - 1)^2 / 2", ((-0.5, 4.0), (-0.5, 4.0)), (3.2, 0.05), 0.1,
                        "A network of two weights, y after x: each one's slope is scaled by the other."),
    "rare": Place("Rare feature", "((x - 1)^2 + (y - 1)^2) / 2", ((-1.5, 2.5), (-1.5, 2.5)), (-1.2, -1.2), 0.3,
                  "Let the slope along y come in one update of ten alone, as a rare word's does."),
    "digits": Place("Digits network", "", ((-1.0, 1.0), (-1.0, 1.0)), (-0.8, 0.75), 0.05,
                    "The loss of a network on handwritten digits, on a plane of random directions through its "
                    "trained weights."),
}  # fmt: skip


@dataclass(frozen=True)
class FormulaSurface:
    """The surface of a formula; where that has no height, the surface has no slope and no curvature either."""

    formula: Formula
    examples: int = 0

    @property
    def dimensions(self) -> int:
        return len(self.formula.variables)

    def values(self, points: np.ndarray) -> np.ndarray:
        value = self.formula.at(tuple(points.T)).value
        return np.broadcast_to(np.asarray(value, dtype=float), len(points))

    def gradient(self, point: tuple[float, ...], batch: np.ndarray | None) -> tuple[float, ...]:
        jet = self.formula.at(tuple(map(np.float64, point)))
        return jet.first if np.isfinite(jet.value) else (math.nan,) * self.dimensions

    def gradients(self, points: np.ndarray) -> np.ndarray:
        jet = self.formula.at(tuple(points.T))
        slopes = np.stack([np.broadcast_to(slope, len(points)) for slope in jet.first], axis=1)
        return np.where(np.isfinite(self.values(points))[:, None], slopes, np.nan)

    def curvatures(self, points: np.ndarray) -> np.ndarray:
        second = self.formula.at(tuple(points.T), second=True).second or ()
        n = self.dimensions
        matrices = np.empty((len(points), n, n))
        places = [(i, j) for i in range(n) for j in range(i, n)]
        for (i, j), values in zip(places, second, strict=True):
            matrices[:, i, j] = matrices[:, j, i] = values
        return np.where(np.isfinite(self.values(points))[:, None, None], matrices, np.nan)


def surface(name: str, formula: str) -> Surface:
    """A surface by its name, or of the formula where that is "formula". Raises a FormulaError if it can't be read."""
    if name == "digits":
        from glideslope.studio.descent.digits import plane

        return plane()
    return FormulaSurface(parsed(formula if name == "formula" else PLACES[name].formula))
