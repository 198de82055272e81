"""Densities, reconstructions and samples."""

from __future__ import annotations

import math
from functools import cache

import torch
from sklearn import datasets
from torch import nn
from torch.nn import functional

import glideslope as gs
from jobs.data import Part, digits, split, training
from jobs.parts import mean_output, noise
from jobs.registry import small_training


@small_training("generative", "Adam", centre=0.02)
def digits_autoencoder(seed: int) -> gs.torch.Job:
    """Digits through eight numbers, the mean squared error about 0.02; Adam."""
    (train, _), (validation, _) = digits()
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 8), nn.Linear(8, 48), nn.ReLU(), nn.Linear(48, 64), nn.Sigmoid()
    )
    parts = (train, train), (validation, validation)
    return training(model, torch.optim.Adam(model.parameters()), nn.MSELoss(), parts, 32)


class VariationalAutoencoder(nn.Module):
    """Gives the negative evidence lower bound of each image, in nats."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 2 * latent))
        self.decoder = nn.Sequential(nn.Linear(latent, 48), nn.ReLU(), nn.Linear(48, 64))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        latent = mean + (log_variance / 2).exp() * noise(mean, self.training)
        divergence = (mean**2 + log_variance.exp() - log_variance - 1).sum(1) / 2
        decoded = functional.binary_cross_entropy_with_logits(self.decoder(latent), images, reduction="none")
        return decoded.sum(1) + divergence


@small_training("generative", "Adam", centre=0.025)
def digits_vae(seed: int) -> gs.torch.Job:
    """A variational autoencoder; Adam."""
    (train, _), (validation, _) = digits()
    torch.manual_seed(seed)
    model = VariationalAutoencoder(4)
    return training(
        model, torch.optim.Adam(model.parameters()), mean_output, ((train, train), (validation, validation)), 64
    )


@cache
def _moons() -> tuple[Part, Part]:
    """Points of two half-moons, (n, 2), small enough that their density is far above 1; the targets aren't used."""
    points = torch.tensor(datasets.make_moons(6000, noise=0.06, random_state=0)[0], dtype=torch.float32)
    points = 0.2 * (points - points.mean(0))
    return split([points, points], 2000)


class Coupling(nn.Module):
    """An affine coupling: each coordinate is scaled and moved by what a network makes of the other."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self.first = first
        self.network = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 2))

    def forward(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        kept, moved = points[:, self.first, None], points[:, 1 - self.first, None]
        log_scale, shift = self.network(kept).chunk(2, dim=1)
        moved = moved * log_scale.exp() + shift
        return torch.cat((kept, moved) if self.first == 0 else (moved, kept), 1), log_scale[:, 0]


class Flow(nn.Module):
    """Gives the negative logarithm of the density of each point."""

    def __init__(self, couplings: int) -> None:
        super().__init__()
        self.couplings = nn.ModuleList(Coupling(i % 2) for i in range(couplings))

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        points, log_volume = points / 0.2, torch.full((len(points),), -2 * math.log(0.2))
        for coupling in self.couplings:
            points, log_scale = coupling(points)
            log_volume = log_volume + log_scale
        return (points**2).sum(1) / 2 + math.log(2 * math.pi) - log_volume


@small_training("generative", "Adam", centre=0.015)
def density_flow(seed: int) -> gs.torch.Job:
    """A flow of four couplings, its negative log likelihood below 0; Adam."""
    torch.manual_seed(seed)
    model = Flow(4)
    return training(model, torch.optim.Adam(model.parameters()), mean_output, _moons(), 64)


@cache
def _spread() -> tuple[Part, Part]:
    """Two inputs, (n, 2), and a target whose mean and standard deviation depend on them, (n, 1)."""
    draw = torch.Generator().manual_seed(0)
    inputs = 4 * torch.rand(6000, 2, generator=draw) - 2
    deviation = 0.02 + 0.1 * torch.sigmoid(3 * inputs[:, 1:])
    target = 0.3 * torch.sin(2 * inputs[:, :1]) + deviation * torch.randn(6000, 1, generator=draw)
    return split([inputs, target], 2000)


def _normal_loss(outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The negative log likelihood of a normal distribution whose mean and log deviation are the outputs."""
    mean, log_deviation = outputs.chunk(2, dim=1)
    return (((target - mean) / log_deviation.exp()) ** 2 / 2 + log_deviation + math.log(2 * math.pi) / 2).mean()


@small_training("generative", "RMSprop", centre=4e-3)
def density_of_target(seed: int) -> gs.torch.Job:
    """A mean and a deviation for each input, the negative log likelihood below 0; RMSprop."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(2, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 2))
    return training(model, torch.optim.RMSprop(model.parameters()), _normal_loss, _spread(), 64)


class Denoiser(nn.Module):
    """Gives the squared error of the noise predicted in each point, noisy at a random level."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(5, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 2))

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        drawn = noise(torch.cat((points, points[:, :1]), 1), self.training)
        angle = drawn[:, 2:].abs().clamp(max=3.0) * (math.pi / 6)  # 0 is no noise, a right angle nothing else
        noisy = angle.cos() * points / 0.2 + angle.sin() * drawn[:, :2]
        level = torch.cat((angle.sin(), angle.cos(), (3 * angle).sin()), 1)
        return ((self.network(torch.cat((noisy, level), 1)) - drawn[:, :2]) ** 2).mean(1)


@small_training("generative", "AdamW", centre=0.05)
def denoiser(seed: int) -> gs.torch.Job:
    """What a diffusion model learns, on points of two half-moons; AdamW."""
    torch.manual_seed(seed)
    model = Denoiser()
    return training(model, torch.optim.AdamW(model.parameters()), mean_output, _moons(), 64)
