"""Inputs of which most are 0 in an update: words, users, items."""

from __future__ import annotations

from collections import Counter
from functools import cache

import torch
from torch import nn

import glideslope as gs
from jobs.data import Part, split, training, vocabulary, words
from jobs.registry import small_training


@cache
def _word_counts() -> tuple[Part, Part]:
    """How often each of 2,000 words is in a documentation string, and the number of the string's module."""
    texts, modules = words()
    columns = vocabulary(2000)
    counts = torch.zeros(len(texts), len(columns))
    for row, text in enumerate(texts):
        for word, count in Counter(text).items():
            if word in columns:
                counts[row, columns[word]] = count
    return split([counts, torch.tensor(modules)], 800)


@small_training("sparse", "Adagrad", centre=0.3)
def sparse_words(seed: int) -> gs.torch.Job:
    """Which module a documentation string is from: logistic regression on its words; Adagrad."""
    torch.manual_seed(seed)
    model = nn.Linear(2000, 40)
    return training(model, torch.optim.Adagrad(model.parameters()), nn.CrossEntropyLoss(), _word_counts(), 8)


@cache
def _contexts() -> tuple[Part, Part]:
    """The two words before a word and the two after, (n, 4), and the word; all among the 1,000 most frequent."""
    columns = vocabulary(1000)
    windows, targets = [], []
    for text in words()[0]:
        codes = [columns.get(word, -1) for word in text]
        for i in range(2, len(codes) - 2):
            around = [*codes[i - 2 : i], *codes[i + 1 : i + 3]]
            if min(codes[i], *around) >= 0:
                windows.append(around)
                targets.append(codes[i])
    return split([torch.tensor(windows), torch.tensor(targets)], 2000)


class MeanEmbedding(nn.Module):
    """The mean of the vectors of a context."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.vectors = nn.Embedding(size, width)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        return self.vectors(codes).mean(1)


@small_training("sparse", "Adam", centre=0.06)
def word_embeddings(seed: int) -> gs.torch.Job:
    """A word from its neighbours, with embeddings; Adam."""
    torch.manual_seed(seed)
    model = nn.Sequential(MeanEmbedding(1000, 32), nn.Linear(32, 1000))
    return training(model, torch.optim.Adam(model.parameters()), nn.CrossEntropyLoss(), _contexts(), 64)


@cache
def _ratings() -> tuple[Part, Part]:
    """Ratings that users gave items, made of rank 4 with noise: user and item, (n, 2), and rating."""
    draw = torch.Generator().manual_seed(0)
    users, items = torch.randn(400, 4, generator=draw), torch.randn(200, 4, generator=draw)
    # A few users and items are in most of the ratings, as anywhere.
    user = (400 * torch.rand(20_000, generator=draw) ** 2).long()
    item = (200 * torch.rand(20_000, generator=draw) ** 2).long()
    rating = (users[user] * items[item]).sum(1) / 2 + 0.5 * torch.randn(20_000, generator=draw)
    return split([torch.stack([user, item], 1), rating], 2000)


class Factors(nn.Module):
    """The product of a user's and an item's vector."""

    def __init__(self) -> None:
        super().__init__()
        self.users, self.items = nn.Embedding(400, 8), nn.Embedding(200, 8)
        for table in (self.users, self.items):
            nn.init.normal_(table.weight, std=0.3)

    def forward(self, pairs: torch.Tensor) -> torch.Tensor:
        return (self.users(pairs[:, 0]) * self.items(pairs[:, 1])).sum(1)


@small_training("sparse", "SGD", centre=2.5)
def matrix_factors(seed: int) -> gs.torch.Job:
    """Matrix factorisation; plain SGD."""
    torch.manual_seed(seed)
    model = Factors()
    return training(model, torch.optim.SGD(model.parameters()), nn.MSELoss(), _ratings(), 64)
