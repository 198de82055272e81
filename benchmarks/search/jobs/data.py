"""The data of the small trainings, as tensors; and loaders that cost little beside a small network."""

from __future__ import annotations

import ast
import gzip
import os
import re
import sysconfig
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn import datasets

import glideslope as gs

Part = tuple[torch.Tensor, ...]
"""Inputs and targets of a part of the data, one row an example."""


class Batches:
    """Whole batches in a new order each epoch: a batch is one indexing operation, not one an example."""

    def __init__(self, tensors: Part, batch_size: int) -> None:
        self.tensors, self.batch_size = tensors, batch_size

    def __iter__(self) -> Iterator[list[torch.Tensor]]:
        for indices in torch.randperm(len(self.tensors[0])).split(self.batch_size)[: len(self)]:
            yield [tensor[indices] for tensor in self.tensors]

    def __len__(self) -> int:
        return len(self.tensors[0]) // self.batch_size


def training(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[[Any, Any], torch.Tensor],
    parts: tuple[Part, Part],
    batch_size: int,
) -> gs.torch.Job:
    """A job from its training and validation parts; validation is one batch."""
    train, validation = parts
    return gs.torch.Job(model, optimizer, loss, Batches(train, batch_size), [validation])


def split(tensors: Sequence[torch.Tensor], validation: int) -> tuple[Part, Part]:
    """A training and a validation part of so many examples, drawn at random but always the same."""
    order = torch.randperm(len(tensors[0]), generator=torch.Generator().manual_seed(0))
    return tuple(x[order[validation:]] for x in tensors), tuple(x[order[:validation]] for x in tensors)


@cache
def digits() -> tuple[Part, Part]:
    """Handwritten digits of 8 by 8 pixels between 0 and 1, (n, 64), and their classes: 1,197 and 600."""
    bunch = datasets.load_digits()
    return split([torch.tensor(bunch.data / 16, dtype=torch.float32), torch.tensor(bunch.target)], 600)


def digit_images() -> tuple[Part, Part]:
    """The digits as images, (n, 1, 8, 8)."""
    train, validation = digits()
    return (train[0].view(-1, 1, 8, 8), train[1]), (validation[0].view(-1, 1, 8, 8), validation[1])


@cache
def fashion() -> tuple[Part, Part]:
    """Fashion-MNIST at half its resolution, (n, 1, 14, 14), standardised, and the classes: 20,000 and 1,500.

    The data are Debian's package `dataset-fashion-mnist`; FASHION_MNIST names their folder if they are elsewhere.
    """
    folder = Path(os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist"))
    try:
        pixels = gzip.decompress((folder / "train-images-idx3-ubyte.gz").read_bytes())
        classes = gzip.decompress((folder / "train-labels-idx1-ubyte.gz").read_bytes())
    except FileNotFoundError as error:
        raise gs.JobError(
            f"{error.filename} is missing: install Debian's dataset-fashion-mnist, or name the folder that holds "
            "the four files of Fashion-MNIST in FASHION_MNIST"
        ) from None
    images = np.frombuffer(pixels, np.uint8, offset=16, count=21_500 * 784).reshape(-1, 1, 28, 28)
    halved = torch.nn.functional.avg_pool2d(torch.tensor(images, dtype=torch.float32), 2)
    targets = torch.tensor(np.frombuffer(classes, np.uint8, offset=8, count=21_500).astype(np.int64))
    return split([(halved - halved.mean()) / halved.std(), targets], 1500)


@cache
def documentation() -> list[list[str]]:
    """The documentation strings of each module of Python's standard library; read, not imported."""
    modules = []
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for file in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        texts = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, documented)]
        modules.append([text for text in texts if text])
    return modules


@cache
def characters(context: int) -> tuple[Part, Part]:
    """Windows of the documentation strings as ASCII codes, (n, context), and the same one character later.

    The validation windows are the last tenth of the text.
    """
    text = "\n".join(text for module in documentation() for text in module).encode("ascii", "ignore")
    windows = torch.tensor(list(text)).unfold(0, context + 1, context)
    cut = len(windows) * 9 // 10
    train, validation = windows[:cut], windows[cut:][:: max(1, (len(windows) - cut) * context // 16_000)]
    return (train[:, :-1], train[:, 1:]), (validation[:, :-1], validation[:, 1:])


@cache
def words() -> tuple[list[list[str]], list[int]]:
    """The words of each documentation string of the 40 modules with the most of them, and the module's number."""
    found = [[re.findall(r"[a-z_]+", text.lower()) for text in module] for module in documentation()]
    largest = sorted(found, key=len, reverse=True)[:40]
    chosen = [(text, number) for number, module in enumerate(largest) for text in module if len(text) >= 3]
    return [text for text, _ in chosen], [number for _, number in chosen]


@cache
def vocabulary(size: int) -> dict[str, int]:
    """The most frequent words and their columns."""
    counted = Counter(word for text in words()[0] for word in text)
    frequent = sorted(counted, key=lambda word: (-counted[word], word))[:size]
    return {word: i for i, word in enumerate(frequent)}
