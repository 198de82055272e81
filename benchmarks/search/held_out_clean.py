"""Eight more small trainings without tables, whose gradients have little noise.

They enter `HELD_OUT`. They were written to judge the second full run of a training whose loss falls to a hundredth:
holding the rate was decided on before them, by what is said in `compare.py`; by how much the peak is raised was chosen
with them in sight.
"""

from __future__ import annotations

import math

import torch
from held_out_jobs import held_out, normal
from jobs.data import split, training
from jobs.parts import mean_output
from torch import nn
from torch.nn import functional

import glideslope as gs


class Oscillator(nn.Module):
    """How far a network is from a damped oscillation: its equation, and where it begins."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, times: torch.Tensor) -> torch.Tensor:
        step = 0.02
        before, here, after = (self.layers(times + shift) for shift in (-step, 0.0, step))
        velocity, acceleration = (after - before) / (2 * step), (after - 2 * here + before) / step**2
        start = self.layers(torch.tensor([[0.0], [step]]))
        begins = (start[0] - 1) ** 2 + ((start[1] - start[0]) / step) ** 2
        return ((acceleration + 0.4 * velocity + 4 * here) ** 2)[:, 0] + 10 * begins


@held_out(1e-4)
def oscillator(seed: int) -> gs.torch.Job:
    """A damped oscillation by its equation; Adam."""
    times = torch.linspace(0, 4, 1200)[:, None]
    torch.manual_seed(seed)
    model = Oscillator()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return training(model, optimizer, mean_output, split([times, times], 200), 64)


@held_out(1e-3)
def teacher(seed: int) -> gs.torch.Job:
    """A small network learnt by a larger one, without noise; momentum."""
    torch.manual_seed(40)
    x = torch.randn(4000, 12)
    with torch.no_grad():
        y = nn.Sequential(nn.Linear(12, 6), nn.Tanh(), nn.Linear(6, 1))(x) * 3
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(12, 64), nn.Tanh(), nn.Linear(64, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return training(model, optimizer, functional.mse_loss, split([x, y], 500), 64)


@held_out(3e-4)
def blurred(seed: int) -> gs.torch.Job:
    """What blurs an image, by two convolutions; Adam."""
    x = normal(1500, 1, 12, 12, seed=41)
    kernel = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])[None, None] / 16
    y = functional.conv2d(functional.conv2d(x, kernel, padding=1), kernel, padding=1)
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 1, 3, padding=1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return training(model, optimizer, functional.mse_loss, split([x, y], 300), 32)


class Recurrence(nn.Module):
    """The next value of a series by a GRU."""

    def __init__(self) -> None:
        super().__init__()
        self.cells, self.head = nn.GRU(1, 32, batch_first=True), nn.Linear(32, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.cells(x)[0])[:, -1]


@held_out(1e-4)
def series(seed: int) -> gs.torch.Job:
    """The next value of two waves multiplied; AdamW."""
    times = torch.linspace(0, 120, 3000)
    values = torch.sin(times) * torch.cos(0.37 * times)
    x = values.unfold(0, 25, 1)
    torch.manual_seed(seed)
    model = Recurrence()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    return training(model, optimizer, functional.mse_loss, split([x[:, :24, None], x[:, 24:]], 400), 32)


@held_out(1e-4)
def surface(seed: int) -> gs.torch.Job:
    """A smooth function of three numbers; RMSprop."""
    x = 2 * torch.rand(5000, 3, generator=torch.Generator().manual_seed(42)) - 1
    y = torch.sin(2 * x[:, :1]) * x[:, 1:2] + torch.exp(-(x[:, 2:] ** 2))
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    return training(model, optimizer, functional.mse_loss, split([x, y], 500), 64)


class Factors(nn.Module):
    """An entry of a matrix of low rank."""

    def __init__(self) -> None:
        super().__init__()
        self.rows, self.columns = nn.Embedding(60, 8), nn.Embedding(60, 8)

    def forward(self, places: torch.Tensor) -> torch.Tensor:
        return (self.rows(places[:, 0]) * self.columns(places[:, 1])).sum(1, keepdim=True)


@held_out(1e-3)
def completed(seed: int) -> gs.torch.Job:
    """The other entries of a matrix of rank three; Adam."""
    matrix = normal(60, 3, seed=43) @ normal(3, 60, seed=44) / math.sqrt(3)
    places = torch.cartesian_prod(torch.arange(60), torch.arange(60))
    torch.manual_seed(seed)
    model = Factors()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    return training(model, optimizer, functional.mse_loss, split([places, matrix.reshape(-1, 1)], 600), 64)


@held_out(3e-4)
def compressed(seed: int) -> gs.torch.Job:
    """Smooth curves through five numbers and back; NAdam."""
    grid = torch.linspace(0, 1, 40)
    numbers = torch.rand(3000, 3, generator=torch.Generator().manual_seed(45))
    x = torch.sin(2 * math.pi * (numbers[:, :1] + grid * (1 + numbers[:, 1:2]))) * (0.5 + numbers[:, 2:])
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(40, 64), nn.GELU(), nn.Linear(64, 5), nn.Linear(5, 64), nn.GELU(), nn.Linear(64, 40)
    )  # fmt: skip
    optimizer = torch.optim.NAdam(model.parameters(), lr=1e-3)
    return training(model, optimizer, functional.mse_loss, split([x, x], 400), 32)


@held_out(1e-2)
def controlled(seed: int) -> gs.torch.Job:
    """A linear map of an ill-conditioned input, by plain SGD."""
    x = normal(3000, 20, seed=46) * torch.logspace(0, -1, 20)
    y = x @ normal(20, 5, seed=47)
    torch.manual_seed(seed)
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return training(model, optimizer, functional.mse_loss, split([x, y], 400), 32)
