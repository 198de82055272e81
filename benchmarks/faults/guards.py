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

from faults import disturbances, mistakes, unpromised
from faults.disturbances import Parts
from faults.disturbed import BATCHES, MODELS, UPDATES, Loop, data, optimizing, undisturbed
from faults.late import answering_late
from faults.tally import Kinds, seeded
from glideslope.policy import as_policy
from glideslope.search.runs.contestant import Contestant
from glideslope.search.trials import Trials

MOST = 0.03
EXACT = "exact regression"
ON_DISK = (disturbances.damaged_files, disturbances.lost_files)
MILD = (
    disturbances.replaced_weights, disturbances.bad_for_a_while, disturbances.inputs_in_bytes,
    disturbances.stuck_scaler, unpromised.reversed_gradients, unpromised.far_labels,
)  # fmt: skip
"""What a training that has learned little may not notice, or the gradient scaler answers by itself; it needn't be
noticed where the loss at the end is as good."""


def _as_missing(loop: Loop) -> float:
    """The loss of a training from which the same updates are missing."""
    missing = frozenset(loop.missing)
    return undisturbed(loop.kind, loop.optimizing, loop.seed, loop.batch_size, missing=missing, average=loop.average)


def _whole(loop: Loop) -> float:
    """The loss of the whole training; without noise in the data, of one from which the same updates are missing.

    There a single update that is missing among the first changes the loss at the end by up to 6%.
    """
    if loop.kind == EXACT:
        return _as_missing(loop)
    return undisturbed(loop.kind, loop.optimizing, loop.seed, loop.batch_size, average=loop.average)


def _without_bad(loop: Loop) -> float:
    """The loss of a training from which exactly the bad updates are missing, whatever the guard left out."""
    missing = frozenset(loop.bad)
    return undisturbed(loop.kind, loop.optimizing, loop.seed, loop.batch_size, missing=missing)


def _case(
    disturb: Callable[[Random], Parts], models: tuple[str, ...], compared: Callable[[Loop], float] | None
) -> Callable[[int], str | None]:
    """A training, by its seed, that a disturbance reaches into; `compared` with the loss of an undisturbed one, or None
    where weights that grow must be noticed: where they grow until the training is lost it is stopped."""

    def case(seed: int) -> str | None:
        kind = models[seed % len(models)]
        optimizer = optimizing(kind, seed // len(models))
        batch_size = BATCHES[seed // 2 % len(BATCHES)]
        with tempfile.TemporaryDirectory() as folder:
            on_disk = Path(folder) if disturb in ON_DISK else None
            parts = disturb(Random(seed))
            loop = Loop(kind, optimizer, seed % 3, **parts, folder=on_disk, batch_size=batch_size)
            loss = loop.run()
        name = f"seed {seed}, {kind}, {optimizer}, batches of {batch_size}"
        if not loop.events and disturb not in MILD:
            return f"{name}: nothing noticed"
        if compared is None:
            return None if any(event.kind == "weights grow" for event in loop.events) else f"{name}: growth not noticed"
        whole = compared(loop)
        if loss < (1 + MOST) * whole:
            return None
        return f"{name}: {loss / whole - 1:+.1%}, {len(loop.missing)} missing"

    return case


def mistaken(seed: int) -> str | None:
    """A training with a mistake that a user makes: its loss is not 3% above the one without a guard."""
    disturb, kind = mistakes.MISTAKES[seed % len(mistakes.MISTAKES)], ALL[seed // len(mistakes.MISTAKES) % len(ALL)]
    optimizer, batch_size = optimizing(kind, seed // len(ALL)), BATCHES[seed // 2 % len(BATCHES)]

    def loss(**guarded: Any) -> float:
        return Loop(kind, optimizer, seed % 3, **disturb(Random(seed)), **guarded, batch_size=batch_size).run()

    without = loss(guarded="")
    if not without < math.inf:
        without = undisturbed(kind, optimizer, seed % 3, batch_size)
    more = loss() / without - 1
    said = f"seed {seed}, {disturb.__name__}, {kind}, {optimizer}, batches of {batch_size}: {more:+.1%}"
    return None if more < MOST else said


def late(seed: int) -> str | None:
    """A training on a device that answers up to four updates late, simulated; every fourth is undisturbed."""
    if seed % 4 == 0:
        with answering_late(seed // 4 % 5):
            return calm(seed)
    names = list(LOOPS)
    title, disturb, models, compared = LOOPS[names[seed // 4 % len(names)]]
    with answering_late(seed % 5):
        said = _case(disturb, models, compared)(seed)
    return said and f"{title}: {said}"


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
        rows = torch.randint(0, len(self.inputs), (BATCHES[0],), generator=generator)
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
    loop = Loop(kind, optimizing(kind, seed // len(MODELS)), 10 + seed, batch_size=BATCHES[seed // 2 % len(BATCHES)])
    loop.run()
    return f"seed {seed}, {kind}: {loop.events[:2]}" if loop.events else None


ALL = tuple(kind for kind in MODELS if kind != "matrices")
LOOPS: dict[str, tuple[str, Callable[[Random], Parts], tuple[str, ...], Callable[[Loop], float] | None]] = {
    "guard-epochs": ("guards: one batch of inf at the same place in each epoch of 13 to 300",
                     disturbances.same_batch, ALL, _whole),
    "guard-thirds": ("guards: one batch of three is inf, against the other two thirds undisturbed",
                     disturbances.one_of_three, ALL, _without_bad),
    "guard-gradients": ("guards: gradients not finite, ten places", disturbances.nan_gradients, ALL, _whole),
    "guard-moments": ("guards: NaN in momentum or exp_avg, ten places", disturbances.nan_in_moments, ALL, _whole),
    "guard-weights": ("guards: weights times 10 to 100, ten places", disturbances.larger_weights, ALL, _whole),
    "guard-labels": ("guards: labels times 300 to 3,000, ten places", disturbances.larger_labels,
                     ("regression", EXACT), _whole),
    "guard-scaler": ("guards: a gradient scaler whose scale is lost, or that leaves out updates",
                     disturbances.stuck_scaler, ALL, _whole),
    "guard-statistics": ("guards: NaN in statistics of batches", disturbances.nan_statistics,
                         ("batch normalization", "images"), _whole),
    "guard-row": ("guards: NaN in a row of an embedding, met later", disturbances.nan_row, ("words",), _whole),
    "guard-one": ("guards: damage just before a snapshot, one kept", disturbances.one_kept, ALL, _whole),
    "guard-files": ("guards: the newest snapshot on disk truncated or changed",
                    disturbances.damaged_files, ALL, _as_missing),
    "guard-replaced": ("guards: weights of another seed, in another order or of another sign",
                       disturbances.replaced_weights, ALL, _whole),
    "guard-while": ("guards: wrong labels or inputs in 10 to 30 batches in a row", disturbances.bad_for_a_while, ALL,
                    _as_missing),
    "guard-state": ("guards: momentum or squares of gradients 10 to a million times too large",
                    disturbances.larger_state, ("matrices", "classes", "regression"), _whole),
    "guard-inputs": ("guards: inputs 255 times too large, in ten batches or 20 in a row", disturbances.inputs_in_bytes,
                     ("regression", EXACT, "classes"), _as_missing),
    "guard-averages": ("guards: weights NaN or far too large, and an average of them beside", disturbances.averaged,
                       ALL, _whole),
    "guard-folder": ("guards: a folder of snapshots gone, closed, or with another model's", disturbances.lost_files,
                     ALL, _as_missing),
    "guard-growing": ("guards: weights growing by 0.1 to 0.4% an update, noticed", disturbances.growing_weights, ALL,
                      None),
}  # fmt: skip
UNPROMISED: Kinds = {
    "guard-mistakes": ("guards: twelve mistakes of users, against the same without a guard", seeded(mistaken), 72),
    "guard-reversed": ("guards: gradients reversed in 3 to 40 updates in a row",
                       seeded(_case(unpromised.reversed_gradients, ALL, _as_missing)), 36),
    "guard-far": ("guards: labels of one example in 150 or 500 far off",
                  seeded(_case(unpromised.far_labels, ("regression", EXACT), _without_bad)), 36),
}  # fmt: skip
KINDS: Kinds = {
    **{name: (title, seeded(_case(disturb, models, compared)), 14)
       for name, (title, disturb, models, compared) in LOOPS.items()},
    "guard-searches": ("guards in a search: a batch of inf in each epoch, weights damaged", seeded(in_a_search), 14),
    "guard-late": ("guards on a device that answers late, simulated: any of these", seeded(late), 72),
    "guard-calm": ("guards: undisturbed trainings left alone", seeded(calm), 28),
}  # fmt: skip
