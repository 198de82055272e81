"""The updates of optimizers, as torch makes them: each from a slope and a rate to the change of a position."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np

Name = Literal["descent", "momentum", "nesterov", "adagrad", "rmsprop", "adam"]
Update = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From the slope and the rate, shape (d,) each, to what is subtracted from the position, shape (d,)."""


def _descent(momentum: float) -> Update:
    """w - η·g."""
    return lambda slope, rate: np.asarray(rate * slope)


def _momentum(momentum: float, *, ahead: bool = False) -> Update:
    """v = β·v + g, from v = g at first; w - η·v, or where it looks ahead, as Nesterov's, w - η·(g + β·v). Source:
    torch.optim.SGD."""
    velocity: np.ndarray | None = None

    def update(slope: np.ndarray, rate: np.ndarray) -> np.ndarray:
        nonlocal velocity
        velocity = slope if velocity is None else momentum * velocity + slope
        return np.asarray(rate * (slope + momentum * velocity if ahead else velocity))

    return update


def _by_squares(momentum: float, *, kept: float, added: float, least: float) -> Update:
    """s = kept·s + added·g²; w - η·g/(√s + least). Source: Duchi et al. 2011; Adagrad and RMSprop of torch.optim."""
    squares: np.ndarray | float = 0.0

    def update(slope: np.ndarray, rate: np.ndarray) -> np.ndarray:
        nonlocal squares
        squares = kept * squares + added * slope * slope
        return np.asarray(rate * slope / (np.sqrt(squares) + least))

    return update


def _adam(momentum: float) -> Update:
    """m = β·m + (1 - β)·g; s = 0.999·s + 0.001·g²; w - η·m̂/(√ŝ + 1e-8), m̂ = m/(1 - βᵗ) and ŝ = s/(1 - 0.999ᵗ).

    Source: Kingma & Ba 2015, arXiv:1412.6980; torch.optim.Adam.
    """
    first: np.ndarray | float = 0.0
    second: np.ndarray | float = 0.0
    updates = 0

    def update(slope: np.ndarray, rate: np.ndarray) -> np.ndarray:
        nonlocal first, second, updates
        updates += 1
        first = momentum * first + (1 - momentum) * slope
        second = 0.999 * second + 0.001 * slope * slope
        mean = first / (1 - momentum**updates)
        return np.asarray(rate * mean / (np.sqrt(second / (1 - 0.999**updates)) + 1e-8))

    return update


OPTIMIZERS: dict[Name, Callable[[float], Update]] = {
    "descent": _descent, "momentum": _momentum, "nesterov": partial(_momentum, ahead=True), "adam": _adam,
    "adagrad": partial(_by_squares, kept=1.0, added=1.0, least=1e-10),
    "rmsprop": partial(_by_squares, kept=0.99, added=0.01, least=1e-8),
}  # fmt: skip
"""From β, of those that have a momentum, to an optimizer's updates."""


def limits(optimizer: Name, momentum: float, curvature: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The rates from which on descent on a quadratic does more than crawl, swings to and fro, and diverges, shape (n,)
    each: 0.1·s, s = (1 - √β)²/λ and l = 2·(1 + β)/λ; of Nesterov's s = ((1 - β)/(1 + β))²/λ and l = 2·(1 + β)/(1 +
    2·β)/λ.

    They are NaN where the curvature λ, shape (n,), isn't above 0, and None for an optimizer that scales the slope. With
    r the roots of the recurrence of the distance from the minimum along the steepest direction, it swings where they
    are complex or one is negative, and diverges where one is of size 1. Of momentum they are those of r² - (1 + β -
    ηλ)·r + β; of Nesterov's those of r² - (1 + β)·(1 - ηλ)·r + β·(1 - ηλ).

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
