"""Actions: the loss is what they cost."""

from __future__ import annotations

from functools import cache

import torch
from torch import nn

import glideslope as gs
from jobs.data import Part, digits, training
from jobs.parts import mean_output, noise
from jobs.registry import small_training


class Bandit(nn.Module):
    """A policy that names the class of a digit, and learns only whether it is the right one.

    In training it gives the surrogate loss of REINFORCE of one drawn action, with the batch's mean reward for a
    baseline; in validation the expected reward, negative.
    """

    def __init__(self) -> None:
        super().__init__()
        self.policy = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))

    def forward(self, images: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        log_probabilities = self.policy(images).log_softmax(1)
        if not self.training:
            return -log_probabilities.gather(1, classes[:, None]).exp()
        actions = log_probabilities.detach().exp().multinomial(1)
        rewards = (actions == classes[:, None]).float()
        return -(rewards - rewards.mean()) * log_probabilities.gather(1, actions)


def _with_classes(part: Part) -> Part:
    images, classes = part
    return images, classes, classes


@small_training("control", centre=0.01)
def policy_gradient(seed: int) -> gs.torch.Job:
    """REINFORCE on a contextual bandit; Adam."""
    train, validation = digits()
    torch.manual_seed(seed)
    model = Bandit()
    parts = _with_classes(train), _with_classes(validation)
    return training(model, torch.optim.Adam(model.parameters()), mean_output, parts, 32)


class Pendulum(nn.Module):
    """A policy swings a pendulum up against noise; gives the mean cost of ten steps from each start."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = nn.Sequential(nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, starts: torch.Tensor) -> torch.Tensor:
        angle, speed = starts[:, :1], starts[:, 1:]
        pushes = 0.3 * noise(starts[:, :1].expand(-1, 10), self.training)
        cost = torch.zeros_like(angle)
        for push in pushes.split(1, dim=1):
            torque = 2 * torch.tanh(self.policy(torch.cat((angle.cos(), angle.sin(), speed), 1)))
            speed = speed + 0.2 * (2 * angle.sin() + torque + push)
            angle = angle + 0.2 * speed
            cost = cost + (1 - angle.cos()) + 0.05 * speed**2 + 0.01 * torque**2
        return cost / 10


@cache
def _starts() -> tuple[Part, Part]:
    """Angles and speeds, (n, 2); the targets aren't used."""
    draw = torch.Generator().manual_seed(0)
    starts = torch.stack([3 * torch.rand(5000, generator=draw) - 1.5, torch.randn(5000, generator=draw)], 1)
    return (starts[1000:], starts[1000:]), (starts[:1000], starts[:1000])


@small_training("control", centre=0.05)
def pendulum(seed: int) -> gs.torch.Job:
    """A policy trained through a simulation, with noise; momentum."""
    torch.manual_seed(seed)
    model = Pendulum()
    return training(model, torch.optim.SGD(model.parameters(), momentum=0.9), mean_output, _starts(), 32)
