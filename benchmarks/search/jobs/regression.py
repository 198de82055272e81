"""Functions: with noise above the signal, badly scaled, of high frequency, and given by an equation."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import nn

import glideslope as gs
from jobs.data import Part, split, training
from jobs.parts import Recurrent
from jobs.registry import small_training


@cache
def _noisy() -> tuple[Part, Part]:
    """Twenty features and a target of variance 1, (n, 1), with noise of variance 4."""
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(8000, 20, generator=draw)
    signal = torch.tanh(inputs @ torch.randn(20, 8, generator=draw) / 4).sum(1, keepdim=True)
    return split([inputs, signal / signal.std() + 2 * torch.randn(8000, 1, generator=draw)], 2000)


@small_training("regression", "SGD", centre=0.028)
def noise_above_signal(seed: int) -> gs.torch.Job:
    """The noise has four times the variance of the signal; plain SGD."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(20, 48), nn.ReLU(), nn.Linear(48, 1))
    return training(model, torch.optim.SGD(model.parameters()), nn.MSELoss(), _noisy(), 32)


@cache
def _badly_scaled() -> tuple[Part, Part]:
    """Fifty features whose scales fall as 1/i, and a linear target, (n, 1), with little noise."""
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(6000, 50, generator=draw) / torch.arange(1, 51)
    weights = torch.randn(50, 1, generator=draw) * torch.arange(1, 51)[:, None] ** 0.5
    return split([inputs, inputs @ weights + 0.1 * torch.randn(6000, 1, generator=draw)], 2000)


@small_training("regression", "SGD", centre=0.4)
def badly_scaled(seed: int) -> gs.torch.Job:
    """Linear regression with a condition number of 2,500; momentum."""
    torch.manual_seed(seed)
    model = nn.Linear(50, 1)
    return training(model, torch.optim.SGD(model.parameters(), momentum=0.9), nn.MSELoss(), _badly_scaled(), 32)


class Sine(nn.Module):
    """sin(30 x)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sin(30 * x)


@cache
def _image() -> tuple[Part, Part]:
    """Points of the plane, (n, 2), and the grey value there of a made image with fine detail, (n, 1)."""
    points = 2 * torch.rand(6000, 2, generator=torch.Generator().manual_seed(0)) - 1
    x, y = points.T
    values = torch.sin(20 * x + 6 * y**2) * torch.cos(15 * y) + torch.tanh(50 * (x**2 + y**2 - 0.4))
    return split([points, values[:, None]], 2000)


@small_training("regression", "Adam", centre=1.5e-3)
def image_fitting(seed: int) -> gs.torch.Job:
    """A made image by a network of sines (Sitzmann et al. 2020, arXiv:2006.09661); Adam."""
    torch.manual_seed(seed)
    layers = [nn.Linear(2, 64), nn.Linear(64, 64), nn.Linear(64, 1)]
    for layer in layers:
        bound = 0.5 if layer is layers[0] else math.sqrt(6 / 64) / 30
        nn.init.uniform_(layer.weight, -bound, bound)
    model = nn.Sequential(layers[0], Sine(), layers[1], Sine(), layers[2])
    return training(model, torch.optim.Adam(model.parameters()), nn.MSELoss(), _image(), 256)


class Equation(nn.Module):
    """A function u of x with its first two derivatives, by the chain rule; gives u'' and the boundary's u(0), u(1)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(1, width), nn.Linear(width, width), nn.Linear(width, 1)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.cat((x, torch.tensor([[0.0], [1.0]])))
        value, first, second = x, torch.ones_like(x), torch.zeros_like(x)
        for i, layer in enumerate(self.layers):
            value = layer(value)
            first, second = first @ layer.weight.T, second @ layer.weight.T
            if i < 2:
                value = torch.tanh(value)
                slope = 1 - value**2
                first, second = slope * first, slope * second - 2 * value * slope * first**2
        return torch.cat((second[:-2], value[-2:]))


def _residual(outputs: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    """The mean squared residual of u'' = source, in units of π⁴, and of u = 0 at both ends."""
    return ((outputs[:-2] - source) ** 2).mean() / math.pi**4 + 10 * (outputs[-2:] ** 2).mean()


@cache
def _source() -> tuple[Part, Part]:
    """Points between 0 and 1, (n, 1), and the source there, (n, 1)."""
    x = torch.rand(4000, 1, generator=torch.Generator().manual_seed(0))
    return split([x, -(math.pi**2) * (torch.sin(math.pi * x) + 2 * torch.sin(3 * math.pi * x))], 1000)


@small_training("regression", "Adam", centre=0.02)
def physics_informed(seed: int) -> gs.torch.Job:
    """Poisson's equation solved by a network; Adam."""
    torch.manual_seed(seed)
    model = Equation(32)
    return training(model, torch.optim.Adam(model.parameters()), _residual, _source(), 64)


@cache
def _attractor() -> tuple[Part, Part]:
    """Twelve positions on Lorenz's attractor, (n, 12, 3), and the position thirty steps later, (n, 3), standardised."""
    position, path = torch.tensor([1.0, 1.0, 20.0], dtype=torch.float64), []
    for _ in range(8500):
        x, y, z = position.tolist()
        position = position + 0.01 * torch.tensor([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])
        path.append(position)
    series = torch.stack(path[500:]).float()[::2]
    series = (series - series.mean(0)) / series.std(0)
    windows = series.unfold(0, 42, 1).transpose(1, 2)
    return (windows[:3000, :12], windows[:3000, -1]), (windows[3041:, :12], windows[3041:, -1])


@small_training("regression", "Adam", centre=0.04)
def attractor(seed: int) -> gs.torch.Job:
    """The path of a chaotic system by a GRU; Adam."""
    torch.manual_seed(seed)
    model = nn.Sequential(Recurrent(nn.GRU(3, 32, batch_first=True), last=True), nn.Linear(32, 3))
    return training(model, torch.optim.Adam(model.parameters()), nn.MSELoss(), _attractor(), 32)
