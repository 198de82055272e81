"""The updates of optimizers, as torch makes them: each from a slope and a rate to the change of a position."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

Name = Literal["descent", "momentum", "nesterov", "adagrad", "rmsprop", "adam"]
Update = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From the slope and the rate, shape (d,) each, to what is subtracted from the position, shape (d,)."""


@dataclass
class Descent:
    """w - η·g."""

    momentum: float

    def __call__(self, slope: np.ndarray, rate: np.ndarray) -> np.ndarray:
        return np.asarray(rate * slope)


@dataclass
class Momentum:
    """v = β·v + g, from v = g at first; w - η·v. Source: torch.optim.SGD."""

    momentum: float
    velocity: np.ndarray | None = None

    def __call__(self, slope: np.ndarray, rate: np.ndarray) -> np.ndarray:
        self.velocity = slope if self.velocity is None else self.momentum * self.velocity + slope
        return np.asarray(rate * self.velocity)


@dataclass
class Nesterov(Momentum):
    """The same with w - η·(g + β·v)."""

    def __call__(self, slope: np.ndarray, rate: np.ndarray) -> np.ndarray:
        super().__call__(slope, rate)
        assert self.velocity is not None
        return np.asarray(rate * (slope + self.momentum * self.velocity))


@dataclass
class Adagrad:
    """s = s + g²; w - η·g/(√s + 1e-10). Source: Duchi et al. 2011; torch.optim.Adagrad."""

    momentum: float
    sum: np.ndarray | float = 0.0

    def __call__(self, slope: np.ndarray, rate: np.ndarray) -> np.ndarray:
        self.sum = self.sum + slope * slope
        return np.asarray(rate * slope / (np.sqrt(self.sum) + 1e-10))


@dataclass
class RMSprop:
    """s = 0.99·s + 0.01·g²; w - η·g/(√s + 1e-8). Source: torch.optim.RMSprop."""

    momentum: float
    mean: np.ndarray | float = 0.0

    def __call__(self, slope: np.ndarray, rate: np.ndarray) -> np.ndarray:
        self.mean = 0.99 * self.mean + 0.01 * slope * slope
        return np.asarray(rate * slope / (np.sqrt(self.mean) + 1e-8))


@dataclass
class Adam:
    """m = β·m + (1 - β)·g; s = 0.999·s + 0.001·g²; w - η·m̂/(√ŝ + 1e-8), m̂ = m/(1 - βᵗ) and ŝ = s/(1 - 0.999ᵗ).

    Source: Kingma & Ba 2015, arXiv:1412.6980; torch.optim.Adam.
    """

    momentum: float
    first: np.ndarray | float = 0.0
    second: np.ndarray | float = 0.0
    updates: int = 0

    def __call__(self, slope: np.ndarray, rate: np.ndarray) -> np.ndarray:
        self.updates += 1
        self.first = self.momentum * self.first + (1 - self.momentum) * slope
        self.second = 0.999 * self.second + 0.001 * slope * slope
        mean = self.first / (1 - self.momentum**self.updates)
        return np.asarray(rate * mean / (np.sqrt(self.second / (1 - 0.999**self.updates)) + 1e-8))


OPTIMIZERS: dict[Name, Callable[[float], Update]] = {
    "descent": Descent, "momentum": Momentum, "nesterov": Nesterov, "adagrad": Adagrad, "rmsprop": RMSprop,
    "adam": Adam,
}  # fmt: skip


def limits(optimizer: Name, momentum: float, curvature: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The rates from which on descent on a quadratic does more than crawl, swings to and fro, and diverges.

    With r the roots of the recurrence of the distance from the minimum along the steepest direction, of curvature λ,
    it swings where they are complex or one is negative, and diverges where one is of size 1. Of momentum they are those
    of r² - (1 + β - ηλ)·r + β; of Nesterov's those of r² - (1 + β)·(1 - ηλ)·r + β·(1 - ηλ).

    Args:
        optimizer: plain descent, or with momentum of either kind; others scale the slope, and have none.
        momentum: β.
        curvature: the largest, λ, shape (n,); NaN or 0 and less where the surface doesn't curve upwards.

    Returns:
        0.1·s, s and l, shape (n,) each, NaN where λ isn't above 0: with s = (1 - √β)²/λ and l = 2·(1 + β)/λ; of
        Nesterov's s = ((1 - β)/(1 + β))²/λ and l = 2·(1 + β)/(1 + 2·β)/λ. None where there are none.

    >>> [float(rate[0]) for rate in limits("descent", 0.0, np.array([4.0]))]
    [0.025, 0.25, 0.5]
    """
    beta = momentum
    match optimizer:
        case "descent":
            swings, diverges = 1.0, 2.0
        case "momentum":
            swings, diverges = (1 - beta**0.5) ** 2, 2 * (1 + beta)
        case "nesterov":
            swings, diverges = ((1 - beta) / (1 + beta)) ** 2, 2 * (1 + beta) / (1 + 2 * beta)
        case _:
            return None
    inverse = np.where(curvature > 0, 1 / np.where(curvature > 0, curvature, 1.0), np.nan)
    return 0.1 * swings * inverse, swings * inverse, diverges * inverse
