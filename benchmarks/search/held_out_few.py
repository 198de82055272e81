"""Eight small trainings of few examples, which a network learns by heart: they judge what is done about noise learned.

They enter `HELD_OUT` beside the others. They were written and committed before a search was tried on any of them, after
it was chosen when a full run is given up.
"""

from __future__ import annotations

import torch
from held_out_jobs import held_out, normal
from jobs.data import Part, characters, digits, fashion, split, training
from jobs.parts import Recurrent, token_loss
from sklearn import datasets
from torch import nn
from torch.nn import functional

import glideslope as gs


def first(parts: tuple[Part, Part], examples: int) -> tuple[Part, Part]:
    """So many examples of the training part."""
    return tuple(x[:examples] for x in parts[0]), parts[1]


@held_out(3e-4)
def few_digits(seed: int) -> gs.torch.Job:
    """Three hundred digits, by a perceptron; Adam."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return training(model, optimizer, functional.cross_entropy, first(digits(), 300), 20)


@held_out(3e-4)
def patients(seed: int) -> gs.torch.Job:
    """How a disease goes on in 300 patients, by ten numbers of each; AdamW."""
    bunch = datasets.load_diabetes()
    x, y = (torch.tensor(column, dtype=torch.float32) for column in (bunch.data, bunch.target))
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(10, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    parts = split([20 * x, ((y - y.mean()) / y.std())[:, None]], 142)
    return training(model, optimizer, functional.mse_loss, parts, 30)


@held_out(0.002)
def few_clothes(seed: int) -> gs.torch.Job:
    """Five hundred images of clothes, by convolutions with batch normalization; Nesterov's momentum."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 12, 3, 2, 1), nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 24, 3, 2, 1), nn.BatchNorm2d(24),
        nn.ReLU(), nn.Flatten(), nn.Linear(384, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True)
    return training(model, optimizer, functional.cross_entropy, first(fashion(), 500), 25)


@held_out(1e-3)
def few_lines(seed: int) -> gs.torch.Job:
    """Eight thousand characters of text, by an LSTM; Adam."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Embedding(128, 32), Recurrent(nn.LSTM(32, 96, batch_first=True)), nn.Linear(96, 128))
    train, validation = characters(16)
    parts = tuple(x[:500] for x in train), tuple(x[:600] for x in validation)
    return training(model, torch.optim.Adam(model.parameters(), lr=1e-3), token_loss, parts, 20)


@held_out(5e-4)
def mislabelled(seed: int) -> gs.torch.Job:
    """Two classes of a table of 600 rows, a third of its labels wrong; RMSprop."""
    x, kinds = datasets.make_classification(2600, 20, n_informative=8, flip_y=0.0, class_sep=1.0, random_state=90)
    rows, labels = torch.tensor(x, dtype=torch.float32), torch.tensor(kinds)
    wrong = normal(2600, seed=91) > 0.43
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    return training(model, optimizer, functional.cross_entropy, split([rows, labels ^ wrong], 2000), 30)


class Rated(nn.Module):
    """A rating as a product of two vectors, and a mean of each side."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors, self.means = nn.Embedding(240, 24), nn.Embedding(240, 1)

    def forward(self, pairs: torch.Tensor) -> torch.Tensor:
        vectors, means = self.vectors(pairs), self.means(pairs)
        products: torch.Tensor = vectors.prod(1).sum(1) / 4 + means.sum((1, 2))
        return products


@held_out(0.02)
def few_ratings(seed: int) -> gs.torch.Job:
    """Three thousand noisy ratings of forty things by two hundred people, by vectors; Adagrad."""
    drawn = torch.Generator().manual_seed(92)
    people, things = (torch.randint(n, (5000,), generator=drawn) for n in (200, 40))
    tastes, kinds = normal(200, 3, seed=93), normal(40, 3, seed=94)
    ratings = (tastes[people] * kinds[things]).sum(1) + 0.8 * normal(5000, seed=95)
    torch.manual_seed(seed)
    optimizer = torch.optim.Adagrad((model := Rated()).parameters(), lr=0.01)
    pairs = torch.stack([people, 200 + things], 1)
    return training(model, optimizer, functional.mse_loss, split([pairs, ratings], 2000), 50)


class Attending(nn.Module):
    """Classes of a sequence, by the mean over an encoder's outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(64, 32)
        layers = [nn.TransformerEncoderLayer(32, 2, 64, 0.1, batch_first=True, norm_first=True) for _ in range(2)]
        self.layers, self.head = nn.Sequential(*layers), nn.Linear(32, 6)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.layers(self.embedding(codes)).mean(1))
        return logits


@held_out(2e-4)
def few_sequences(seed: int) -> gs.torch.Job:
    """Which of six sources, each with habits of its own, 700 sequences are from, by attention with dropout; AdamW."""
    drawn = torch.Generator().manual_seed(96)
    habits = (1.2 * torch.randn(6, 64, generator=drawn)).softmax(1)
    source = torch.randint(6, (2200,), generator=drawn)
    codes = torch.multinomial(habits[source], 12, replacement=True, generator=drawn)
    torch.manual_seed(seed)
    model = Attending()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    return training(model, optimizer, functional.cross_entropy, split([codes, source], 1500), 28)


@held_out(0.002)
def few_waves(seed: int) -> gs.torch.Job:
    """A function of two numbers from 250 noisy examples, by a wide network; momentum."""
    x = 2 * normal(2250, 2, seed=97)
    y = torch.sin(x[:, :1]) * x[:, 1:].cos() + 0.4 * normal(2250, 1, seed=98)
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(2, 128), nn.Tanh(), nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return training(model, optimizer, functional.mse_loss, split([x, y], 2000), 25)
