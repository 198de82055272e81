"""Eight more small trainings without tables, whose loss lies on a plateau at first.

They enter `HELD_OUT`. They were written after the rule that they judge, a rate held high where a training comes off a
plateau. That a search goes up while no short run has learned was then chosen with them in sight: `sigmoids` ended
untrained.
"""

from __future__ import annotations

import torch
from held_out_jobs import held_out, normal
from jobs.data import digits, split, training
from jobs.parts import mean_output
from torch import nn
from torch.nn import functional

import glideslope as gs


@held_out(0.01)
def parity(seed: int) -> gs.torch.Job:
    """The product of three of twelve signs; momentum."""
    x = normal(6000, 12, seed=60).sign()
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(12, 96), nn.ReLU(), nn.Linear(96, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return training(model, optimizer, functional.cross_entropy, split([x, (x[:, :3].prod(1) > 0).long()], 1000), 64)


@held_out(0.01)
def saddles(seed: int) -> gs.torch.Job:
    """A linear map by five linear layers that begin small, from one saddle to the next; momentum."""
    x = normal(3000, 10, seed=61)
    torch.manual_seed(61)
    turned = torch.linalg.qr(torch.randn(10, 10))[0]
    y = x @ (turned * torch.logspace(0, -1.5, 10)) @ turned.T
    torch.manual_seed(seed)
    layers = [nn.Linear(10, 10, bias=False) for _ in range(5)]
    for layer in layers:
        nn.init.normal_(layer.weight, std=0.2)
    model = nn.Sequential(*layers)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return training(model, optimizer, functional.mse_loss, split([x, y], 500), 64)


@held_out(0.03)
def sigmoids(seed: int) -> gs.torch.Job:
    """Digits by three layers of sigmoids; momentum."""
    torch.manual_seed(seed)
    layers = nn.Linear(64, 64), nn.Sigmoid(), nn.Linear(64, 64), nn.Sigmoid(), nn.Linear(64, 64), nn.Sigmoid()
    model = nn.Sequential(*layers, nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return training(model, optimizer, functional.cross_entropy, digits(), 64)


class First(nn.Module):
    """The class of a sequence, by the last state of a GRU."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.cells, self.head = nn.Embedding(8, 24), nn.GRU(24, 32, batch_first=True), nn.Linear(32, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.cells(self.embedding(x))[0][:, -1])


@held_out(1e-3)
def remembered(seed: int) -> gs.torch.Job:
    """The first of sixteen random letters, after the last, by a GRU; Adam."""
    letters = torch.randint(0, 8, (5000, 16), generator=torch.Generator().manual_seed(62))
    torch.manual_seed(seed)
    model = First()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return training(model, optimizer, functional.cross_entropy, split([letters, letters[:, 0]], 500), 48)


@held_out(1e-3)
def modular(seed: int) -> gs.torch.Job:
    """The sum of two numbers modulo eleven, by their embeddings; AdamW."""
    numbers = torch.randint(0, 11, (8000, 2), generator=torch.Generator().manual_seed(63))
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Embedding(11, 16), nn.Flatten(), nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 11))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)
    return training(model, optimizer, functional.cross_entropy, split([numbers, numbers.sum(1) % 11], 1000), 64)


@held_out(0.003)
def frequencies(seed: int) -> gs.torch.Job:
    """A wave of eight periods over a line, by a network of hyperbolic tangents; NAdam."""
    x = 2 * torch.rand(4000, 1, generator=torch.Generator().manual_seed(64)) - 1
    y = torch.sin(8 * torch.pi * x) + 0.1 * normal(4000, 1, seed=65)
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
    optimizer = torch.optim.NAdam(model.parameters(), lr=1e-3)
    return training(model, optimizer, functional.mse_loss, split([x, y], 1000), 64)


class Mixture(nn.Module):
    """The negative log-likelihood of points under eight normal distributions, which begin near each other."""

    def __init__(self) -> None:
        super().__init__()
        self.means = nn.Parameter(0.1 * torch.randn(8, 2))
        self.widths, self.weights = nn.Parameter(torch.zeros(8)), nn.Parameter(torch.zeros(8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        apart = ((x[:, None] - self.means) ** 2).sum(2) / (2 * (2 * self.widths).exp())
        return -torch.logsumexp(self.weights.log_softmax(0) - apart - 2 * self.widths, 1)


@held_out(1e-3)
def clusters(seed: int) -> gs.torch.Job:
    """Eight clusters on a circle, by a mixture of normal distributions; Adam."""
    angle = torch.randint(0, 8, (4000,), generator=torch.Generator().manual_seed(66)) * (torch.pi / 4)
    x = 4 * torch.stack([angle.cos(), angle.sin()], 1) + 0.3 * normal(4000, 2, seed=67)
    torch.manual_seed(seed)
    model = Mixture()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    return training(model, optimizer, mean_output, split([x, x], 500), 64)


@held_out(0.002)
def crosses(seed: int) -> gs.torch.Job:
    """Whether a faint cross stands in a noisy image, by convolutions; momentum."""
    drawn = torch.Generator().manual_seed(68)
    images, present = normal(3000, 1, 14, 14, seed=69), torch.randint(0, 2, (3000,), generator=drawn)
    places = torch.randint(2, 12, (3000, 2), generator=drawn)
    for i, (row, column) in enumerate(places.tolist()):
        images[i, 0, row - 2 : row + 3, column] += 1.5 * present[i]
        images[i, 0, row, column - 2 : column + 3] += 1.5 * present[i]
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 12, 5, padding=2), nn.ReLU(), nn.Conv2d(12, 12, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(1),
        nn.Flatten(), nn.Linear(12, 2),
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return training(model, optimizer, functional.cross_entropy, split([images, present], 600), 32)
