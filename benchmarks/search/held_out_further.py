"""Four more small trainings without tables, in the manner of `held_out_usual.py`.

They enter `HELD_OUT`. They were written when searches had been tried on those, and before one was tried on any of them.
"""

from __future__ import annotations

from functools import cache

import torch
from held_out_jobs import held_out, noisy, normal
from held_out_usual import in_batches
from jobs.data import Batches, Part, digit_images, digits, split
from jobs.parts import mean_output
from torch import nn
from torch.nn import functional

import glideslope as gs


@held_out(0.05)
def example(seed: int) -> gs.torch.Job:
    """Digits by the network of torch's first example, with two dropouts; Adadelta at the example's rate."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10), nn.LogSoftmax(1),
    )  # fmt: skip
    train, validation = noisy(digit_images(), 0.25)
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    return gs.torch.Job(model, optimizer, functional.nll_loss, Batches(train, 32), in_batches(validation, 100))


class WideAndDeep(nn.Module):
    """The chance of a click: a weight for each pair of the first features' categories, beside a network of all."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.vectors = nn.Embedding(3 * 900, 1), nn.Embedding(6 * 30, 8)
        self.deep = nn.Sequential(nn.Linear(56, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
        nn.init.zeros_(self.wide.weight)

    def forward(self, categories: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        pairs = 30 * categories[:, [0, 0, 1]] + categories[:, [1, 2, 2]] + torch.tensor([0, 900, 1800])
        vectors = self.vectors(categories + 30 * torch.arange(6)).flatten(1)
        logits: torch.Tensor = self.wide(pairs).sum((1, 2)) + self.deep(torch.cat([vectors, numbers], 1))[:, 0]
        return logits


@held_out(3e-4)
def wide_and_deep(seed: int) -> gs.torch.Job:
    """Clicks, one of seven, from six categories and eight numbers, by a wide and a deep part; Adam."""
    drawn = torch.Generator().manual_seed(120)
    categories = (30 * torch.rand(30_000, 6, generator=drawn) ** 2).long()
    numbers, tastes = normal(30_000, 8, seed=121), normal(30, 30, seed=122)
    effects = normal(6, 30, seed=123)[torch.arange(6), categories].sum(1) / 3
    likely = tastes[categories[:, 0], categories[:, 1]] + effects + torch.sin(2 * numbers[:, 0]) * numbers[:, 1] - 2.4
    clicks = (torch.rand(30_000, generator=drawn) < likely.sigmoid()).float()
    train, validation = split([categories, numbers, clicks], 3000)
    torch.manual_seed(seed)
    optimizer = torch.optim.Adam((model := WideAndDeep()).parameters(), lr=1e-3)
    loss = nn.BCEWithLogitsLoss()
    return gs.torch.Job(model, optimizer, loss, Batches(train, 64), in_batches(validation, 128))


def perceptron(width: int) -> nn.Sequential:
    """Digits through one layer or, if it is wide, two."""
    hidden = [nn.Linear(width, width), nn.ReLU()] if width > 64 else []
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), *hidden, nn.Linear(width, 10))


@cache
def taught() -> tuple[Part, Part]:
    """Noisy digits, what a teacher makes of them, and their classes beside it, (n, 11)."""
    (x, y), (u, v) = noisy(digits(), 0.25)
    torch.manual_seed(124)
    teacher = perceptron(256)
    optimizer = torch.optim.AdamW(teacher.parameters(), lr=1e-3, weight_decay=0.1)
    for batch in torch.cat([torch.randperm(len(x)) for _ in range(6)]).split(64):
        optimizer.zero_grad()
        functional.cross_entropy(teacher(x[batch]), y[batch], label_smoothing=0.1).backward()
        optimizer.step()
    with torch.no_grad():
        return (x, torch.cat([teacher(x), y[:, None]], 1)), (u, torch.cat([teacher(u), v[:, None]], 1))


def distillation(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """How far outputs are from a teacher's at temperature 2, and the cross-entropy at a fifth of its weight."""
    softened = (outputs / 2).log_softmax(1), (targets[:, :10] / 2).log_softmax(1)
    apart = functional.kl_div(*softened, reduction="batchmean", log_target=True)
    return 4 * apart + 0.2 * functional.cross_entropy(outputs, targets[:, 10].long())


@held_out(0.003)
def distilled(seed: int) -> gs.torch.Job:
    """A small network taught by a larger one; momentum with clipped gradients."""
    train, validation = taught()
    torch.manual_seed(seed)
    model = perceptron(48)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    return gs.torch.Job(
        model, optimizer, distillation, Batches(train, 32), in_batches(validation, 64), clip_norm=1.0
    )  # fmt: skip


class Imputing(nn.Module):
    """The squared error of a row's numbers that are hidden, a fourth of them, from the others."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(60, 128), nn.GELU(), nn.Linear(128, 128), nn.GELU(), nn.Linear(128, 30)
        )  # fmt: skip

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        generator = None if self.training else torch.Generator().manual_seed(0)
        hidden = (torch.rand(rows.shape, generator=generator) < 0.25).float()
        guessed = self.layers(torch.cat([rows * (1 - hidden), hidden], 1))
        return (hidden * (guessed - rows) ** 2).sum(1) / 7.5


@held_out(2e-4)
def imputed(seed: int) -> gs.torch.Job:
    """Hidden numbers of a table's rows, others in each update; AdamW."""
    causes = normal(12_000, 5, seed=125)
    rows = torch.tanh(causes @ normal(5, 30, seed=126)) + 0.3 * torch.sin(causes @ normal(5, 30, seed=127))
    rows = rows + 0.2 * normal(12_000, 30, seed=128)
    train, validation = split([rows, rows], 2000)
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW((model := Imputing()).parameters(), lr=1e-3)
    return gs.torch.Job(model, optimizer, mean_output, Batches(train, 64), in_batches(validation, 100))
