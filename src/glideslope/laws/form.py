"""The law: the loss as a function of the rates so far, with its derivatives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dtbtrs

from glideslope.laws.knots import Block, Knots

NAMES = ("L0", "A", "alpha", "offset", "a", "b", "B", "C", "gamma", "beta", "p", "r")
"""The parameters, all positive; a law is fitted in their logarithms."""

H = 0.6  # how the rate that counts falls with the growth of the weights: η/Q^H, Q the growth of ‖w‖²

RELAXATION = {"h": 1.0}
"""The same for the rate at which noise is averaged away, η/Q^h: the curvature of the loss of normalized weights is
∝ 1/‖w‖². It isn't fitted."""

MULTI_POWER = {"offset": 0.0, "a": 1e-12, "b": 1e-12, "p": 1.0, "r": 1e-12}
"""The parameters that the multi-power law fixes: weights that don't grow, batches of one size."""


@dataclass(frozen=True)
class Prior:
    """A log-normal prior of a parameter: its median, and the standard deviation of its logarithm."""

    median: float
    spread: float


def predicted(knots: Knots, theta: dict[str, float]) -> np.ndarray:
    """The loss at each measurement, shape (n,)."""
    knots = knots.effective(theta["r"])
    q = _parts(knots, theta)
    noise = np.empty(len(q.main))
    for block, _, left, _ in _blocks(knots, theta, q):
        noise[block.points] = (block.share - left) @ q.change[block.slots]
    return np.asarray(theta["L0"] + q.main + theta["B"] * noise)


def jacobian(knots: Knots, theta: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """The loss at each measurement, shape (n,), and its derivatives by each parameter of `NAMES`, shape (n, 12)."""
    by_batch = np.zeros(len(knots.piece))
    if knots.batch is not None:  # by the exponent of the batch size: central differences, where sizes differ at all
        up, down = (predicted(knots, {**theta, "r": theta["r"] + h}) for h in (1e-5, -1e-5))
        by_batch = (up - down) / 2e-5
    knots = knots.effective(theta["r"])
    q = _parts(knots, theta)
    by_middle, by_edge = _growth_slopes(knots, theta, q.growth_at)  # by a and by b, shape (2, K)
    grown = by_middle / q.growth
    slower = -theta["h"] * q.relaxation * grown
    delays = knots.sums(slower)
    levels = np.stack([
        q.level, q.level * np.log(q.speed), *(-H * theta["p"] * q.level / q.growth_at * by_edge)
    ])  # fmt: skip
    change, turned = knots.changes(levels), q.change * np.log(knots.turn)
    weight = theta["B"] * theta["beta"] * q.change * q.inverse
    of_noise = np.ascontiguousarray(change.T)
    of_gap = np.stack([q.change, turned, weight, *(weight * (delays + slower * knots.middle))], axis=1)
    noise, gap = np.empty((len(q.main), 4)), np.empty((len(q.main), 5))
    inside, stretched_out, at_last = np.empty((len(q.main), 2)), np.empty(len(q.main)), np.empty(len(q.main))
    for block, stretched, left, nearer in _blocks(knots, theta, q):
        points, slots = block.points, block.slots
        noise[points] = (block.share - left) @ of_noise[slots]
        inside[points] = left @ of_gap[slots, :2]
        stretched *= left
        stretched_out[points] = stretched @ q.change[slots]
        left /= nearer
        gap[points] = left @ of_gap[slots]
        at_last[points] = left[np.arange(len(block.last)), block.last]
    inside -= gap[:, :2]
    by_clock = -theta["alpha"] * q.main / q.clock
    pieces = knots.piece
    at_last *= weight[pieces] * (knots.part - knots.length[pieces]) / 2
    since = gap[:, 2] * knots.passed(slower, delays) - gap[:, 3:].T - at_last * slower[:, pieces]
    paced = -H * q.pace * grown
    by_growth = by_clock * knots.passed(paced, knots.sums(paced)) + since + theta["B"] * noise[:, 2:].T
    columns = {
        "L0": np.ones(len(q.main)), "A": q.main / theta["A"], "alpha": -q.main * np.log(q.clock), "offset": by_clock,
        "a": by_growth[0], "b": by_growth[1], "B": noise[:, 0],
        "C": theta["B"] * theta["beta"] / theta["C"] * inside[:, 0],
        "gamma": -theta["B"] * theta["beta"] * inside[:, 1], "beta": theta["B"] * stretched_out,
        "p": theta["B"] * noise[:, 1], "r": by_batch,
    }  # fmt: skip
    loss = theta["L0"] + q.main + theta["B"] * noise[:, 0]
    return loss, np.stack([columns[name] for name in NAMES], axis=1)


def gradient_by_rate(knots: Knots, theta: dict[str, float]) -> tuple[float, np.ndarray]:
    """The loss of one run after all pieces, its only measurement, and its derivative by the rate at each place, shape
    (K,), of a rate that is straight between them."""
    q = _parts(knots, theta)
    a, b = theta["a"], theta["b"]
    ((block, _, left, nearer),) = _blocks(knots, theta, q)
    response = theta["B"] * (block.share - left)[0]  # all pieces are over, so that their shares are 1
    by_gap = theta["B"] * theta["beta"] * q.change * q.inverse * (left / nearer)[0]
    by_clock = -theta["alpha"] * q.main[0] / q.clock[0]
    by_pace = knots.length * by_clock * q.pace
    by_relaxation = q.relaxation * (knots.length * np.cumsum(by_gap) - by_gap * knots.middle)
    by_speed = theta["p"] * (response - np.append(response[1:], 0.0)) * q.level / q.speed
    by_turn = -theta["gamma"] / knots.turn * theta["B"] * theta["beta"] * q.change * (left - left / nearer)[0]
    slope = (by_pace + by_relaxation) / knots.rate + by_turn
    by_growth = (-(H * by_pace + theta["h"] * by_relaxation) / q.growth).tolist()
    by_growth_at = (-H * by_speed * q.speed / q.growth_at).tolist()
    after = 0.0  # the derivative by the growth at the end of a piece
    starts, decay = [1.0, *q.growth_at.tolist()], np.exp(-b * knots.length * knots.rate / 2).tolist()
    for k in range(len(slope) - 1, 0, -1):
        after += by_growth_at[k]
        level, half, middle = a * knots.rate[k] / b, decay[k], by_growth[k]
        by_limit = middle * (1 - half) + after * (1 - half * half)
        by_path = -b * (starts[k] - level) * (middle * half / 2 + after * half * half)
        slope[k] += by_limit * a / b + by_path * knots.length[k]
        after = middle * half + after * half * half
    by_edge = by_speed * q.speed / knots.edge
    by_edge[0] += by_turn[0]
    by_edge[1:] += slope[1:] / 2
    by_edge[:-1] += slope[1:] / 2
    return float(theta["L0"] + q.main[0] + response @ q.change), by_edge


@dataclass(frozen=True, eq=False)
class _Parts:
    """What the law is made of: for measurements, shape (n,), and for pieces, places and changes, shape (K,)."""

    main: np.ndarray
    clock: np.ndarray
    reached: np.ndarray  # the noise's clock at each measurement
    growth: np.ndarray
    growth_at: np.ndarray
    pace: np.ndarray
    relaxation: np.ndarray
    changed: np.ndarray  # the noise's clock at each change
    speed: np.ndarray
    level: np.ndarray
    change: np.ndarray
    inverse: np.ndarray  # C·η^-γ


def _parts(knots: Knots, theta: dict[str, float]) -> _Parts:
    """The law: see `fit`."""
    growth, growth_at = _growth(knots, theta)
    pace, speed, relaxation = knots.rate * growth**-H, knots.edge * growth_at**-H, knots.rate * growth ** -theta["h"]
    clock = knots.passed(pace, knots.sums(pace)) + theta["offset"] + 1e-6
    main = theta["A"] * clock ** -theta["alpha"]
    level = speed ** theta["p"] if knots.batch is None else speed ** theta["p"] / knots.batch[1]
    sums = knots.sums(relaxation)
    return _Parts(
        main, clock, knots.passed(relaxation, sums), growth, growth_at, pace, relaxation,
        sums + relaxation * knots.middle, speed, level, knots.changes(level),
        theta["C"] * knots.turn ** -theta["gamma"],
    )  # fmt: skip


def _blocks(
    knots: Knots, theta: dict[str, float], q: _Parts
) -> Iterator[tuple[Block, np.ndarray, np.ndarray, np.ndarray]]:
    """Each block of measurements with three arrays of shape (n, slots), each of a measurement and a change before it:
    log(1 + C·η^-γ·gap), what is left of the change, and 1 + C·η^-γ·gap."""
    for block in knots.blocks:
        pieces = knots.piece[block.points]
        nearer = q.reached[block.points, None] - q.changed[block.slots]
        nearer[np.arange(len(block.last)), block.last] = (
            q.relaxation[pieces] * (knots.part[block.points] - knots.update) / 2
        )
        np.maximum(nearer, 0.0, out=nearer)
        nearer *= q.inverse[block.slots]
        stretched = np.log1p(nearer)
        nearer += 1.0
        left = np.multiply(stretched, -theta["beta"])
        np.exp(left, out=left)
        left *= block.share
        yield block, stretched, left, nearer


def _growth(knots: Knots, theta: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Q in the middle of each piece and at each place, shape (K,): dQ/ds = a·η - b·Q along s = Σ η, from 1."""
    limit, half = theta["a"] / theta["b"] * knots.rate, np.exp(-theta["b"] * knots.length * knots.rate / 2)
    factor, added = half**2, limit * (1 - half**2)
    first = knots.first[:-1]
    factor[first], added[first] = 0.0, 1.0
    at = _recurrence(factor, added)
    return limit + (_place_before(at) - limit) * half, at


def _growth_slopes(knots: Knots, theta: dict[str, float], at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The derivatives of both by a and by b, shape (2, K), from Q at each place."""
    a, b, path = theta["a"], theta["b"], knots.length * knots.rate
    half = np.exp(-b * path / 2)
    limit = np.stack([knots.rate / b, -a * knots.rate / b**2])
    moved = np.stack([np.zeros(len(path)), (a / b * knots.rate - _place_before(at)) * half * path])  # of the decay
    factor, added = half**2, limit * (1 - half**2) + moved * half
    first = knots.first[:-1]
    factor[first], added[:, first] = 0.0, 0.0
    by_edge = _recurrence(factor, added.T).T
    return limit + (_place_before(by_edge) - limit) * half + moved / 2, by_edge


def _place_before(values: np.ndarray) -> np.ndarray:
    """Values at the place before each, shape (…, K); at the first of a run, whose piece has no length, any."""
    return np.concatenate([values[..., :1], values[..., :-1]], axis=-1)


def _recurrence(factor: np.ndarray, added: np.ndarray) -> np.ndarray:
    """x with x[k] = factor[k]·x[k - 1] + added[k], shape (K,) or (K, m): a system of a triangle and two diagonals."""
    band = np.ones((2, len(factor)))
    band[1, :-1] = -factor[1:]
    return np.asarray(dtbtrs(band, added, uplo="L", diag="U")[0]).reshape(added.shape)
