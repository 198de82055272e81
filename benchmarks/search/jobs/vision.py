"""Images."""

from __future__ import annotations

import torch
from torch import nn

import glideslope as gs
from jobs.data import digit_images, digits, fashion, training
from jobs.registry import small_training


@small_training("images", centre=0.1)
def digits_mlp(seed: int) -> gs.torch.Job:
    """Momentum and dropout."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    optimizer = torch.optim.SGD(model.parameters(), momentum=0.9)
    return training(model, optimizer, nn.CrossEntropyLoss(), digits(), 32)


@small_training("images", centre=0.1)
def digits_batchnorm(seed: int) -> gs.torch.Job:
    """Convolutions with batch normalization; momentum and weight decay."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1, bias=False), nn.BatchNorm2d(24), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(24, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), momentum=0.9, weight_decay=5e-4)
    return training(model, optimizer, nn.CrossEntropyLoss(), digit_images(), 32)


@small_training("images", centre=2e-3)
def fashion_conv(seed: int) -> gs.torch.Job:
    """Convolutions without normalization; Adam."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(24 * 9, 10),
    )  # fmt: skip
    return training(model, torch.optim.Adam(model.parameters()), nn.CrossEntropyLoss(), fashion(), 32)
