"""The law: the loss as a function of the rates so far, with its derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glideslope.laws.knots import Knots

NAMES = ("L0", "A", "alpha", "offset", "a", "b", "B", "C", "gamma", "beta", "p")
"""The parameters, all positive; a law is fitted in their logarithms."""

H = 0.6
"""How the rate that counts falls with the growth of the weights: η/Q^H, Q the growth of ‖w‖²."""

MULTI_POWER = {"offset": 0.0, "a": 1e-12, "b": 1e-12, "p": 1.0}
"""The parameters that the multi-power law fixes: weights that don't grow."""


@dataclass(frozen=True)
class Prior:
    """A log-normal prior of a parameter: its median, and the standard deviation of its logarithm."""

    median: float
    spread: float


def predicted(knots: Knots, theta: dict[str, float]) -> np.ndarray:
    """The loss at each measurement, shape (n,)."""
    return _parts(knots, theta).loss


def jacobian(knots: Knots, theta: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """The loss at each measurement, shape (n,), and its derivatives by each parameter of `NAMES`, shape (n, 11)."""
    q = _parts(knots, theta)
    by_clock = -theta["alpha"] * q.main / q.clock
    by_gap, growths = q.by_gap, _growth_slopes(knots, theta)
    columns = {
        "L0": np.ones(len(q.loss)),
        "A": q.main / theta["A"],
        "alpha": -q.main * np.log(q.clock),
        "offset": by_clock,
        "B": q.response @ q.change,
        "C": (by_gap * q.gap).sum(1) / theta["C"],
        "gamma": -(by_gap * q.gap) @ np.log(knots.rate),
        "beta": theta["B"] * (np.where(knots.begun, (1 - q.response) * np.log(q.stretched), 0.0) @ q.change),
        "p": theta["B"] * (q.response @ np.diff(q.level * np.log(q.pace), prepend=0.0)),
    }
    for name, by_name in zip("ab", growths, strict=True):
        pace = -H * q.pace / q.growth * by_name
        passed = knots.used @ pace
        moved = passed[:, None] - knots.before(pace)
        level = np.diff(theta["p"] * q.level / q.pace * pace, prepend=0.0)
        columns[name] = by_clock * passed + (by_gap * moved).sum(1) + theta["B"] * (q.response @ level)
    return q.loss, np.stack([columns[name] for name in NAMES], axis=1)


def gradient_by_rate(knots: Knots, theta: dict[str, float]) -> tuple[float, np.ndarray]:
    """The loss at the last measurement, after all pieces, and its derivative by each piece's rate, shape (K,)."""
    q = _parts(knots, theta)
    a, b = theta["a"], theta["b"]
    response, by_gap = q.response[-1], q.by_gap[-1]
    by_clock = -theta["alpha"] * q.main[-1] / q.clock[-1]
    by_level = theta["B"] * (response - np.append(response[1:], 0.0))
    by_pace = knots.length * (by_clock + np.cumsum(by_gap)) + by_level * theta["p"] * q.level / q.pace
    slope = by_pace * q.pace / knots.rate - by_gap * q.gap[-1] * theta["gamma"] / knots.rate
    by_growth = -H * by_pace * q.pace / q.growth
    after = 0.0  # the derivative by the growth at the end of a piece
    starts, decay = q.starts.tolist(), np.exp(-b * knots.length * knots.rate / 2).tolist()
    for k in range(len(slope) - 1, -1, -1):
        level, half, own = a * knots.rate[k] / b, decay[k], by_growth[k]
        by_limit = own * (1 - half) + after * (1 - half * half)
        by_path = -b * (starts[k] - level) * (own * half / 2 + after * half * half)
        slope[k] += by_limit * a / b + by_path * knots.length[k]
        after = own * half + after * half * half
    return float(q.loss[-1]), slope


@dataclass(frozen=True)
class _Parts:
    """What the law is made of: shapes (n,), (K,) and (n, K)."""

    loss: np.ndarray
    main: np.ndarray
    clock: np.ndarray
    growth: np.ndarray
    starts: np.ndarray
    pace: np.ndarray
    level: np.ndarray
    change: np.ndarray
    gap: np.ndarray
    stretched: np.ndarray
    response: np.ndarray
    by_gap: np.ndarray


def _parts(knots: Knots, theta: dict[str, float]) -> _Parts:
    """The law: see `fit`."""
    growth, starts = _growth(knots, theta)
    pace = knots.rate * growth**-H
    passed = knots.used @ pace
    clock = passed + theta["offset"] + 1e-6
    main = theta["A"] * clock ** -theta["alpha"]
    level = pace ** theta["p"]
    change = np.diff(level, prepend=0.0)
    gap = np.maximum(passed[:, None] - knots.before(pace), 0.0)
    inverse = theta["C"] * knots.rate ** -theta["gamma"]
    stretched = 1.0 + inverse * gap
    left = stretched ** -theta["beta"]
    response = np.where(knots.begun, 1.0 - left, 0.0)
    by_gap = np.where(knots.begun, theta["B"] * change * theta["beta"] * left / stretched * inverse, 0.0)
    loss = theta["L0"] + main + theta["B"] * (response @ change)
    return _Parts(loss, main, clock, growth, starts, pace, level, change, gap, stretched, response, by_gap)


def _growth(knots: Knots, theta: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Q in the middle of each piece, and at its start: dQ/ds = a·η - b·Q along s = Σ η, from 1; shape (K,) each."""
    limits = (theta["a"] / theta["b"] * knots.rate).tolist()
    halves = np.exp(-theta["b"] * knots.length * knots.rate / 2).tolist()
    q, middle, starts = 1.0, [], []
    for limit, half in zip(limits, halves, strict=True):
        starts.append(q)
        middle.append(limit + (q - limit) * half)
        q = limit + (q - limit) * half * half
    return np.array(middle), np.array(starts)


def _growth_slopes(knots: Knots, theta: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """The derivatives of Q in the middle of each piece by a and by b, shape (K,) each."""
    a, b = theta["a"], theta["b"]
    paths = (knots.length * knots.rate).tolist()
    halves = np.exp(-b * knots.length * knots.rate / 2).tolist()
    q, by_a, by_b = 1.0, 0.0, 0.0
    found: tuple[list[float], list[float]] = ([], [])
    for rate, path, half in zip(knots.rate.tolist(), paths, halves, strict=True):
        whole, limit = half * half, a * rate / b
        limit_a, limit_b = rate / b, -limit / b
        found[0].append(limit_a + (by_a - limit_a) * half)
        found[1].append(limit_b + (by_b - limit_b) * half - (q - limit) * half * path / 2)
        by_b = limit_b + (by_b - limit_b) * whole - (q - limit) * whole * path
        by_a = limit_a + (by_a - limit_a) * whole
        q = limit + (q - limit) * whole
    return np.array(found[0]), np.array(found[1])
