"""Searches and races on noisy trainings: something is learned, or it is said; each update is counted."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

import glideslope as gs
from faults.tally import Kinds, seeded


class Noisy:
    """Least squares on single examples with noise in their targets, in NumPy, counting the updates it makes.

    Of some seeds the noise is larger than what can be learned, of some the loss is shifted or in another unit.
    """

    def __init__(self, seed: int) -> None:
        shape = np.random.default_rng(1000 + seed)
        self.dimensions = int(shape.integers(2, 12))
        self.noise = float(shape.choice([0.0, 0.5, 2.0]))
        self.unit, self.shift = float(shape.choice([1.0, 1e-3, 1e3])), float(shape.choice([0.0, -10.0, 5.0]))
        self.target = shape.normal(size=self.dimensions) * 2
        self.random = np.random.default_rng(seed)
        self.weights = np.zeros(self.dimensions)
        self.updates = 0

    def step(self, lr: float) -> float:
        self.updates += 1
        x = self.random.normal(size=self.dimensions)
        error = (self.weights - self.target) @ x + self.noise * self.random.normal()
        self.weights = self.weights - lr * error * x
        return self.unit * (0.5 * float(error) ** 2 + self.shift)

    def evaluate(self) -> float:
        return self.unit * (0.5 * float(((self.weights - self.target) ** 2).sum()) + self.shift)

    def state(self) -> object:
        return self.weights.copy(), self.random.bit_generator.state

    def restore(self, state: Any) -> None:
        self.weights, self.random.bit_generator.state = state[0].copy(), state[1]

    def reseed(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)


def search(seed: int) -> str | None:
    """A search on a noisy training: it ends clearly better than it began, or says that nothing was learned, and counts
    each update that it made."""
    job = Noisy(seed)
    untrained = job.evaluate()
    steps = int(np.random.default_rng(seed).integers(300, 900))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tuned = gs.tune(job, steps, overhead=2.0, seed=seed)
        except gs.SearchError as error:
            return None if "nothing learned" in str(error) else str(error)
    made = job.updates - min(steps, sum(run.made for run in tuned.full))  # some may have been stopped early
    if made != tuned.search_updates or tuned.search_updates > 2 * steps + 1:
        return f"seed {seed}: {made} updates made, {tuned.search_updates} counted, at most {2 * steps}"
    fallen = (untrained - tuned.final_loss) / (untrained - job.unit * job.shift)
    return None if fallen > 0.5 else f"seed {seed}: only {fallen:.0%} of the way, at a peak of {tuned.peak:g}"


def race_of_guards(seed: int) -> str | None:
    """A race with guards counts the updates that were taken back too."""
    job = Noisy(seed)
    job.noise = 0.5
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raced = gs.race(job, ["constant * guard(every=5, rest=10)", "linear"], 60, [0.02, 0.3], seed=seed)
    return None if raced.updates == job.updates else f"seed {seed}: {job.updates} made, {raced.updates} counted"


KINDS: Kinds = {
    "searches": ("searches on noisy trainings: learned or said, all updates counted", seeded(search), 1_000),
    "guards": ("races with guards: all updates counted", seeded(race_of_guards), 100),
}
