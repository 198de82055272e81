"""Small torch trainings that are disturbed in many ways, in a plain loop with a guard."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

import glideslope as gs

UPDATES, BATCHES = 1500, (32, 16, 64)
WORDS = 1000
"""Rows of the embedding; the last is in no batch but those that a disturbance makes."""


class Words(nn.Module):
    """A mean of embedded words, and a network on it."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 16)
        self.head = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        return self.head(self.embedding(words).mean(1))


def network(outputs: int, normalized: bool = False, activation: type[nn.Module] = nn.ReLU) -> nn.Module:
    """Two hidden layers, with batch normalization or without."""
    layers: list[nn.Module] = []
    for width in (16, 32):
        layers += [nn.Linear(width, 32), *([nn.BatchNorm1d(32)] if normalized else []), activation()]
    return nn.Sequential(*layers, nn.Linear(32, outputs))


MODELS: dict[str, Callable[[], nn.Module]] = {
    "regression": lambda: network(1, activation=nn.Tanh),
    "exact regression": lambda: network(1),
    "classes": lambda: network(4),
    "batch normalization": lambda: network(4, normalized=True),
    "words": Words,
    "matrices": lambda: nn.Sequential(
        nn.Linear(16, 32, bias=False), nn.ReLU(), nn.Linear(32, 32, bias=False), nn.ReLU(), nn.Linear(32, 4, bias=False)
    ),
    "images": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(32, 4)
    ),
}  # fmt: skip
OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "momentum": lambda weights: torch.optim.SGD(weights, lr=0.05, momentum=0.9),
    "AdamW": lambda weights: torch.optim.AdamW(weights, lr=3e-3),
    "Adam": lambda weights: torch.optim.Adam(weights, lr=1e-3, betas=(0.9, 0.99)),
    "RMSprop": lambda weights: torch.optim.RMSprop(weights, lr=1e-3),
    "Muon": lambda weights: torch.optim.Muon(weights, lr=0.02),
}


def optimizing(kind: str, number: int) -> str:
    """An optimizer of a model, by a number; Muon takes matrices only."""
    return "Muon" if kind == "matrices" else list(OPTIMIZERS)[number % (len(OPTIMIZERS) - 1)]


@cache
def data(model: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets from a network like the one that is trained, the targets with noise unless they are exact."""
    generator = torch.Generator().manual_seed(7)
    teacher_inputs = torch.randn(4096, 16, generator=generator)
    first = torch.randn(16, 24, generator=generator) / 4
    hidden = torch.tanh(teacher_inputs @ first)
    if "regression" in model:
        targets = hidden @ torch.randn(24, 1, generator=generator) / 3
        noise = 0.0 if model == "exact regression" else 0.3
        return teacher_inputs, targets + noise * torch.randn(4096, 1, generator=generator)
    if model == "words":
        words = torch.randint(0, WORDS - 1, (4096, 6), generator=generator)
        meanings = torch.randn(WORDS, 4, generator=generator)
        scores = meanings[words].mean(1) * 4
    else:
        words, scores = teacher_inputs, hidden @ torch.randn(24, 4, generator=generator)
    noise = torch.rand(4096, 4, generator=generator).log().neg().log().neg()
    return words, (scores + noise).argmax(1)


@dataclass
class Loop:
    """A plain loop, that disturbances may reach into.

    Attributes:
        kind: which model, on its data.
        optimizing: which optimizer.
        seed: of the weights and the batches.
        before: is called before an update, with the loop and its number.
        batch: changes the batch of an update: (number, inputs, targets) to (inputs, targets).
        gradient: is called between the backward pass and the update.
        after: is called after an update.
        guarded: the guard as text, "" for none.
        scaler: the gradient scaler.
        folder: where snapshots are kept.
        average: of the weights, which is measured at the end in place of them.
        updates: how many are made.
        batch_size: examples in a batch.
        missing: the updates that changed nothing, or were undone.
        bad: those whose batch or gradient a disturbance changed, which a perfect guard would leave out.
    """

    kind: str
    optimizing: str
    seed: int
    before: Callable[[Loop, int], None] = lambda loop, t: None
    batch: Callable[[int, Any, Any], tuple[Any, Any]] = lambda t, x, y: (x, y)
    gradient: Callable[[Loop, int], None] = lambda loop, t: None
    after: Callable[[Loop, int], None] = lambda loop, t: None
    guarded: str = "guard()"
    scaler: torch.amp.GradScaler | None = None
    folder: Path | None = None
    average: str = ""
    updates: int = UPDATES
    batch_size: int = BATCHES[0]
    missing: set[int] = field(default_factory=set)
    bad: set[int] = field(default_factory=set)
    events: list[Any] = field(default_factory=list)

    def run(self) -> float:
        """The loss on all data at the end, infinite where the guard stopped the training."""
        torch.manual_seed(self.seed)
        self.model = MODELS[self.kind]()
        self.optimizer = OPTIMIZERS[self.optimizing](self.model.parameters())
        schedule = f"cosine * {self.guarded}" if self.guarded else "cosine"
        scheduler = gs.torch.Scheduler(self.optimizer, schedule, steps=self.updates)
        guard = gs.torch.Guard(self.model, scheduler, scaler=self.scaler, folder=self.folder) if self.guarded else None
        average = gs.torch.Average(self.model, self.average) if self.average else None
        inputs, targets = data(self.kind)
        generator = torch.Generator().manual_seed(self.seed)
        order = torch.randint(0, len(inputs), (self.updates, self.batch_size), generator=generator)
        scaler = self.scaler
        for t in range(self.updates):
            self.before(self, t)
            whole = inputs[order[t]], targets[order[t]]
            x, y = self.batch(t, *whole)
            if not (torch.equal(x, whole[0]) and torch.equal(y, whole[1])):
                self.bad.add(t)
            loss = self.loss(self.model(x), y)
            self.optimizer.zero_grad()
            (loss if scaler is None else scaler.scale(loss)).backward()
            gradients = [weight.grad.clone() for weight in self.model.parameters() if weight.grad is not None]
            self.gradient(self, t)
            now = [weight.grad for weight in self.model.parameters() if weight.grad is not None]
            if not all(map(torch.equal, gradients, now)) and all(each.isfinite().all() for each in gradients):
                self.bad.add(t)
            weights = list(self.model.parameters())[-1].clone()
            if scaler is None:
                self.optimizer.step()
            else:
                scaler.step(self.optimizer)
                scaler.update()
            scheduler.step()
            if average is not None:
                average.update()
            if torch.equal(weights.nan_to_num(), list(self.model.parameters())[-1].nan_to_num()):
                self.missing.add(t)
            self.after(self, t)
            if guard is None:
                continue
            try:
                guard.step(loss)
            except gs.DivergenceError:
                return math.inf
            finally:
                self.events = guard.events
        self.missing.update(t for event in self.events for t in range(event.back_to, event.update))
        self.missing.update(event.update for event in self.events if event.answer == "refused")
        self.model.eval()
        with torch.no_grad(), nullcontext() if average is None else average.applied(inputs.split(256)):
            return self.loss(self.model(inputs), targets).item()

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The squared error, or the cross-entropy."""
        if "regression" in self.kind:
            return nn.functional.mse_loss(outputs, targets)
        return nn.functional.cross_entropy(outputs, targets)


@cache
def undisturbed(
    kind: str,
    optimizing: str,
    seed: int,
    batch_size: int,
    updates: int = UPDATES,
    missing: frozenset[int] = frozenset(),
    average: str = "",
) -> float:
    """The final loss without any disturbance or guard, and without some updates."""

    def leave_out(loop: Loop, t: int) -> None:
        if t in missing:
            loop.optimizer.zero_grad()

    parts: dict[str, Any] = {"updates": updates, "batch_size": batch_size, "average": average}
    return Loop(kind, optimizing, seed, gradient=leave_out, guarded="", **parts).run()
