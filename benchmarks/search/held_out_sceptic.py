"""Four small trainings without tables on images and sounds, of a sceptic's eight.

They enter `HELD_OUT` beside the others. They were written and committed before a search was tried on any of them.
"""

from __future__ import annotations

from functools import cache

import torch
from held_out_jobs import held_out, normal
from held_out_usual import in_batches
from jobs.data import Batches, Part, fashion, split
from torch import nn
from torch.nn import functional

import glideslope as gs


class Experts(nn.Module):
    """Four experts, two for each input, and the logits and odds of the choice."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.gate, self.head = nn.Linear(196, 48), nn.Linear(48, 4), nn.Linear(48, 10)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(48, 64), nn.ReLU(), nn.Linear(64, 48)) for _ in range(4)
        )  # fmt: skip

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.layer(images.flatten(1)).relu()
        odds = self.gate(x).softmax(1)
        best, which = odds.topk(2, 1)
        weights = torch.zeros_like(odds).scatter(1, which, best / best.sum(1, keepdim=True))
        answers = torch.stack([expert(x) for expert in self.experts], 1)
        return self.head(x + (weights[:, :, None] * answers).sum(1)), odds


def balanced_loss(model: nn.Module, batch: list[torch.Tensor]) -> torch.Tensor:
    """The cross-entropy; in training more, where some experts are chosen more than others."""
    images, kinds = batch
    logits, odds = model(images)
    loss = functional.cross_entropy(logits, kinds)
    if not model.training:
        return loss
    chosen = functional.one_hot(odds.argmax(1), 4).float().mean(0)
    return loss + 0.01 * 4 * (chosen * odds.mean(0)).sum()


@held_out(2e-4)
def experts(seed: int) -> gs.torch.Job:
    """Clothes by a mixture of experts, the two best for each image, with a loss that balances them; Adam."""
    train, validation = fashion()
    torch.manual_seed(seed)
    model = Experts()
    return gs.torch.Job(
        model, torch.optim.Adam(model.parameters(), lr=1e-3), batch_loss=balanced_loss,
        train_loader=Batches(train, 16), validation_loader=in_batches(validation, 250),
    )  # fmt: skip


class Noised(nn.Module):
    """The noise in an image, by convolutions that know how much of it there is."""

    def __init__(self) -> None:
        super().__init__()
        self.amount = nn.Sequential(nn.Linear(8, 32), nn.SiLU(), nn.Linear(32, 12))
        self.first, self.last = nn.Conv2d(1, 12, 3, padding=1), nn.Conv2d(12, 1, 3, padding=1)
        self.middle, self.norm = nn.Conv2d(12, 12, 3, padding=1), nn.GroupNorm(4, 12)

    def forward(self, images: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        waves = times[:, None] * torch.pi * 2.0 ** torch.arange(4)
        amount = self.amount(torch.cat([waves.sin(), waves.cos()], 1))[:, :, None, None]
        x = self.first(images)
        x = x + self.middle(functional.silu(self.norm(x + amount)))
        noise: torch.Tensor = self.last(functional.silu(x))
        return noise


def noise_loss(model: nn.Module, batch: list[torch.Tensor]) -> torch.Tensor:
    """How far the noise foretold is from what was mixed into images, at random times; the same ones for validation."""
    images = batch[0]
    generator = None if model.training else torch.Generator().manual_seed(0)
    times = torch.rand(len(images), generator=generator)
    noise = torch.randn(images.shape, generator=generator)
    kept = (times * torch.pi / 2).cos()[:, None, None, None]
    return functional.mse_loss(model(kept * images + (1 - kept**2).sqrt() * noise, times), noise)


@held_out(4e-4)
def diffused(seed: int) -> gs.torch.Job:
    """What a diffusion model of clothes learns, by convolutions and group normalization; AdamW."""
    train, validation = fashion()
    torch.manual_seed(seed)
    model = Noised()
    return gs.torch.Job(
        model, torch.optim.AdamW(model.parameters(), lr=2e-3), batch_loss=noise_loss,
        train_loader=Batches(train, 8), validation_loader=in_batches((validation[0][:600],), 300),
    )  # fmt: skip


@cache
def sounds() -> tuple[Part, Part]:
    """Six kinds of tones of 256 samples under noise, (n, 1, 256): up, down, even, trembling, wavering or struck."""
    drawn = torch.Generator().manual_seed(140)
    kinds = torch.randint(0, 6, (9000,), generator=drawn)
    pitch, rate, phase = torch.rand(3, 9000, 1, generator=drawn)
    time, kind = torch.linspace(0, 1, 256), kinds[:, None]
    pitch, beat = 20 + 40 * pitch, 2 * torch.pi * (2 + 4 * rate) * time
    slope = torch.where(kind == 0, 10.0, 0.0) - torch.where(kind == 1, 10.0, 0.0)
    waver = torch.where(kind == 4, 1.0, 0.0) * torch.sin(beat)
    tone = torch.sin(2 * torch.pi * (pitch * time + slope * time**2 + phase) + waver)
    loudness = torch.where(kind == 3, 1 + 0.8 * torch.sin(beat), torch.where(kind == 5, 2 * torch.exp(-3 * time), 1.0))
    return split([(loudness * tone + normal(9000, 256, seed=141))[:, None], kinds], 1000)


class Shaken(nn.Module):
    """In training sounds begin elsewhere, and are louder or softer."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        return x.roll(int(torch.randint(-30, 30, ())), 2) * (0.7 + 0.6 * torch.rand(len(x), 1, 1))


def heard(inputs: int, outputs: int, size: int, stride: int) -> nn.Sequential:
    """A convolution over time, batch normalization and a bend."""
    return nn.Sequential(nn.Conv1d(inputs, outputs, size, stride), nn.BatchNorm1d(outputs), nn.ReLU())


class MeanOverTime(nn.Module):
    """The mean of each channel."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(2)


@held_out(0.005)
def tones(seed: int) -> gs.torch.Job:
    """Noisy sounds, moved and scaled, by convolutions and batch normalization; Nesterov momentum and weight decay."""
    train, validation = sounds()
    torch.manual_seed(seed)
    model = nn.Sequential(
        Shaken(), heard(1, 16, 16, 8), heard(16, 24, 8, 2), heard(24, 24, 4, 2), MeanOverTime(), nn.Linear(24, 6)
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
    return gs.torch.Job(model, optimizer, nn.CrossEntropyLoss(), Batches(train, 16), in_batches(validation, 250))


@cache
def pixels() -> tuple[Part, Part]:
    """Of images: 30 pixels and their places, (n, 30, 3); 40 other places, (n, 40, 2); and the pixels there."""

    def drawn(images: torch.Tensor, seed: int) -> Part:
        generator = torch.Generator().manual_seed(seed)
        order = torch.rand(len(images), 196, generator=generator).argsort(1)[:, :70]
        places = torch.stack([order // 14, order % 14], 2) / 6.5 - 1
        values = images.flatten(1).gather(1, order)[:, :, None]
        return torch.cat([places, values], 2)[:, :30], places[:, 30:], values[:, 30:]

    (x, _), (u, _) = fashion()
    return drawn(x, 142), drawn(u, 143)


class Hyper(nn.Module):
    """The weights of a small network that draws an image, from some of its pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.pixels = nn.Sequential(nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.weights = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3 * 24 + 25))

    def forward(self, known: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        first, last = self.weights(self.pixels(known).mean(1)).split([3 * 24, 25], 1)
        first = first.view(-1, 3, 24)
        hidden = torch.tanh(places @ first[:, :2] * 4 + first[:, 2:])
        drawn: torch.Tensor = hidden @ last[:, :24, None] + last[:, 24:, None]
        return drawn


@held_out(2e-4)
def hypernetwork(seed: int) -> gs.torch.Job:
    """Clothes from thirty of their pixels, by a network that gives another its weights; RMSprop."""
    train, validation = pixels()
    torch.manual_seed(seed)
    model = Hyper()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    return gs.torch.Job(model, optimizer, nn.MSELoss(), Batches(train, 16), in_batches(validation, 250))
