"""Eight more small trainings without tables, of kinds that users train daily: images, tables, text, densities, times.

They enter `HELD_OUT` beside the others. They were written and committed before a search was tried on any of them.
"""

from __future__ import annotations

import io
import keyword
import re
import sysconfig
import tokenize
from collections import Counter
from functools import cache
from pathlib import Path

import torch
from held_out_jobs import Mean, Positions, held_out, normal
from jobs.data import Batches, Part, fashion, split, training
from jobs.parts import mean_output, noise, token_loss
from sklearn import datasets
from torch import nn
from torch.nn import functional

import glideslope as gs


@held_out(0.002)
def gratings(seed: int) -> gs.torch.Job:
    """Which way faint stripes run in a noisy image, by strided convolutions with batch normalization; momentum."""
    drawn = torch.Generator().manual_seed(80)
    kinds = torch.randint(0, 6, (16_000,), generator=drawn)
    period, phase = 0.7 + 0.8 * torch.rand(2, 16_000, 1, 1, generator=drawn)
    line = torch.arange(12.0)
    angle = (kinds * torch.pi / 6)[:, None, None]
    along = line[:, None] * angle.cos() + line * angle.sin()
    images = torch.sin(along * period + 8 * phase) + 2.2 * normal(16_000, 12, 12, seed=81)
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 12, 5, 2, 2), nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 24, 3, 2, 1), nn.BatchNorm2d(24),
        nn.ReLU(), nn.Flatten(), nn.Linear(216, 6),
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    return training(model, optimizer, functional.cross_entropy, split([images[:, None], kinds], 1500), 32)


@held_out(2e-4)
def customers(seed: int) -> gs.torch.Job:
    """Five overlapping classes of a table, one label of twenty wrong, by a perceptron with dropout; AdamW."""
    x, kinds = datasets.make_classification(
        24_000, 20, n_informative=10, n_redundant=4, n_classes=5, n_clusters_per_class=3, flip_y=0.05, class_sep=1.2,
        random_state=82,
    )  # fmt: skip
    rows = torch.tensor(x, dtype=torch.float32)
    rows = (rows - rows.mean(0)) / rows.std(0)
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(20, 96), nn.ReLU(), nn.Dropout(0.2), nn.Linear(96, 96), nn.ReLU(), nn.Dropout(0.2), nn.Linear(96, 5)
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    return training(model, optimizer, functional.cross_entropy, split([rows, torch.tensor(kinds)], 3000), 48)


@cache
def sources() -> list[str]:
    """The ASCII text of forty modules of Python's standard library."""
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    largest = sorted(files, key=lambda file: (-file.stat().st_size, file.name))[10:50]
    return [file.read_bytes().decode("ascii", "ignore") for file in largest]


def parted(tensors: Part, validation: int) -> tuple[Part, Part]:
    """A training and a validation part; the last tenth of a text validates, by so many of its windows."""
    cut = len(tensors[0]) * 9 // 10
    step = (len(tensors[0]) - cut) // validation
    return tuple(x[:cut] for x in tensors), tuple(x[cut::step][:validation] for x in tensors)


class Language(nn.Module):
    """The next character by a GRU."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(128, 24)
        self.cells, self.head = nn.GRU(24, 48, batch_first=True), nn.Linear(48, 128)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.cells(self.embedding(codes))[0])
        return logits


@held_out(5e-4)
def programs(seed: int) -> gs.torch.Job:
    """Programs, character by character, by a GRU; Adam with clipped gradients."""
    windows = torch.tensor(list("".join(sources()).encode())).unfold(0, 13, 12)
    train, validation = parted((windows[:, :-1], windows[:, 1:]), 800)
    torch.manual_seed(seed)
    model = Language()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return gs.torch.Job(model, optimizer, token_loss, Batches(train, 16), [validation], clip_norm=1.0)


@cache
def labelled() -> Part:
    """The characters of ten programs and what each is part of, in windows of 16.

    The kinds are: nothing, name, keyword, number, operator, text, comment.
    """
    kinds = {tokenize.NAME: 1, tokenize.NUMBER: 3, tokenize.OP: 4, tokenize.STRING: 5, tokenize.COMMENT: 6}
    codes, labels = [], []
    for text in sources()[-10:]:
        lines = text.splitlines(keepends=True)
        marks = [[0] * len(line) for line in lines]
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            kind = 2 if keyword.iskeyword(token.string) else kinds.get(token.type, 0)
            for row in range(token.start[0], token.end[0] + 1) if kind else ():
                first = token.start[1] if row == token.start[0] else 0
                last = token.end[1] if row == token.end[0] else len(lines[row - 1])
                marks[row - 1][first:last] = [kind] * (last - first)
        codes += list("".join(lines).encode())
        labels += [mark for row in marks for mark in row]
    return torch.tensor(codes).unfold(0, 16, 16), torch.tensor(labels).unfold(0, 16, 16)


@held_out(2e-4)
def tagger(seed: int) -> gs.torch.Job:
    """What each character of a program is part of, by an encoder that normalizes after its layers; AdamW."""
    torch.manual_seed(seed)
    layers = [nn.TransformerEncoderLayer(24, 2, 48, 0.0, batch_first=True) for _ in range(2)]
    model = nn.Sequential(Positions(16, 24), *layers, nn.Linear(24, 7))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.98))
    return training(model, optimizer, token_loss, split(labelled(), 800), 16)


class Variational(nn.Module):
    """The negative evidence bound of black and white images, in nats, through six numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(196, 96), nn.ReLU(), nn.Linear(96, 12))
        self.decoder = nn.Sequential(nn.Linear(6, 96), nn.ReLU(), nn.Linear(96, 196))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        means, logs = self.encoder(images).chunk(2, 1)
        logits = self.decoder(means + noise(means, self.training) * logs.exp())
        divergence = 0.5 * ((2 * logs).exp() + means**2 - 1 - 2 * logs).sum(1)
        missed = functional.binary_cross_entropy_with_logits(logits, images, reduction="none").sum(1)
        return missed + divergence


@held_out(3e-4)
def silhouettes(seed: int) -> gs.torch.Job:
    """Black and white clothes by a variational autoencoder, a loss of tens of nats; Adam."""
    (x, _), (u, _) = fashion()
    train, validation = (x > 0).float().flatten(1), (u > 0).float().flatten(1)
    torch.manual_seed(seed)
    model = Variational()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return training(model, optimizer, mean_output, ((train, train), (validation, validation)), 48)


@held_out(1e-4)
def returns(seed: int) -> gs.torch.Job:
    """A faint nonlinear signal in twice as large noise, each example seen once; RMSprop."""
    x = normal(26_000, 16, seed=83)
    signal = torch.tanh(x[:, :4].sum(1)) + x[:, 4] * torch.relu(x[:, 5]) - (x[:, 6].abs() - 0.8)
    y = signal / signal.std() + 1.5 * normal(26_000, seed=84)
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    return training(model, optimizer, functional.mse_loss, split([x, y[:, None]], 6000), 32)


@cache
def excerpts() -> Part:
    """The numbers of sixteen names that follow each other in a module, (n, 16), and the module's number."""
    names = [re.findall(r"[A-Za-z_]{2,}", text) for text in sources()]
    counted = Counter(name for module in names for name in module)
    numbers = {name: i + 1 for i, name in enumerate(sorted(counted, key=lambda name: (-counted[name], name))[:2999])}
    rows, modules = [], []
    for i, module in enumerate(names):
        windows = torch.tensor([numbers.get(name, 0) for name in module]).unfold(0, 16, 16)
        rows.append(windows)
        modules.append(torch.full((len(windows),), i))
    return torch.cat(rows), torch.cat(modules)


@held_out(1e-3)
def excerpted(seed: int) -> gs.torch.Job:
    """Which of forty modules an excerpt is from, by the mean of its words' vectors; it learns them by heart. Adam."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Embedding(3000, 32), Mean(), nn.Linear(32, 40))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return training(model, optimizer, functional.cross_entropy, split(excerpts(), 1500), 32)


def weibull(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The negative log-likelihood of times, of which some are only known to be longer; scale and shape are given as
    logarithms."""
    (scale, shape), (time, ended) = outputs.unbind(1), targets.unbind(1)
    passed = shape.exp() * (time.log() - scale)
    return (passed.exp() - ended * (shape + passed - time.log())).mean()


@held_out(3e-4)
def survival(seed: int) -> gs.torch.Job:
    """How long machines last, two of five still running, by a Weibull distribution; Nesterov's momentum."""
    drawn = torch.Generator().manual_seed(85)
    x = normal(16_000, 12, seed=86)
    scale = 1.5 + 0.6 * torch.sin(2 * x[:, 0]) + 0.4 * x[:, 1] * x[:, 2] - 0.5 * torch.relu(x[:, 3])
    shape = (0.4 + 0.4 * torch.tanh(x[:, 4])).exp()
    uniform = torch.rand(2, 16_000, generator=drawn).clamp(1e-4, 1 - 1e-4)
    lasted = scale.exp() * (-uniform[0].log()) ** (1 / shape)
    watched = -8 * uniform[1].log()
    times = torch.stack([torch.minimum(lasted, watched), (lasted <= watched).float()], 1)
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(12, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True)
    return training(model, optimizer, weibull, split([x, times], 3000), 32)
