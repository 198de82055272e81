"""What a guard is for: a training that is disturbed, with a guard and without.

    python benchmarks/guard.py [--seeds 3]

A network on the handwritten digits inside scikit-learn, 3,000 updates of momentum on a cosine. The rate is 30 times too
large for 50 attempted updates from each of ten random places on where the schedule's factor is over 0.3; or one batch
is NaN. Printed is the validation loss over that of the undisturbed run of the same seed, in a search and in a plain
loop. The tests of the guard use the same training.
"""

from __future__ import annotations

import argparse
import copy
import math
import random
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

import glideslope as gs
from glideslope.policy import as_policy
from glideslope.search.runs.contestant import Contestant, Run
from glideslope.search.trials import Trials

STEPS, PEAK, NAN = 3000, 0.1, 700


@cache
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and classes, in a fixed order; the first 1,200 are for training."""
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.data))
    return torch.tensor(data.data[order] / 16, dtype=torch.float32), torch.tensor(data.target[order])


class Disturbed:
    """A training job whose rate is 30 times too large from each of some places on, and which meets a batch of NaN."""

    def __init__(self, seed: int = 0, places: Iterable[int] = (), nan: int | None = None) -> None:
        torch.manual_seed(seed)
        self.x, self.y = digits()
        self.model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=PEAK, momentum=0.9, weight_decay=1e-2)
        self.made = self.drawn = self.left = 0
        self.places, self.nan = set(places), nan

    def step(self, lr: float) -> float:
        return self.update(lr).item()

    def update(self, lr: float) -> torch.Tensor:
        """One update at a rate that may be disturbed; its loss."""
        self.optimizer.param_groups[0]["lr"] = lr * self.disturbance()
        self.made += 1
        x, y = self.batch()
        loss = nn.functional.cross_entropy(self.model(x), y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss

    def batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        epoch, place = divmod(self.drawn, 18)
        chosen = np.random.default_rng([1, epoch]).permutation(1200)[64 * place : 64 * place + 64]
        x, y = self.x[chosen], self.y[chosen]
        self.drawn += 1
        return (torch.full_like(x, math.nan) if self.drawn == self.nan else x), y

    def disturbance(self) -> float:
        if self.made in self.places:
            self.places.remove(self.made)
            self.left = 50
        self.left -= self.left > 0
        return 30.0 if self.left else 1.0

    def skip(self) -> None:
        self.drawn += 1

    @torch.no_grad()
    def evaluate(self) -> float:
        return nn.functional.cross_entropy(self.model(self.x[1200:]), self.y[1200:]).item()

    def state(self) -> Any:
        return copy.deepcopy((self.model.state_dict(), self.optimizer.state_dict(), self.made, self.drawn))

    def restore(self, state: Any) -> None:
        model, optimizer, self.made, self.drawn = copy.deepcopy(state)
        self.model.load_state_dict(model)
        self.optimizer.load_state_dict(optimizer)


def places_for(seed: int) -> list[int]:
    """Ten places where the factor is over 0.3."""
    factors = gs.cosine().over(STEPS).sample(STEPS)
    return random.Random(seed).sample([t for t in range(100, STEPS) if factors[t] > 0.3], 10)


def searched(job: Disturbed, schedule: str, memory: dict[str, Any] | None = None) -> Run:
    """A run as a search makes it."""
    trials = Trials(job, memory={} if memory is None else memory)
    return trials.run(Contestant(as_policy(schedule).value, PEAK), STEPS, stage="run")


def looped(job: Disturbed, schedule: str) -> tuple[float, gs.torch.Guard | None]:
    """A plain torch loop: the validation loss at its end, and its guard."""
    scheduler = gs.torch.Scheduler(job.optimizer, schedule, steps=STEPS)
    guard = gs.torch.Guard(job.model, scheduler) if "guard" in schedule else None
    for _ in range(STEPS):
        loss = job.update(scheduler.get_last_lr()[0])
        scheduler.step()
        if guard:
            guard.step(loss)
    return job.evaluate(), guard


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    torch.set_num_threads(1)
    for name, disturbed in (("ten places", lambda seed: {"places": places_for(seed)}), ("NaN", lambda _: {"nan": NAN})):
        for seed in seeds:
            undisturbed = searched(Disturbed(seed), "cosine").final_loss
            lost = searched(Disturbed(seed, **disturbed(seed)), "cosine").final_loss
            run = searched(Disturbed(seed, **disturbed(seed)), "cosine * guard()")
            final, guard = looped(Disturbed(seed, **disturbed(seed)), "cosine * guard()")
            assert guard is not None
            print(
                f"{name}, seed {seed}: undisturbed {undisturbed:.4f}; without a guard {lost:.4f}; with one, in a "
                f"search {run.final_loss / undisturbed - 1:+.1%} ({len(run.events)} events), in a loop "
                f"{final / undisturbed - 1:+.1%} ({len(guard.events)} events); wanted: within 3%",
                flush=True,
            )


if __name__ == "__main__":
    main()
