"""The law: the loss as a function of the rates so far, with its derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glideslope.laws.knots import Knots

NAMES = ("L0", "A", "alpha", "offset", "rho", "B", "p", "C", "gamma", "beta", "nu")
"""The parameters, all positive; a law is fitted in their logarithms."""

_LEAST = 1e-9
_FLOOR = 1e-3
"""The least rate, over the reference, in η^-γ: at a rate of 0 the bracket is at its limit."""


@dataclass(frozen=True)
class Prior:
    """A log-normal prior of a parameter: its median, and the standard deviation of its logarithm."""

    median: float
    spread: float


MULTI_POWER = {"offset": 0.0, "rho": 1.0, "p": 1.0, "nu": 1.0}
"""The parameters that the multi-power law fixes."""


def predicted(knots: Knots, theta: dict[str, float]) -> np.ndarray:
    """The loss at each measurement, shape (n,)."""
    return _parts(knots, theta).loss


def jacobian(knots: Knots, theta: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """The loss at each measurement, shape (n,), and its derivatives by each parameter of `NAMES`, shape (n, 11)."""
    q = _parts(knots, theta)
    log_rate = np.log(np.maximum(knots.rate, _LEAST))
    log_floor = np.log(np.maximum(knots.rate, _FLOOR))
    by_clock = -theta["A"] * theta["alpha"] * q.clock ** (-theta["alpha"] - 1)
    by_gap = theta["B"] * q.change * theta["beta"] * q.stretched ** (-theta["beta"] - 1) * theta["C"] * q.inverse
    by_gap = np.where(knots.begun, by_gap, 0.0)
    level = q.level * log_rate
    by_level = np.where(knots.begun, np.diff(level, prepend=0.0) * q.response, 0.0)
    moved = knots.used @ (q.pace * log_rate)
    moved = moved[:, None] - knots.before @ (q.pace * log_rate)
    relaxed = q.change * q.stretched ** -theta["beta"] * np.log(q.stretched)
    columns = {
        "L0": np.ones(len(q.loss)),
        "A": q.clock ** -theta["alpha"],
        "alpha": -theta["A"] * q.clock ** -theta["alpha"] * np.log(q.clock),
        "offset": by_clock,
        "rho": by_clock * (knots.used @ (knots.rate_power(theta["rho"]) * log_rate)),
        "B": q.noise / theta["B"],
        "p": theta["B"] * by_level.sum(1),
        "C": (by_gap * q.gap).sum(1) / theta["C"],
        "gamma": -(by_gap * q.gap * log_floor).sum(1),
        "beta": theta["B"] * np.where(knots.begun, relaxed, 0.0).sum(1),
        "nu": (by_gap * moved).sum(1),
    }
    return q.loss, np.stack([columns[name] for name in NAMES], axis=1)


def gradient_by_rate(knots: Knots, theta: dict[str, float]) -> tuple[float, np.ndarray]:
    """The loss at the last measurement, and its derivative by the rate of each piece, shape (K,)."""
    q = _parts(knots, theta)
    rate, begun = np.maximum(knots.rate, _LEAST), knots.begun[-1]
    used = knots.used[-1]
    by_clock = -theta["A"] * theta["alpha"] * q.clock[-1] ** (-theta["alpha"] - 1)
    slope = by_clock * used * theta["rho"] * rate ** (theta["rho"] - 1)
    response = np.where(begun, q.response[-1], 0.0)
    slope += theta["B"] * theta["p"] * rate ** (theta["p"] - 1) * (response - np.append(response[1:], 0.0))
    by_gap = q.change * theta["beta"] * q.stretched[-1] ** (-theta["beta"] - 1) * theta["C"] * q.inverse
    by_gap = theta["B"] * np.where(begun, by_gap, 0.0)
    slope += np.cumsum(by_gap) * used * theta["nu"] * rate ** (theta["nu"] - 1)
    slope -= np.where(knots.rate > _FLOOR, by_gap * q.gap[-1] * theta["gamma"] / rate, 0.0)
    return float(q.loss[-1]), slope


@dataclass(frozen=True)
class _Parts:
    loss: np.ndarray
    clock: np.ndarray
    noise: np.ndarray
    pace: np.ndarray
    gap: np.ndarray
    inverse: np.ndarray
    stretched: np.ndarray
    response: np.ndarray
    level: np.ndarray
    change: np.ndarray


def _parts(knots: Knots, theta: dict[str, float]) -> _Parts:
    """L(t) = L0 + A·(S(t) + offset)^-α + B·Σ_k (η_k^p - η_{k-1}^p)·(1 - (1 + C·η_k^-γ·R_k(t))^-β)."""
    clock = knots.used @ knots.rate_power(theta["rho"]) + theta["offset"] + _LEAST
    pace = knots.rate_power(theta["nu"])
    gap = np.maximum((knots.used @ pace)[:, None] - knots.before @ pace, 0.0)
    inverse = np.maximum(knots.rate, _FLOOR) ** -theta["gamma"]
    stretched = 1.0 + theta["C"] * inverse * gap
    response = 1.0 - stretched ** -theta["beta"]
    level = knots.rate_power(theta["p"])
    change = np.diff(level, prepend=0.0)
    noise = theta["B"] * np.where(knots.begun, change * response, 0.0).sum(1)
    loss = theta["L0"] + theta["A"] * clock ** -theta["alpha"] + noise
    return _Parts(loss, clock, noise, pace, gap, inverse, stretched, response, level, change)
