"""The loss of a small network on handwritten digits, along two directions about its trained weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

_HIDDEN, _CLASSES = 12, 10
_STEPS, _RATE = 300, 0.5
_NEAR = 1e-4  # how far apart the slopes are whose difference is the curvature

Weights = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Plane:
    """The mean cross-entropy of a network of two layers, at weights w + x·u + y·v."""

    inputs: np.ndarray  # the pictures, shape (n, 65), the last column 1
    labels: np.ndarray  # the digits, shape (n,)
    weights: Weights  # the trained ones w, shapes (65, 12) and (13, 10)
    directions: tuple[Weights, Weights]  # u and v, as the weights; each unit's part is as long as the unit's weights
    dimensions: int = 2

    @property
    def examples(self) -> int:
        return len(self.labels)

    def values(self, points: np.ndarray) -> np.ndarray:
        return np.array([self._slopes(self._at(tuple(point)), slice(None))[0] for point in points])

    def gradient(self, point: tuple[float, ...], batch: np.ndarray | None) -> tuple[float, ...]:
        _, slopes = self._slopes(self._at(point), slice(None) if batch is None else batch)
        return tuple(
            float(sum(np.vdot(slope, part) for slope, part in zip(slopes, direction, strict=True)))
            for direction in self.directions
        )

    def gradients(self, points: np.ndarray) -> np.ndarray:
        return np.array([self.gradient((x, y), None) for x, y in points.tolist()])

    def curvatures(self, points: np.ndarray) -> np.ndarray:
        matrices = np.empty((len(points), 2, 2))
        for matrix, (x, y) in zip(matrices, points.tolist(), strict=True):
            for i, (dx, dy) in enumerate(((_NEAR, 0.0), (0.0, _NEAR))):
                after, before = self.gradient((x + dx, y + dy), None), self.gradient((x - dx, y - dy), None)
                matrix[i] = (np.array(after) - np.array(before)) / (2 * _NEAR)
            matrix[:] = (matrix + matrix.T) / 2
        return matrices

    def _at(self, point: tuple[float, ...]) -> Weights:
        x, y = point
        u, v = self.directions
        return (self.weights[0] + x * u[0] + y * v[0], self.weights[1] + x * u[1] + y * v[1])

    def _slopes(self, weights: Weights, batch: np.ndarray | slice) -> tuple[float, Weights]:
        """The loss of some examples, and its derivatives by the weights."""
        inputs, labels = self.inputs[batch], self.labels[batch]
        hidden = np.append(np.tanh(inputs @ weights[0]), np.ones((len(inputs), 1)), axis=1)
        scores = hidden @ weights[1]
        scores -= scores.max(axis=1, keepdims=True)
        shares = np.exp(scores)
        total = shares.sum(axis=1, keepdims=True)
        every = np.arange(len(labels))
        loss = float(np.mean(np.log(total[:, 0]) - scores[every, labels]))
        back = shares / total
        back[every, labels] -= 1
        back /= len(labels)
        to_hidden = (back @ weights[1].T)[:, :-1] * (1 - hidden[:, :-1] ** 2)
        return loss, (inputs.T @ to_hidden, hidden.T @ back)


@cache
def plane() -> Plane:
    """The plane, the same each time: of the digits beside this file."""
    with files("glideslope.studio.descent").joinpath("digits.npz").open("rb") as file, np.load(file) as data:
        pictures, labels = data["pictures"], data["labels"].astype(int)
    random = np.random.default_rng(7)
    inputs = np.append(pictures / 16, np.ones((len(pictures), 1)), axis=1)
    weights = (random.normal(0, 0.2, (inputs.shape[1], _HIDDEN)), random.normal(0, 0.2, (_HIDDEN + 1, _CLASSES)))
    untrained = Plane(inputs, labels, weights, (weights, weights))
    for _ in range(_STEPS):
        _, slopes = untrained._slopes(weights, slice(None))
        weights = (weights[0] - _RATE * slopes[0], weights[1] - _RATE * slopes[1])
    u, v = ((_scaled(random, weights[0]), _scaled(random, weights[1])) for _ in range(2))
    return Plane(inputs, untrained.labels, weights, (u, v))


def _scaled(random: np.random.Generator, weights: np.ndarray) -> np.ndarray:
    """A random direction, each unit's part as long as the unit's weights (Li et al. 2018, arXiv:1712.09913)."""
    direction = random.normal(0, 1, weights.shape)
    return np.asarray(direction * np.linalg.norm(weights, axis=0) / np.linalg.norm(direction, axis=0))
