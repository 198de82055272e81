"""Four more small trainings without tables, beside those of `held_out_usual.py`, and written with them.

They enter `HELD_OUT`. They were committed before a search was tried on any of them.
"""

from __future__ import annotations

import datetime
from functools import cache

import torch
from held_out_jobs import held_out, normal
from held_out_usual import Augmented, in_batches
from jobs.data import Batches, Part, fashion, split, vocabulary, words
from jobs.parts import Residual, mean_output
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader

import glideslope as gs


def cropped(image: torch.Tensor, kind: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Moved by up to two pixels each way, and turned left to right in half of the cases."""
    row, column, turned = torch.randint(0, 5, (3,)).tolist()
    moved = functional.pad(image, (2, 2, 2, 2))[:, row : row + 14, column : column + 14]
    return moved.flip(-1) if turned % 2 else moved, kind


@held_out(0.01)
def augmented(seed: int) -> gs.torch.Job:
    """Clothes, moved and turned, by a residual network; momentum and weight decay as usual for images."""
    train, validation = fashion()
    torch.manual_seed(seed)

    def layer(inputs: int, outputs: int, stride: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())

    model = nn.Sequential(
        layer(1, 12, 2), Residual(layer(12, 12, 1)), layer(12, 24, 2), Residual(layer(24, 24, 1)),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    loader = DataLoader(Augmented(train, cropped), batch_size=32, shuffle=True, drop_last=True)
    return gs.torch.Job(model, optimizer, nn.CrossEntropyLoss(), loader, in_batches(validation, 100))


@cache
def neighbours() -> tuple[Part, torch.Tensor]:
    """Pairs of frequent words that stand within two words of each other, (n, 2), and how often each word is drawn as
    one that doesn't."""
    columns, pairs = vocabulary(1000), []
    for text in words()[0]:
        codes = [columns[word] for word in text if word in columns]
        for apart in (1, 2):
            pairs += [*zip(codes, codes[apart:], strict=False), *zip(codes[apart:], codes, strict=False)]
    found = torch.tensor(pairs)
    return (found, found), found[:, 0].bincount(minlength=1000).float() ** 0.75


class SkipGram(nn.Module):
    """How badly a word's vector tells a neighbour from five words that are drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Embedding(1000, 32), nn.Embedding(1000, 32)
        nn.init.uniform_(self.inner.weight, -0.5, 0.5)
        nn.init.zeros_(self.outer.weight)
        self.frequencies = neighbours()[1]

    def forward(self, pairs: torch.Tensor) -> torch.Tensor:
        generator = None if self.training else torch.Generator().manual_seed(0)
        drawn = torch.multinomial(self.frequencies, 5 * len(pairs), replacement=True, generator=generator)
        word = self.inner(pairs[:, 0])[:, :, None]
        others = (self.outer(drawn.view(-1, 5)) @ word)[:, :, 0]
        neighbour = (self.outer(pairs[:, 1])[:, None] @ word)[:, 0, 0]
        return functional.softplus(-neighbour) + functional.softplus(others).sum(1)


@held_out(1.0)
def skip_grams(seed: int) -> gs.torch.Job:
    """Words and their neighbours by skip-grams with negative sampling; plain SGD."""
    train, validation = split(neighbours()[0], 3000)
    torch.manual_seed(seed)
    optimizer = torch.optim.SGD((model := SkipGram()).parameters(), lr=1.0)
    return gs.torch.Job(model, optimizer, mean_output, Batches(train, 128), in_batches(validation, 128))


@cache
def dates() -> tuple[Part, Part]:
    """Dates as people write them, as codes from 0 to 127, (n, 13); the same as 1987-03-21, (n, 11), from its start."""
    forms = "%d %b %Y", "%b %d, %Y", "%d.%m.%y", "%a %d %b %y", "%m/%d/%Y", "%b %d %y"
    days = torch.randint(0, 18_000, (9000,), generator=torch.Generator().manual_seed(110)).tolist()
    read = [datetime.date(1975, 1, 1) + datetime.timedelta(day) for day in days]
    written = [day.strftime(forms[i % 6]).lower().ljust(13) for i, day in enumerate(read)]
    source = torch.tensor([list(text.encode()) for text in written])
    target = torch.tensor([list(f">{day.isoformat()}".encode()) for day in read])
    return split([source, target[:, :-1], target[:, 1:]], 1200)


class Translator(nn.Module):
    """The next character of a translation: a GRU reads the source, another one writes and attends to it."""

    def __init__(self) -> None:
        super().__init__()
        self.characters, self.head = nn.Embedding(128, 16), nn.Linear(64, 128)
        self.reader, self.writer = (nn.GRU(16, 32, batch_first=True) for _ in range(2))

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        read, last = self.reader(self.characters(source))
        written = self.writer(self.characters(target), last)[0]
        attended = functional.scaled_dot_product_attention(written, read, read)
        logits: torch.Tensor = self.head(torch.cat([written, attended], 2))
        return logits.transpose(1, 2)


@held_out(1e-3)
def translated(seed: int) -> gs.torch.Job:
    """Dates into their standard form, from sequence to sequence with attention; Adam with clipped gradients."""
    train, validation = dates()
    torch.manual_seed(seed)
    model = Translator()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return gs.torch.Job(
        model, optimizer, nn.CrossEntropyLoss(), Batches(train, 32), in_batches(validation, 100), clip_norm=1.0
    )  # fmt: skip


class Tasks(nn.Module):
    """A trunk with dropout, and a head for each of three tasks."""

    def __init__(self) -> None:
        super().__init__()
        layers = [nn.Linear(24, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.1)]
        self.trunk, self.price = nn.Sequential(*layers), nn.Linear(64, 1)
        self.sold, self.region = nn.Linear(64, 1), nn.Linear(64, 4)

    def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = self.trunk(rows)
        return self.price(x)[:, 0], self.sold(x)[:, 0], self.region(x)


def of_all_tasks(outputs: tuple[torch.Tensor, ...], targets: torch.Tensor) -> torch.Tensor:
    """A squared error, and the cross-entropies of two classes and of four, the latter at half its weight."""
    price, sold, region = outputs
    classes = functional.cross_entropy(region, targets[:, 2].long())
    chances = functional.binary_cross_entropy_with_logits(sold, targets[:, 1])
    return functional.mse_loss(price, targets[:, 0]) + chances + 0.5 * classes


@held_out(5e-4)
def tasks(seed: int) -> gs.torch.Job:
    """What a house costs, whether it is sold, and where it is, by one network with dropout; AdamW."""
    x = normal(14_000, 24, seed=111)
    hidden = torch.tanh(x @ normal(24, 6, seed=112) / 3) + 0.5 * torch.sin(2 * x[:, :6])
    price = hidden @ normal(6, seed=113) / 1.5 + x[:, 0] * x[:, 1] / 2 + 0.7 * normal(14_000, seed=114)
    sold = hidden[:, 0] + hidden[:, 1] * x[:, 2] + 0.6 * normal(14_000, seed=115) > 0
    region = (hidden @ normal(6, 4, seed=116) + normal(14_000, 4, seed=117)).argmax(1)
    train, validation = split([x, torch.stack([price, sold, region], 1)], 2000)
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW((model := Tasks()).parameters(), lr=3e-4)
    return gs.torch.Job(model, optimizer, of_all_tasks, Batches(train, 64), in_batches(validation, 128))
