"""A small network on Fashion-MNIST with plain SGD: 55,000 images to train on, 5,000 to validate.

The data are Debian's package `dataset-fashion-mnist`; FASHION_MNIST names their folder if they are elsewhere.

    glideslope tune examples/fashion_mnist.py:job --steps 4300
"""

import gzip
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, TensorDataset

import glideslope as gs

FOLDER = Path(os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist"))


@cache
def images() -> tuple[torch.Tensor, torch.Tensor]:
    """The 60,000 training images, as rows of 784 pixels of mean 0 and standard deviation 1, and their classes."""
    try:
        pixels = gzip.decompress((FOLDER / "train-images-idx3-ubyte.gz").read_bytes())
        classes = gzip.decompress((FOLDER / "train-labels-idx1-ubyte.gz").read_bytes())
    except FileNotFoundError as error:
        raise SystemExit(
            f"{error.filename} is missing: install Debian's dataset-fashion-mnist, or name the folder that holds "
            "the four files of Fashion-MNIST in FASHION_MNIST"
        ) from None
    inputs = np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 784).astype(np.float32)
    inputs = (inputs - inputs.mean()) / inputs.std()
    return torch.from_numpy(inputs), torch.from_numpy(np.frombuffer(classes, np.uint8, offset=8).astype(np.int64))


class Shuffled:
    """Batches of indices in a new order each epoch. A tensor of 128 costs far less than a list of them."""

    def __init__(self, examples: int, batch_size: int) -> None:
        self.examples, self.batch_size = examples, batch_size

    def __iter__(self) -> Iterator[torch.Tensor]:
        order = torch.randperm(self.examples)
        for start in range(0, self.examples, self.batch_size):
            yield order[start : start + self.batch_size]

    def __len__(self) -> int:
        return -(-self.examples // self.batch_size)


def job(seed: int, optimizer: str | None = None) -> gs.torch.Job:
    torch.manual_seed(seed)
    inputs, targets = images()
    train, validation = TensorDataset(inputs[5000:], targets[5000:]), TensorDataset(inputs[:5000], targets[:5000])
    model = nn.Sequential(
        nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(),
        nn.Linear(100, 10),
    )  # fmt: skip
    return gs.torch.Job(
        model,
        gs.torch.automatic(optimizer or "sgd", model.parameters(), lr=0.1),
        nn.CrossEntropyLoss(),
        # A whole batch is one indexing operation, not 128 of them and a collation.
        DataLoader(train, batch_size=None, sampler=Shuffled(len(train), 128)),
        DataLoader(validation, batch_size=None, sampler=BatchSampler(range(5000), 250, drop_last=False)),
    )
