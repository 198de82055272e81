"""The law: the loss as a function of the rates so far, with its derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glideslope.laws.knots import Knots

NAMES = ("L0", "A", "alpha", "offset", "a", "b", "B", "C", "gamma", "beta", "p", "r")
"""The parameters, all positive; a law is fitted in their logarithms."""

H = 0.6
"""How the rate that counts falls with the growth of the weights: η/Q^H, Q the growth of ‖w‖²."""

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
    return _parts(knots.effective(theta["r"]), theta).loss


def _batch_slopes(knots: Knots, theta: dict[str, float]) -> np.ndarray:
    """The derivatives by the exponent of the batch size: central differences, where sizes differ at all."""
    if knots.batch is None:
        return np.zeros(len(knots.used))
    up, down = (_parts(knots.effective(theta["r"] + h), theta).loss for h in (1e-5, -1e-5))
    return np.asarray((up - down) / 2e-5)


def jacobian(knots: Knots, theta: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """The loss at each measurement, shape (n,), and its derivatives by each parameter of `NAMES`, shape (n, 12)."""
    by_batch = _batch_slopes(knots, theta)
    knots = knots.effective(theta["r"])
    q = _parts(knots, theta)
    by_clock = -theta["alpha"] * q.main / q.clock
    inside = q.by_gap * q.gap
    by_gap, within = q.by_gap.sum(1), q.by_gap[:, 1:] * knots.used
    columns = {
        "L0": np.ones(len(q.loss)),
        "A": q.main / theta["A"],
        "alpha": -q.main * np.log(q.clock),
        "offset": by_clock,
        "B": q.noise @ q.change,
        "C": inside.sum(1) / theta["C"],
        "gamma": -inside @ np.log(knots.turn),
        "beta": theta["B"] * ((q.left * q.stretched) @ q.change),
        "r": by_batch,
        "p": theta["B"] * (q.noise @ np.diff(q.level * np.log(q.speed), prepend=0.0)),
    }
    for name, (by_middle, by_edge) in zip("ab", _growth_slopes(knots, theta, q.growth_at), strict=True):
        grown = by_middle / q.growth
        slower = -theta["h"] * q.relaxation * grown
        since = by_gap * (knots.used @ slower) - q.by_gap[:, 1:] @ knots.until(slower) - within @ (slower / 2)
        level = np.diff(-H * theta["p"] * q.level / q.growth_at * by_edge, prepend=0.0)
        passed = knots.used @ (-H * q.pace * grown)
        columns[name] = by_clock * passed + since + theta["B"] * (q.noise @ level)
    return q.loss, np.stack([columns[name] for name in NAMES], axis=1)


def gradient_by_rate(knots: Knots, theta: dict[str, float]) -> tuple[float, np.ndarray]:
    """The loss at the last measurement, after all pieces, and its derivative by the rate at each place, shape (K + 1,),
    of a rate that is straight between them."""
    q = _parts(knots, theta)
    a, b = theta["a"], theta["b"]
    response, by_gap = q.noise[-1], q.by_gap[-1]  # all pieces are over, so that their shares are 1
    by_clock = -theta["alpha"] * q.main[-1] / q.clock[-1]
    by_pace = knots.length * by_clock * q.pace
    by_relaxation = knots.length * np.cumsum(by_gap)[1:] - by_gap[1:] * (knots.length + knots.update) / 2
    by_relaxation *= q.relaxation
    by_speed = theta["B"] * theta["p"] * (response - np.append(response[1:], 0.0)) * q.level / q.speed
    by_turn = -by_gap * q.gap[-1] * theta["gamma"] / knots.turn
    slope = (by_pace + by_relaxation) / knots.rate + by_turn[1:]
    by_growth = -(H * by_pace + theta["h"] * by_relaxation) / q.growth
    by_growth_at = (-H * by_speed * q.speed / q.growth_at).tolist()
    after = by_growth_at[-1]  # the derivative by the growth at the end of a piece
    starts, decay = q.growth_at.tolist(), np.exp(-b * knots.length * knots.rate / 2).tolist()
    for k in range(len(slope) - 1, -1, -1):
        level, half, own = a * knots.rate[k] / b, decay[k], by_growth[k]
        by_limit = own * (1 - half) + after * (1 - half * half)
        by_path = -b * (starts[k] - level) * (own * half / 2 + after * half * half)
        slope[k] += by_limit * a / b + by_path * knots.length[k]
        after = own * half + after * half * half + by_growth_at[k]
    by_edge = by_speed * q.speed / knots.edge
    by_edge[0] += by_turn[0]
    by_edge[1:] += slope / 2
    by_edge[:-1] += slope / 2
    return float(q.loss[-1]), by_edge


@dataclass(frozen=True, eq=False)
class _Parts:
    """What the law is made of: for measurements (n,), pieces (K,), places or changes (K + 1,), and both (n, K + 1).

    Of those of both, `noise` and `left` are times the share of the changes that have come by then; `stretched` is the
    logarithm of 1 + C·η^-γ·gap.
    """

    loss: np.ndarray
    main: np.ndarray
    clock: np.ndarray
    growth: np.ndarray
    growth_at: np.ndarray
    pace: np.ndarray
    relaxation: np.ndarray
    speed: np.ndarray
    level: np.ndarray
    change: np.ndarray
    gap: np.ndarray
    stretched: np.ndarray
    noise: np.ndarray
    left: np.ndarray
    by_gap: np.ndarray


def _parts(knots: Knots, theta: dict[str, float]) -> _Parts:
    """The law: see `fit`."""
    growth, growth_at = _growth(knots, theta)
    pace, speed, relaxation = knots.rate * growth**-H, knots.edge * growth_at**-H, knots.rate * growth ** -theta["h"]
    clock, gap = knots.used @ pace + theta["offset"] + 1e-6, knots.passed(relaxation)
    main = theta["A"] * clock ** -theta["alpha"]
    level = speed ** theta["p"] if knots.batch is None else speed ** theta["p"] / knots.batch[1]
    change = np.diff(level, prepend=0.0)
    share = np.empty(gap.shape)
    share[:, 0] = 1.0
    np.divide(knots.used, knots.length, out=share[:, 1:])
    np.maximum(gap, 0.0, out=gap)
    inverse = theta["C"] * knots.turn ** -theta["gamma"]
    by_gap = gap * inverse  # at first what is stretched, over 1
    stretched = np.log1p(by_gap)
    left = np.multiply(stretched, -theta["beta"])
    np.exp(left, out=left)
    left *= share
    noise = share - left
    by_gap += 1.0
    np.divide(left, by_gap, out=by_gap)
    by_gap *= theta["B"] * theta["beta"] * change * inverse
    loss = theta["L0"] + main + theta["B"] * (noise @ change)
    return _Parts(
        loss,
        main,
        clock,
        growth,
        growth_at,
        pace,
        relaxation,
        speed,
        level,
        change,
        gap,
        stretched,
        noise,
        left,
        by_gap,
    )


def _growth(knots: Knots, theta: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Q in the middle of each piece, shape (K,), and at each place, shape (K + 1,): dQ/ds = a·η - b·Q along s = Σ η,
    from 1."""
    limit, half = theta["a"] / theta["b"] * knots.rate, np.exp(-theta["b"] * knots.length * knots.rate / 2)
    at = _recurrence(half**2, limit * (1 - half**2), 1.0)
    return limit + (at[:-1] - limit) * half, at


def _growth_slopes(knots: Knots, theta: dict[str, float], at: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """The derivatives of both by a, and by b, from Q at each place."""
    a, b, path = theta["a"], theta["b"], knots.length * knots.rate
    half = np.exp(-b * path / 2)
    limit_a, limit_b = knots.rate / b, -a * knots.rate / b**2
    moved = (a / b * knots.rate - at[:-1]) * half * path  # of the decay, by b
    added = np.stack([limit_a * (1 - half**2), limit_b * (1 - half**2) + moved * half])
    by_a, by_b = _recurrence(half**2, added, 0.0)
    return (
        (limit_a + (by_a[:-1] - limit_a) * half, by_a),
        (limit_b + (by_b[:-1] - limit_b) * half + moved / 2, by_b),
    )


def _recurrence(factor: np.ndarray, added: np.ndarray, first: float) -> np.ndarray:
    """x from the first one on, shape (…, K + 1), where x[…, k + 1] = factor[k]·x[…, k] + added[…, k].

    Twice as many terms are joined in each pass (Hillis and Steele 1986), so that there are log K passes.
    """
    x = np.insert(added, 0, first, axis=-1)
    product, joined = np.insert(factor, 0, 0.0), 1
    while joined < x.shape[-1]:
        x[..., joined:] += product[joined:] * x[..., :-joined]
        product[joined:] *= product[:-joined].copy()
        joined *= 2
    return x
