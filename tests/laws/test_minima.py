"""A fit ends in the least of the minima that several starts find, or in one as likely, on made families of runs."""

import importlib

import numpy as np
import pytest
from scipy.optimize import least_squares

import glideslope as gs
from glideslope import laws
from glideslope.laws.curve_problem import Problem

of_sizes = importlib.import_module("glideslope.laws.fit_sizes")  # its function has the same name
TEXTS = (
    "warmup(5%) >> hold()", "warmup(5%) >> cosine(final=0.1)", "warmup(5%) >> hold() >> cooldown(20%)",
    "warmup(2%) >> linear()", "warmup(2%) >> cosine()", "warmup(1%) >> hold() >> cooldown(50%, shape=sqrt)",
)  # fmt: skip
FAMILIES = {
    "a power of the sum of rates": {"noise": 0.005},
    "much noise": {"noise": 0.03},
    "losses near 0": {"noise": 0.003, "lowest": 0.02},
    "loss mostly of the rate": {"noise": 0.003, "of_rate": 2.0},
    "a fast clock": {"noise": 0.002, "clock": 1000.0},
    "a slow clock": {"noise": 0.002, "clock": 1.0},
    "wild losses": {"noise": 0.003, "wild": 0.1},
}

LIKELY = 1.0
"""A cost is the negative logarithm of a likelihood: one higher by less is of a place about as likely."""


def made(seed, number=12, noise=0.003, lowest=2.5, of_rate=0.3, clock=24.0, wild=0.0, times=lambda i: 1.0):
    """Runs whose loss falls as a power of the sum of the rates, and rises with the rate."""
    random, runs = np.random.default_rng(seed), []
    for i in range(number):
        updates, text = int(3000 * random.choice([0.25, 0.5, 1.0])), TEXTS[i % len(TEXTS)]
        rates = 0.8 ** random.integers(5) * gs.parse(text).over(updates).sample(updates)
        step = np.arange(updates // 100, updates + 1, updates // 100)
        at = (lowest + 0.9 * (clock * np.cumsum(rates) / 3000 + 0.1) ** -0.5 + of_rate * rates)[step - 1]
        off = noise * random.normal(size=len(step)) + (random.random(len(step)) < wild) * random.exponential(
            size=len(step)
        )
        runs.append(laws.Run(1e-3 * rates, step, times(i) * at * np.exp(off), name=f"{text} {i}"))
    return runs


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", [10, 11])
def test_a_fit_ends_in_the_least_minimum_of_many_starts(monkeypatch, family, seed):
    ended = []
    settled = Problem.settled
    monkeypatch.setattr(Problem, "settled", lambda self, x, groups: ended.append((self, x)) or settled(self, x, groups))
    laws.fit(made(seed, **FAMILIES[family]))
    (problem, place), random = ended[-1], np.random.default_rng(seed)
    starts = [problem.medians + 0.5 * problem.spreads * random.normal(size=12) for _ in range(2)]
    costs = [
        least_squares(
            lambda x: problem.residuals(x)[0], start[problem.free], lambda x: problem.residuals(x)[1], loss="soft_l1"
        ).cost
        for start in starts
    ]
    own = np.sum(np.sqrt(1 + problem.residuals(place)[0] ** 2) - 1)
    assert own <= min(costs) + LIKELY


@pytest.mark.parametrize("family", ["a power of the sum of rates", "much noise", "loss mostly of the rate"])
def test_a_fit_over_sizes_does_too(monkeypatch, family):
    ended = []
    settled = of_sizes._Problem.settled
    monkeypatch.setattr(of_sizes._Problem, "settled", lambda self, u: ended.append((self, u)) or settled(self, u))
    sizes = (2e7, 2e8)
    runs = made(10, 12, times=lambda i: (sizes[i // 6] / 6e7) ** -0.05, **FAMILIES[family])
    laws.fit_sizes([laws.SizedRun(run, sizes[i // 6]) for i, run in enumerate(runs)])
    (problem, place), random = ended[-1], np.random.default_rng(0)
    starts = np.tile(problem.medians, (2, 1))
    starts[:, 1:13] += 0.4 * problem.spreads[1:13] * random.normal(size=(2, 12))
    assert problem.minimum(place, 1e-6)[0] <= min(problem.minimum(start, 1e-6)[0] for start in starts) + LIKELY
