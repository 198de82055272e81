"""Actions: the loss is what they cost."""

from __future__ import annotations

from functools import cache

import torch
from torch import nn

import glideslope as gs
from jobs.data import Part, digits, split, training
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


@small_training("control", "Adam", centre=0.01)
def policy_gradient(seed: int) -> gs.torch.Job:
    """REINFORCE on a contextual bandit; Adam."""
    train, validation = digits()
    torch.manual_seed(seed)
    model = Bandit()
    parts = _with_classes(train), _with_classes(validation)
    return training(model, torch.optim.Adam(model.parameters()), mean_output, parts, 32)


def _hand(angles: torch.Tensor) -> torch.Tensor:
    """Where the hand of an arm of two links of length 1 is, (n, 2), for the angles of its joints, (n, 2)."""
    directions = angles.cumsum(1)
    return torch.stack([directions.cos().sum(1), directions.sin().sum(1)], 1)


class Arm(nn.Module):
    """A policy moves the joints of an arm against noise; gives the mean squared distance from a goal in six steps."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = nn.Sequential(nn.Linear(6, 48), nn.Tanh(), nn.Linear(48, 2))

    def forward(self, starts: torch.Tensor) -> torch.Tensor:
        angles, goals = starts[:, :2], starts[:, 2:]
        pushes = 0.1 * noise(starts.repeat(1, 3), self.training)
        distance = torch.zeros(len(starts))
        for push in pushes.split(2, dim=1):
            seen = torch.cat((angles.cos(), angles.sin(), goals), 1)
            angles = angles + 0.5 * torch.tanh(self.policy(seen)) + push
            distance = distance + ((_hand(angles) - goals) ** 2).sum(1)
        return distance / 6


@cache
def _starts() -> tuple[Part, Part]:
    """The angles of the joints and a goal that the hand can reach, (n, 4); the targets aren't used."""
    angles = 4 * torch.rand(5000, 4, generator=torch.Generator().manual_seed(0)) - 2
    starts = torch.cat((angles[:, :2], _hand(angles[:, 2:])), 1)
    return split([starts, starts], 1000)


@small_training("control", "SGD", centre=0.02)
def robot_arm(seed: int) -> gs.torch.Job:
    """A policy trained through a simulation, with noise; momentum."""
    torch.manual_seed(seed)
    model = Arm()
    return training(model, torch.optim.SGD(model.parameters(), momentum=0.9), mean_output, _starts(), 32)
