"""Tables of features."""

from __future__ import annotations

from functools import cache

import torch
from sklearn import datasets
from torch import nn

import glideslope as gs
from jobs.data import Part, split, training
from jobs.registry import small_training


@cache
def _cancer() -> tuple[Part, Part]:
    """Thirty standardised measurements of 569 tumours, of which 285 validate, and whether they are benign, (n, 1)."""
    bunch = datasets.load_breast_cancer()
    inputs = torch.tensor(bunch.data, dtype=torch.float32)
    inputs = (inputs - inputs.mean(0)) / inputs.std(0)
    return split([inputs, torch.tensor(bunch.target, dtype=torch.float32)[:, None]], 285)


@small_training("tabular", "AdamW", centre=4e-3)
def breast_cancer(seed: int) -> gs.torch.Job:
    """A network with dropout on a bundled data set; AdamW."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 1))
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    return training(model, optimizer, nn.BCEWithLogitsLoss(), _cancer(), 16)


@cache
def _diabetes() -> tuple[Part, Part]:
    """Ten features of 442 patients, of which 200 validate, and the standardised progress of the illness, (n, 1)."""
    bunch = datasets.load_diabetes()
    inputs = torch.tensor(bunch.data, dtype=torch.float32)
    target = torch.tensor(bunch.target, dtype=torch.float32)[:, None]
    return split([inputs / inputs.std(0), (target - target.mean()) / target.std()], 200)


@small_training("tabular", "RMSprop", centre=2e-3)
def diabetes(seed: int) -> gs.torch.Job:
    """Regression on a bundled data set with Huber's loss; RMSprop."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 1))
    return training(model, torch.optim.RMSprop(model.parameters()), nn.HuberLoss(), _diabetes(), 16)


@cache
def _rare_classes() -> tuple[Part, Part]:
    """Twenty features and six classes of which the rarest has 1% of the examples, made by a random network."""
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(8000, 20, generator=draw)
    hidden = torch.tanh(inputs @ torch.randn(20, 16, generator=draw) / 3)
    scores = 3 * hidden @ torch.randn(16, 6, generator=draw) / 4 + torch.randn(8000, 6, generator=draw)
    return split([inputs, (scores - torch.arange(6)).argmax(1)], 2000)


@small_training("tabular", "Adam", centre=0.03)
def rare_classes(seed: int) -> gs.torch.Job:
    """Classes some of which are rare, with batch normalization; Adam."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(),
        nn.Linear(64, 6),
    )  # fmt: skip
    return training(model, torch.optim.Adam(model.parameters()), nn.CrossEntropyLoss(), _rare_classes(), 64)


@cache
def _clicks() -> tuple[Part, Part]:
    """Six features of 50 categories each, (n, 6), and whether there was a click, (n, 1): 6% are."""
    draw = torch.Generator().manual_seed(0)
    categories = (50 * torch.rand(20_000, 6, generator=draw) ** 2).long()
    effects = 0.7 * torch.randn(6, 50, generator=draw)
    logits = effects[torch.arange(6), categories].sum(1) - 3.5
    return split([categories, (torch.rand(20_000, generator=draw) < logits.sigmoid()).float()[:, None]], 4000)


class Categories(nn.Module):
    """The vectors of the categories of each feature, side by side."""

    def __init__(self, features: int, categories: int, width: int) -> None:
        super().__init__()
        self.vectors = nn.Embedding(features * categories, width)
        self.first = nn.Buffer(categories * torch.arange(features))

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        return self.vectors(codes + self.first).flatten(1)


@small_training("tabular", "Adagrad", centre=0.25)
def clicks(seed: int) -> gs.torch.Job:
    """Rare clicks from embedded categories; Adagrad."""
    torch.manual_seed(seed)
    model = nn.Sequential(Categories(6, 50, 4), nn.Linear(24, 32), nn.ReLU(), nn.Linear(32, 1))
    return training(model, torch.optim.Adagrad(model.parameters()), nn.BCEWithLogitsLoss(), _clicks(), 64)


@cache
def _counts() -> tuple[Part, Part]:
    """Ten features and counts of a Poisson distribution, (n, 1), up to 35."""
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(6000, 10, generator=draw)
    rates = torch.exp(0.25 * inputs @ torch.randn(10, 1, generator=draw) + 0.5 * torch.sin(2 * inputs[:, :1]) + 1)
    return split([inputs, torch.poisson(rates, generator=draw)], 2000)


@small_training("tabular", "SGD", centre=0.015)
def counts(seed: int) -> gs.torch.Job:
    """Counts, by a Poisson likelihood whose rate is an exponential; momentum."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.SGD(model.parameters(), momentum=0.9)
    return training(model, optimizer, nn.PoissonNLLLoss(), _counts(), 32)
