"""Four more small trainings without tables, as users of torch write them: their loaders, recipes and first rates.

They enter `HELD_OUT` beside the others, and so do the four of `held_out_recipes.py`. The eight were written and
committed before a search was tried on any of them. Seven of them validate in several batches; two augment their data,
and two drop out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from held_out_jobs import Positions, held_out, normal
from jobs.data import Batches, Part, characters, split, training
from jobs.parts import token_loss
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, TensorDataset

import glideslope as gs


class Augmented(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Images and their targets, changed at random each time."""

    def __init__(self, part: Part, change: Callable[..., tuple[torch.Tensor, torch.Tensor]]) -> None:
        self.part, self.change = part, change

    def __len__(self) -> int:
        return len(self.part[0])

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.change(*(x[index] for x in self.part))


def in_batches(part: Part, size: int) -> DataLoader[tuple[torch.Tensor, ...]]:
    """The validation data, in order."""
    return DataLoader(TensorDataset(*part), batch_size=size)


@cache
def scenes() -> tuple[Part, Part]:
    """Noisy images of two discs and two squares, and which of the two, or neither, each pixel is of."""
    drawn = torch.Generator().manual_seed(100)
    line = torch.arange(16.0)
    images, kinds = 0.6 * normal(4000, 16, 16, seed=101), torch.zeros(4000, 16, 16, dtype=torch.long)
    for kind in (1, 2, 1, 2):
        row, column = 2 + 12 * torch.rand(2, 4000, 1, 1, generator=drawn)
        size, bright = 1.5 + 2 * torch.rand(2, 4000, 1, 1, generator=drawn)
        down, across = (line[:, None] - row).abs(), (line - column).abs()
        inside = (down**2 + across**2).sqrt() < size if kind == 1 else torch.maximum(down, across) < 0.9 * size
        images, kinds = images + inside * bright / 2, torch.where(inside, kind, kinds)
    return split([images[:, None], kinds], 1000)


def convolved(inputs: int, outputs: int) -> nn.Module:
    """A convolution and its bend."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU())


class UNet(nn.Module):
    """Down to a quarter of the size and up again, each size beside what it was on the way down."""

    def __init__(self) -> None:
        super().__init__()
        self.fine, self.middle, self.coarse = convolved(1, 6), convolved(6, 12), convolved(12, 24)
        self.to_middle, self.to_fine = nn.ConvTranspose2d(24, 12, 2, 2), nn.ConvTranspose2d(12, 6, 2, 2)
        self.up_middle, self.up_fine, self.head = convolved(24, 12), convolved(12, 6), nn.Conv2d(6, 3, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        fine = self.fine(images)
        middle = self.middle(functional.max_pool2d(fine, 2))
        coarse = self.coarse(functional.max_pool2d(middle, 2))
        middle = self.up_middle(torch.cat([middle, self.to_middle(coarse)], 1))
        logits: torch.Tensor = self.head(self.up_fine(torch.cat([fine, self.to_fine(middle)], 1)))
        return logits


def flipped(image: torch.Tensor, kinds: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Both upside down in half of the cases, and left to right in half."""
    sides = [side for side in (-1, -2) if torch.rand(()) < 0.5]
    return image.flip(sides), kinds.flip(sides)


@held_out(3e-4)
def unet(seed: int) -> gs.torch.Job:
    """Discs and squares in noisy images, which are flipped, by a U-Net; Adam."""
    train, validation = scenes()
    torch.manual_seed(seed)
    model = UNet()
    loader = DataLoader(Augmented(train, flipped), batch_size=8, shuffle=True, drop_last=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return gs.torch.Job(model, optimizer, nn.CrossEntropyLoss(), loader, in_batches(validation, 50))


class Gated(nn.Module):
    """A block of a language model: attention, then two layers one of which gates the other; RMS normalization."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.norms = heads, nn.ModuleList(nn.RMSNorm(width) for _ in range(2))
        self.attention, self.output = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.gate_up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(2 * width, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        projected = self.attention(self.norms[0](x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        queries, keys, values = projected
        attended = functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        x = x + self.output(attended.transpose(1, 2).reshape(batch, length, width))
        gate, up = self.gate_up(self.norms[1](x)).chunk(2, -1)
        y: torch.Tensor = x + self.down(functional.silu(gate) * up)
        return y


@held_out(1e-3)
def gated(seed: int) -> gs.torch.Job:
    """Text by a gated block; Muon for its matrices, and AdamW for the vectors and the head."""
    train, validation = characters(24)
    torch.manual_seed(seed)
    block = Gated(32, 2)
    model = nn.Sequential(Positions(24, 32), block, nn.RMSNorm(32), nn.Linear(32, 128, bias=False))
    matrices = [parameter for parameter in block.parameters() if parameter.ndim == 2]
    others = [parameter for parameter in model.parameters() if all(parameter is not matrix for matrix in matrices)]
    optimizers = [torch.optim.Muon(matrices, lr=0.02), torch.optim.AdamW(others, lr=3e-3, betas=(0.9, 0.95))]
    return gs.torch.Job(model, optimizers, token_loss, Batches(train, 12), in_batches(validation, 64))


def action_values() -> nn.Sequential:
    """What each of three actions is worth."""
    return nn.Sequential(nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))


def bootstrap(target: nn.Module) -> Callable[[nn.Module, Part], torch.Tensor]:
    """The loss of a step of temporal difference to a target network."""

    def loss(model: nn.Module, batch: Part) -> torch.Tensor:
        states, actions, rewards, after = batch
        with torch.no_grad():
            wanted = rewards + 0.97 * target(after).amax(1)
        return functional.smooth_l1_loss(model(states).gather(1, actions[:, None])[:, 0], wanted)

    return loss


@cache
def replay() -> tuple[tuple[Part, Part], nn.Sequential]:
    """What happened to a pendulum that was pushed at random, with noisy rewards; and a network trained on it before."""
    drawn = torch.Generator().manual_seed(102)
    angle, speed = 3 * normal(14_000, seed=103), 2 * normal(14_000, seed=104)
    actions = torch.randint(0, 3, (14_000,), generator=drawn)
    faster = speed + 0.3 * torch.sin(angle) + 0.4 * (actions - 1.0)
    turned = angle + 0.1 * faster
    rewards = torch.cos(turned) - 0.05 * faster**2 + 0.3 * normal(14_000, seed=105)
    before, after = (torch.stack([a.cos(), a.sin(), v], 1) for a, v in ((angle, speed), (turned, faster)))
    parts = split([before, actions, rewards, after], 2000)
    torch.manual_seed(102)
    target = action_values()
    for _ in range(4):
        model = action_values()
        optimizer, loss = torch.optim.Adam(model.parameters(), lr=3e-3), bootstrap(target)
        for batch in torch.randperm(12_000).split(128)[:90]:
            optimizer.zero_grad()
            loss(model, tuple(x[batch] for x in parts[0])).backward()
            optimizer.step()
        target = model
    return parts, target


@held_out(2e-4)
def replayed(seed: int) -> gs.torch.Job:
    """The worth of actions from a replay buffer and a target network that stays; RMSprop as deep Q-learning has it."""
    (train, validation), target = replay()
    torch.manual_seed(seed)
    model = action_values()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=2.5e-4, alpha=0.95, eps=0.01)
    return gs.torch.Job(
        model, optimizer, train_loader=Batches(train, 32), validation_loader=in_batches(validation, 128),
        batch_loss=bootstrap(target),
    )  # fmt: skip


@cache
def citations() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Of 500 papers: which cite each other, normalized; their words; and which of seven fields they are of."""
    drawn = torch.Generator().manual_seed(106)
    fields = torch.randint(0, 7, (500,), generator=drawn)
    alike = fields[:, None] == fields
    cites = torch.rand(500, 500, generator=drawn) < torch.where(alike, 0.016, 0.002)
    cites = (cites | cites.T | torch.eye(500, dtype=torch.bool)).float()
    degrees = cites.sum(1).rsqrt()
    habits = 0.04 * (0.7 * torch.randn(7, 150, generator=drawn)).exp()
    held = (torch.rand(500, 150, generator=drawn) < habits[fields]).float()
    return degrees[:, None] * cites * degrees, held / held.sum(1, keepdim=True).clamp(min=1), fields


class GraphConvolutions(nn.Module):
    """What papers are of: twice a linear map of each, then the mean over those it cites; dropout before both."""

    def __init__(self) -> None:
        super().__init__()
        self.graph, self.words, _ = citations()
        self.first, self.second = nn.Linear(150, 16), nn.Linear(16, 7)

    def forward(self, papers: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.graph @ self.first(functional.dropout(self.words, 0.5, self.training)))
        logits: torch.Tensor = (self.graph @ self.second(functional.dropout(x, 0.5, self.training)))[papers]
        return logits


@held_out(1e-3)
def cited(seed: int) -> gs.torch.Job:
    """Fields of papers in a graph of citations, 140 of them known, all in each update; Adam with weight decay."""
    papers, fields = torch.arange(500), citations()[2]
    torch.manual_seed(seed)
    model = GraphConvolutions()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
    known, asked = ((papers[part], fields[part]) for part in (slice(140), slice(140, 500)))
    return training(model, optimizer, functional.cross_entropy, (known, asked), 140)
