"""Sixteen small trainings that have no tables: the search is tried on them, and isn't chosen by them.

The first eight were looked at while the search was changed, the last eight only after; but for backing off, which was
also tried on five of them: convolutional, fitted_function, residual, vision_transformer, denoiser.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jobs.data import Part, characters, digit_images, digits, split, training
from jobs.parts import Block, Recurrent, Residual, token_loss
from jobs.registry import Maker
from torch import nn
from torch.nn import functional

import glideslope as gs


@dataclass(frozen=True)
class HeldOut:
    """A training: what makes it from a seed, and the least of the seven peak rates of its sweep, each 2.5 times the
    one before."""

    make: Maker
    lowest: float


HELD_OUT: dict[str, HeldOut] = {}


def held_out(lowest: float) -> Callable[[Maker], Maker]:
    """Enters a function that makes a job."""

    def enter(make: Maker) -> Maker:
        HELD_OUT[make.__name__] = HeldOut(make, lowest)
        return make

    return enter


def normal(*shape: int, seed: int) -> torch.Tensor:
    """Standard normal numbers, always the same."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def noisy(parts: tuple[Part, Part], amount: float) -> tuple[Part, Part]:
    """The inputs with noise added, always the same."""
    (x, y), (u, v) = parts
    return (x + amount * normal(*x.shape, seed=1), y), (u + amount * normal(*u.shape, seed=2), v)


@held_out(0.003)
def convolutional(seed: int) -> gs.torch.Job:
    """Digits under noise; it learns the noise. Momentum."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(),
        nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return training(model, optimizer, functional.cross_entropy, noisy(digit_images(), 0.35), 32)


@held_out(3e-4)
def perceptron(seed: int) -> gs.torch.Job:
    """Digits under more noise than signal; it learns the noise. AdamW."""
    torch.manual_seed(seed)
    layers = nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 128), nn.GELU(), nn.Linear(128, 10)
    model = nn.Sequential(*layers)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    return training(model, optimizer, functional.cross_entropy, noisy(digits(), 0.5), 64)


@held_out(1e-3)
def gru(seed: int) -> gs.torch.Job:
    """Text, character by character; Adam."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Embedding(128, 32), Recurrent(nn.GRU(32, 64, batch_first=True)), nn.Linear(64, 128))
    return training(model, torch.optim.Adam(model.parameters(), lr=1e-3), token_loss, characters(32), 16)


@held_out(3e-3)
def noise_above_signal(seed: int) -> gs.torch.Job:
    """A regression whose noise is larger than what can be learned; plain SGD."""
    x = normal(4000, 30, seed=3)
    y = torch.tanh(x @ normal(30, 1, seed=4) / 5) + 1.5 * normal(4000, 1, seed=5)
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(30, 64), nn.Tanh(), nn.Linear(64, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    return training(model, optimizer, functional.mse_loss, split([x, y], 1000), 16)


class Positions(nn.Module):
    """Characters as vectors, and where they stand."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.characters, self.positions = nn.Embedding(128, width), nn.Parameter(torch.zeros(length, width))

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        return self.characters(codes) + self.positions


@held_out(3e-4)
def gpt(seed: int) -> gs.torch.Job:
    """A block of a transformer on text; AdamW."""
    torch.manual_seed(seed)
    model = nn.Sequential(Positions(32, 48), Block(48, 4, causal=True), nn.Linear(48, 128))
    return training(model, torch.optim.AdamW(model.parameters(), lr=1e-3), token_loss, characters(32), 16)


@held_out(3e-4)
def autoencoder(seed: int) -> gs.torch.Job:
    """Digits through ten numbers; RMSprop."""
    torch.manual_seed(seed)
    layers = nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10), nn.Linear(10, 48), nn.ReLU(), nn.Linear(48, 64)
    model = nn.Sequential(*layers)
    (x, _), (u, _) = digits()
    return training(model, torch.optim.RMSprop(model.parameters(), lr=1e-3), functional.mse_loss, ((x, x), (u, u)), 32)


@held_out(0.01)
def tabular(seed: int) -> gs.torch.Job:
    """A table with four noisy classes, batch normalization; it learns the noise. Nesterov's momentum."""
    x = normal(5000, 30, seed=6)
    y = (torch.sin(x) @ normal(30, 4, seed=7) + 0.7 * normal(5000, 4, seed=8)).argmax(1)
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(30, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(),
        nn.Linear(64, 4),
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
    return training(model, optimizer, functional.cross_entropy, split([x, y], 1200), 64)


@held_out(1e-3)
def fitted_function(seed: int) -> gs.torch.Job:
    """A wave in the plane, without noise: a plateau first, and a cliff at twice the best peak. Adam."""
    x = 2 * torch.rand((3000, 2), generator=torch.Generator().manual_seed(9)) - 1
    y = torch.sin(6 * x[:, :1]) * torch.cos(4 * x[:, 1:])
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
    return training(model, torch.optim.Adam(model.parameters(), lr=1e-3), functional.mse_loss, split([x, y], 700), 64)


@held_out(1e-3)
def lstm(seed: int) -> gs.torch.Job:
    """Text by an LSTM; AdamW."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Embedding(128, 32), Recurrent(nn.LSTM(32, 48, batch_first=True)), nn.Linear(48, 128))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)
    return training(model, optimizer, token_loss, characters(32), 12)


@held_out(0.005)
def residual(seed: int) -> gs.torch.Job:
    """A residual network with batch normalization on digits under noise; Nesterov's momentum."""
    torch.manual_seed(seed)

    def block() -> nn.Module:
        return Residual(nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))

    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), block(), block(), nn.ReLU(), nn.AvgPool2d(8), nn.Flatten(), nn.Linear(8, 10)
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3)
    return training(model, optimizer, functional.cross_entropy, noisy(digit_images(), 0.25), 48)


class Patches(nn.Module):
    """Patches of two by two pixels as vectors, and where they stand."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.pixels, self.positions = nn.Linear(4, width), nn.Parameter(0.02 * torch.randn(16, width))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        patches = images.unfold(2, 2, 2).unfold(3, 2, 2).reshape(len(images), 16, 4)
        return self.pixels(patches) + self.positions


class Mean(nn.Module):
    """The mean over the patches."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(1)


@held_out(3e-4)
def vision_transformer(seed: int) -> gs.torch.Job:
    """Digits by a block of a transformer; Adam."""
    torch.manual_seed(seed)
    model = nn.Sequential(Patches(32), Block(32, 4, causal=False), Mean(), nn.Linear(32, 10))
    return training(
        model, torch.optim.Adam(model.parameters(), lr=1e-3), functional.cross_entropy, digit_images(), 16
    )  # fmt: skip


@held_out(1e-3)
def heavy_tails(seed: int) -> gs.torch.Job:
    """A regression with outliers; momentum."""
    x = normal(6000, 40, seed=10)
    tails = normal(6000, 1, seed=11) / (normal(6000, 4, seed=12).square().mean(1, keepdim=True)).sqrt()
    y = x @ normal(40, 1, seed=13) / 6 + 0.5 * torch.relu(x[:, :1]) + tails
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(40, 48), nn.ReLU(), nn.Linear(48, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return training(model, optimizer, functional.smooth_l1_loss, split([x, y], 1500), 32)


class Factors(nn.Module):
    """A matrix as the product of two."""

    def __init__(self, rows: int, width: int) -> None:
        super().__init__()
        self.left, self.right = nn.Embedding(rows, width), nn.Embedding(rows, width)
        for factor in (self.left, self.right):
            nn.init.normal_(factor.weight, std=0.3)

    def forward(self, places: torch.Tensor) -> torch.Tensor:
        return (self.left(places[:, 0]) * self.right(places[:, 1])).sum(1)


@held_out(0.02)
def factorisation(seed: int) -> gs.torch.Job:
    """Entries of a matrix of rank six with noise; Adagrad."""
    places = torch.randint(0, 120, (20_000, 2), generator=torch.Generator().manual_seed(14))
    rows, columns = normal(120, 6, seed=15) / 1.6, normal(120, 6, seed=16) / 1.6
    entries = (rows[places[:, 0]] * columns[places[:, 1]]).sum(1) + 0.3 * normal(20_000, seed=17)
    torch.manual_seed(seed)
    model = Factors(120, 8)
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.05)
    return training(model, optimizer, functional.mse_loss, split([places, entries], 3000), 128)


@held_out(0.003)
def wrong_labels(seed: int) -> gs.torch.Job:
    """Digits, three of ten with another's label; momentum."""
    drawn = torch.Generator().manual_seed(18)

    def mislabelled(part: Part) -> Part:
        images, labels = part
        wrong = torch.rand(len(labels), generator=drawn) < 0.3
        return images, torch.where(wrong, torch.randint(0, 10, labels.shape, generator=drawn), labels)

    train, validation = map(mislabelled, digits())
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return training(model, optimizer, functional.cross_entropy, (train, validation), 32)


@held_out(3e-4)
def denoiser(seed: int) -> gs.torch.Job:
    """Digits out of noise by convolutions; AdamW."""
    (x, _), (u, _) = digit_images()
    parts = noisy(((x, x), (u, u)), 0.4)
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.SiLU(), nn.Conv2d(16, 16, 3, padding=1), nn.SiLU(),
        nn.Conv2d(16, 1, 3, padding=1),
    )  # fmt: skip
    return training(model, torch.optim.AdamW(model.parameters(), lr=1e-3), functional.mse_loss, parts, 32)


@held_out(3e-4)
def spirals(seed: int) -> gs.torch.Job:
    """Two spirals by a deep narrow network: a long plateau, then a fall at few rates. RMSprop."""
    drawn = torch.Generator().manual_seed(19)
    along, arm = 3 * math.pi * torch.rand(4000, generator=drawn) + 0.5, torch.randint(0, 2, (4000,), generator=drawn)
    angle = along + math.pi * arm
    x = torch.stack([along * torch.cos(angle), along * torch.sin(angle)], 1) / 8 + 0.04 * normal(4000, 2, seed=20)
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 2)
    )  # fmt: skip
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    return training(model, optimizer, functional.cross_entropy, split([x, arm], 1000), 64)
