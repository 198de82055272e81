"""Fashion-MNIST at half its resolution."""

from __future__ import annotations

import torch
from torch import nn

import glideslope as gs
from jobs.data import fashion, training
from jobs.parts import Block, Residual
from jobs.registry import small_training


@small_training("fashion", "Adam", centre=8e-3)
def fashion_conv(seed: int) -> gs.torch.Job:
    """Convolutions without normalization; Adam."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(24 * 9, 10),
    )  # fmt: skip
    return training(model, torch.optim.Adam(model.parameters()), nn.CrossEntropyLoss(), fashion(), 32)


@small_training("fashion", "SGD", centre=0.05)
def fashion_residual(seed: int) -> gs.torch.Job:
    """Residual blocks with batch normalization; Nesterov's momentum and weight decay."""
    torch.manual_seed(seed)

    def block() -> nn.Module:
        return Residual(
            nn.Conv2d(12, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU(),
            nn.Conv2d(12, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12),
        )  # fmt: skip

    model = nn.Sequential(
        nn.Conv2d(1, 12, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU(), block(), nn.ReLU(),
        block(), nn.ReLU(), nn.AvgPool2d(3, stride=2), nn.Flatten(), nn.Linear(12 * 9, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), momentum=0.9, nesterov=True, weight_decay=5e-4)
    return training(model, optimizer, nn.CrossEntropyLoss(), fashion(), 32)


class Patches(nn.Module):
    """Sixteen patches of an image as tokens, each with its position."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embedding = nn.Conv2d(1, width, 4, stride=4, padding=1)
        self.positions = nn.Parameter(0.02 * torch.randn(16, width))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.embedding(images).flatten(2).transpose(1, 2) + self.positions


class MeanToken(nn.Module):
    """The mean over the tokens."""

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return tokens.mean(1)


@small_training("fashion", "AdamW", centre=5e-3)
def fashion_vit(seed: int) -> gs.torch.Job:
    """A vision transformer; AdamW."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        Patches(32), Block(32, 4, causal=False), Block(32, 4, causal=False), nn.LayerNorm(32), MeanToken(),
        nn.Linear(32, 10),
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.05)
    return training(model, optimizer, nn.CrossEntropyLoss(), fashion(), 16)


@small_training("fashion", "SGD", centre=0.15)
def fashion_large_batch(seed: int) -> gs.torch.Job:
    """Batches of 1,000, 30 epochs; momentum."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(196, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    return training(model, torch.optim.SGD(model.parameters(), momentum=0.9), nn.CrossEntropyLoss(), fashion(), 1000)
