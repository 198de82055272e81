"""Handwritten digits under many conditions."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import nn

import glideslope as gs
from jobs.data import Part, digit_images, digits, split, training
from jobs.registry import small_training


@small_training("digits", "SGD", centre=0.14)
def digits_mlp(seed: int) -> gs.torch.Job:
    """Momentum and dropout."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    optimizer = torch.optim.SGD(model.parameters(), momentum=0.9)
    return training(model, optimizer, nn.CrossEntropyLoss(), digits(), 32)


@small_training("digits", "SGD", centre=0.5)
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


@small_training("digits", "SGD", centre=0.15)
def digits_tiny_batch(seed: int) -> gs.torch.Job:
    """Batches of two; plain SGD."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
    return training(model, torch.optim.SGD(model.parameters()), nn.CrossEntropyLoss(), digits(), 2)


@small_training("digits", "Adam", centre=6e-3)
def digits_label_noise(seed: int) -> gs.torch.Job:
    """Two fifths of the training classes are drawn at random; Adam."""
    (inputs, classes), validation = digits()
    draw = torch.Generator().manual_seed(1)
    random_classes = torch.randint(10, classes.shape, generator=draw)
    noisy = torch.where(torch.rand(classes.shape, generator=draw) < 0.4, random_classes, classes)
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(model.parameters())
    return training(model, optimizer, nn.CrossEntropyLoss(), ((inputs, noisy), validation), 32)


@small_training("digits", "SGD", centre=0.3)
def digits_logistic(seed: int) -> gs.torch.Job:
    """Four hidden layers of logistic units; momentum."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for _ in range(4):
        linear = nn.Linear(64, 64)
        nn.init.xavier_uniform_(linear.weight, gain=2.0)
        layers += [linear, nn.Sigmoid()]
    model = nn.Sequential(*layers, nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), momentum=0.9)
    return training(model, optimizer, nn.CrossEntropyLoss(), digits(), 64)


@small_training("digits", "Muon", centre=0.04)
def digits_muon(seed: int) -> gs.torch.Job:
    """Matrices only; Muon."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(64, 64, bias=False), nn.ReLU(), nn.Linear(64, 64, bias=False), nn.ReLU(),
        nn.Linear(64, 10, bias=False),
    )  # fmt: skip
    return training(model, torch.optim.Muon(model.parameters()), nn.CrossEntropyLoss(), digits(), 32)


def _classes(part: Part, low: int) -> Part:
    """The images of five classes, numbered from 0."""
    images, classes = part
    chosen = (classes >= low) & (classes < low + 5)
    return images[chosen], classes[chosen] - low


def _body() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(24 * 16, 32), nn.ReLU(),
    )  # fmt: skip


@cache
def _pretrained() -> dict[str, Any]:
    """The weights of a body trained on the digits 0 to 4."""
    torch.manual_seed(0)
    body = _body()
    model = nn.Sequential(body, nn.Linear(32, 5))
    parts = _classes(digit_images()[0], 0), _classes(digit_images()[1], 0)
    job = training(model, torch.optim.Adam(model.parameters()), nn.CrossEntropyLoss(), parts, 32)
    for i in range(300):
        job.step(3e-3 * (1 - i / 300))
    return body.state_dict()


@small_training("digits", "AdamW", centre=6e-3)
def digits_finetuned(seed: int) -> gs.torch.Job:
    """300 images of 5 to 9 with a new head on a network that was trained on 0 to 4; AdamW."""
    weights = _pretrained()
    torch.manual_seed(seed)
    body = _body()
    body.load_state_dict(weights)
    model = nn.Sequential(body, nn.Linear(32, 5))
    images, classes = (torch.cat(both) for both in zip(*(_classes(part, 5) for part in digit_images()), strict=True))
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    return training(model, optimizer, nn.CrossEntropyLoss(), split([images, classes], len(images) - 300), 16)
