"""Trainings with a guard that are disturbed: the loss at the end is within 3% of the undisturbed one, or it is said."""

from __future__ import annotations

import copy
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import torch

from faults import disturbances
from faults.disturbances import Parts
from faults.disturbed import BATCH, MODELS, OPTIMIZERS, UPDATES, Loop, data, undisturbed
from faults.tally import Kinds, seeded
from glideslope.policy import as_policy
from glideslope.search.contestant import Contestant
from glideslope.search.trials import Trials

MOST = 0.03
EXACT = "exact regression"


def _as_many(loop: Loop) -> int:
    """The updates of which something is left, in tens."""
    return round(loop.useful, -1)


def _all(loop: Loop) -> int:
    """All updates; without noise those that are left, since there 1% of the updates is more than 1% of the loss."""
    return _as_many(loop) if loop.kind == EXACT else UPDATES


def _none(loop: Loop) -> int:
    """What is disturbed needn't be saved."""
    return 0


def _case(
    disturb: Callable[[Random], Parts], models: tuple[str, ...], compared: Callable[[Loop], int]
) -> Callable[[int], str | None]:
    """A training, by its seed, that a disturbance reaches into; `compared` with one of so many undisturbed updates."""

    def case(seed: int) -> str | None:
        kind = models[seed % len(models)]
        optimizing = list(OPTIMIZERS)[seed // len(models) % 2]
        with tempfile.TemporaryDirectory() as folder:
            on_disk = Path(folder) if disturb is disturbances.damaged_files else None
            loop = Loop(kind, optimizing, seed % 3, **disturb(Random(seed)), folder=on_disk)
            loss = loop.run()
        if not loop.events:
            return f"seed {seed}, {kind}, {optimizing}: nothing noticed"
        if updates := compared(loop):
            more = loss / undisturbed(kind, optimizing, seed % 3, updates) - 1
            return None if more < MOST else f"seed {seed}, {kind}, {optimizing}: {more:+.1%}"
        return None

    return case


class Searched:
    """A training as a job for a search: a batch is inf at the same place in each epoch, or weights are damaged once."""

    def __init__(self, kind: str, seed: int, length: int = 0, place: int = 0, damaged: int = -1) -> None:
        torch.manual_seed(seed)
        self.model = MODELS[kind]()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9)
        self.inputs, self.targets = data(kind)
        self.seed, self.length, self.place, self.damaged = seed, length, place, damaged
        self.drawn = 0

    def step(self, lr: float) -> float:
        generator = torch.Generator().manual_seed(self.seed + self.drawn)
        rows = torch.randint(0, len(self.inputs), (BATCH,), generator=generator)
        x, y = self.inputs[rows], self.targets[rows]
        if self.length and self.drawn % self.length == self.place:
            x = torch.full_like(x, math.inf)
        if self.drawn == self.damaged:
            self.damaged = -1
            next(self.model.parameters()).data[0] = math.nan
        self.drawn += 1
        self.optimizer.param_groups[0]["lr"] = lr
        loss = torch.nn.functional.cross_entropy(self.model(x), y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def skip(self) -> None:
        self.drawn += 1

    @torch.no_grad()
    def evaluate(self) -> float:
        self.model.eval()
        loss = torch.nn.functional.cross_entropy(self.model(self.inputs), self.targets).item()
        self.model.train()
        return loss

    def state(self) -> Any:
        return copy.deepcopy((self.model.state_dict(), self.optimizer.state_dict(), self.drawn))

    def restore(self, state: Any) -> None:
        model, optimizer, self.drawn = copy.deepcopy(state)
        self.model.load_state_dict(model)
        self.optimizer.load_state_dict(optimizer)


def in_a_search(seed: int) -> str | None:
    """A run of a search, with a batch of inf in each epoch or with weights that are damaged once."""
    random, kind = Random(seed), ("classes", "batch normalization")[seed % 2]
    if seed % 3:
        length = random.choice(disturbances.EPOCHS)
        job = Searched(kind, seed % 3, length, random.randrange(1, length))
    else:
        job = Searched(kind, seed % 3, damaged=random.randrange(10, UPDATES))
    contestant = Contestant(as_policy("cosine * guard()").value, 0.05)
    run = Trials(job).run(contestant, UPDATES, stage="run")
    more = run.final_loss / Trials(Searched(kind, seed % 3)).run(contestant, UPDATES, stage="run").final_loss - 1
    if not run.events:
        return f"seed {seed}, {kind}: nothing noticed"
    return None if more < MOST else f"seed {seed}, {kind}: {more:+.1%}; {run.problem}"


def calm(seed: int) -> str | None:
    """A training that nothing disturbs: the guard leaves it alone."""
    kind = list(MODELS)[seed % len(MODELS)]
    loop = Loop(kind, list(OPTIMIZERS)[seed // len(MODELS) % 2], 10 + seed)
    loop.run()
    return f"seed {seed}, {kind}: {loop.events[:2]}" if loop.events else None


ALL = tuple(MODELS)
LOOPS: dict[str, tuple[str, Callable[[Random], Parts], tuple[str, ...], Callable[[Loop], int]]] = {
    "guard-epochs": ("guards: one batch of inf at the same place in each epoch of 13 to 300",
                     disturbances.same_batch, ALL, _all),
    "guard-thirds": ("guards: one batch of three is inf, against the other two thirds undisturbed",
                     disturbances.one_of_three, ALL, _as_many),
    "guard-gradients": ("guards: gradients not finite, ten places", disturbances.nan_gradients, ALL, _all),
    "guard-moments": ("guards: NaN in momentum or exp_avg, ten places", disturbances.nan_in_moments, ALL, _all),
    "guard-weights": ("guards: weights times 10 to 100, ten places", disturbances.larger_weights, ALL, _all),
    "guard-labels": ("guards: labels times 300 to 3,000, ten places", disturbances.larger_labels,
                     ("regression", EXACT), _all),
    "guard-scaler": ("guards: a gradient scaler whose scale is lost, or that leaves out updates",
                     disturbances.stuck_scaler, ALL, _all),
    "guard-statistics": ("guards: NaN in statistics of batches", disturbances.nan_statistics,
                         ("batch normalization",), _all),
    "guard-row": ("guards: NaN in a row of an embedding, met later", disturbances.nan_row, ("words",), _all),
    "guard-one": ("guards: damage just before a snapshot, one kept", disturbances.one_kept, ALL, _all),
    "guard-files": ("guards: the newest snapshot on disk truncated or changed", disturbances.damaged_files, ALL, _all),
    "guard-growing": ("guards: weights growing by 0.1 to 0.4% an update, noticed", disturbances.growing_weights, ALL,
                      _none),
}  # fmt: skip
KINDS: Kinds = {
    **{name: (title, seeded(_case(disturb, models, compared)), 4)
       for name, (title, disturb, models, compared) in LOOPS.items()},
    "guard-searches": ("guards in a search: a batch of inf in each epoch, weights damaged", seeded(in_a_search), 4),
    "guard-calm": ("guards: undisturbed trainings left alone", seeded(calm), 4),
}  # fmt: skip
