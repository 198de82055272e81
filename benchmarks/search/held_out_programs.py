"""Four small trainings without tables on the programs of Python's standard library, of a sceptic's eight.

They enter `HELD_OUT` beside the others. They were written and committed before a search was tried on any of them.
"""

from __future__ import annotations

import ast
import re
import sysconfig
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch
from held_out_jobs import held_out
from held_out_usual import in_batches
from jobs.data import Batches, Part, split
from jobs.parts import token_loss
from torch import nn
from torch.nn import functional

import glideslope as gs


@cache
def sources() -> list[str]:
    """The text of each module of Python's standard library; read, not imported."""
    return [file.read_text(encoding="utf-8") for file in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))]


def numbered(items: list[str], size: int) -> torch.Tensor:
    """The numbers of items by how frequent they are; the last of `size` is any other."""
    frequent = {item: number for number, (item, _) in enumerate(Counter(items).most_common(size - 1))}
    return torch.tensor([frequent.get(item, size - 1) for item in items])


@cache
def pieces() -> tuple[Part, Part]:
    """Windows of 16 words, signs and spaces of programs, and the same one later; validation is the last tenth."""
    found = re.findall(r"\w+|\s+|.", "".join(sources()[:60]))
    windows = numbered(found, 500).unfold(0, 17, 16)
    cut = len(windows) * 9 // 10
    return (windows[:cut, :-1], windows[:cut, 1:]), (windows[cut::10, :-1], windows[cut::10, 1:])


class Tied(nn.Module):
    """A language model of torch's own layers, which normalize after each part, with one matrix at both ends."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces, self.positions = nn.Embedding(500, 32), nn.Embedding(16, 32)
        layers = [nn.TransformerEncoderLayer(32, 4, 64, dropout=0.1, batch_first=True) for _ in range(2)]
        self.layers = nn.ModuleList(layers)
        for embedding in (self.pieces, self.positions):
            nn.init.normal_(embedding.weight, std=0.02)
        self.register_buffer("later", nn.Transformer.generate_square_subsequent_mask(16))

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        x = self.pieces(numbers) + self.positions.weight
        for layer in self.layers:
            x = layer(x, src_mask=self.later, is_causal=True)
        return functional.linear(x, self.pieces.weight)


@held_out(4e-4)
def tied(seed: int) -> gs.torch.Job:
    """Programs by a transformer that normalizes last, its embedding tied to its head; AdamW, two groups, clipped."""
    train, validation = pieces()
    torch.manual_seed(seed)
    model = Tied()
    decayed = [weights for weights in model.parameters() if weights.dim() > 1]
    others = [weights for weights in model.parameters() if weights.dim() < 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=6e-4, betas=(0.9, 0.95))
    return gs.torch.Job(
        model, optimizer, token_loss, Batches(train, 8), in_batches(validation, 100), clip_norm=1.0
    )  # fmt: skip


def nodes(tree: ast.AST, lines: int) -> Iterator[tuple[list[str], list[float]]]:
    """Of each node of a program: what it, the two above it, the one before it and its place are; and four numbers."""
    waiting: list[tuple[ast.AST, str, int]] = [(tree, "none", 0)]
    while waiting:
        node, above, depth = waiting.pop()
        kind, before, count = type(node).__name__, "none", 0
        for field, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.stmt | ast.expr):
                    line, column = child.lineno / lines, child.col_offset / 20
                    yield [type(child).__name__, kind, above, before, field], [depth / 5, count / 5, line, column]
                    waiting.append((child, kind, depth + 1))
                    before, count = type(child).__name__, count + 1


@cache
def syntax() -> tuple[Part, Part]:
    """Four categories and four numbers of nodes of programs, (n, 4) each, and which of 24 kinds they are."""
    found = [node for text in sources()[:60] for node in nodes(ast.parse(text), text.count("\n") + 1)]
    columns = [numbered([names[i] for names, _ in found], 24) for i in range(5)]
    numbers = torch.tensor([values for _, values in found])
    train, validation = split([torch.stack(columns[1:], 1), numbers, columns[0]], 4000)
    return tuple(x[:40_000] for x in train), validation


class Columns(nn.Module):
    """Each category as a vector beside the numbers, then layers with batch normalization and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors = nn.ModuleList(nn.Embedding(24, 8) for _ in range(4))
        self.layers = nn.Sequential(
            nn.Linear(36, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.1),
            nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 24),
        )  # fmt: skip

    def forward(self, categories: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        vectors = [embed(column) for embed, column in zip(self.vectors, categories.unbind(1), strict=True)]
        logits: torch.Tensor = self.layers(torch.cat([*vectors, numbers], 1))
        return logits


@held_out(8e-4)
def categories(seed: int) -> gs.torch.Job:
    """Kinds of nodes of programs by a table with columns of categories; AdamW."""
    train, validation = syntax()
    torch.manual_seed(seed)
    model = Columns()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
    return gs.torch.Job(model, optimizer, nn.CrossEntropyLoss(), Batches(train, 64), in_batches(validation, 1000))


class Lion(torch.optim.Optimizer):
    """The sign of a mean of gradients (Chen et al. 2023, arXiv:2302.06675), as users of torch copy it."""

    def __init__(
        self, params: Any, lr: float = 1e-4, betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            first, second = group["betas"]
            for weights in group["params"]:
                if weights.grad is None:
                    continue
                mean = self.state[weights].setdefault("exp_avg", torch.zeros_like(weights))
                weights.mul_(1 - group["lr"] * group["weight_decay"])
                weights.add_(torch.lerp(weights.grad, mean, first).sign_(), alpha=-group["lr"])
                mean.lerp_(weights.grad, 1 - second)


@cache
def authors() -> tuple[Part, Part]:
    """Windows of 60 characters of the 20 longest modules, and which of them each is from."""
    texts = sorted(sources(), key=len, reverse=True)[:20]
    windows = [torch.tensor(list(text.encode("ascii", "ignore"))).unfold(0, 60, 60) for text in texts]
    kinds = [torch.full((len(part),), number) for number, part in enumerate(windows)]
    return split([torch.cat(windows), torch.cat(kinds)], 2000)


class Read(nn.Module):
    """Characters as vectors, two convolutions, and the largest of each channel."""

    def __init__(self) -> None:
        super().__init__()
        self.characters = nn.Embedding(128, 16)
        self.layers = nn.Sequential(nn.Conv1d(16, 32, 5), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(32, 32, 5), nn.ReLU())
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(32, 20))

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.layers(self.characters(codes).transpose(1, 2)).amax(2))
        return logits


@held_out(1e-4)
def lion(seed: int) -> gs.torch.Job:
    """Which module a line is from, by convolutions over its characters; an optimizer of the user's own, Lion."""
    train, validation = authors()
    torch.manual_seed(seed)
    model = Read()
    optimizer = Lion(model.parameters(), lr=1e-4, weight_decay=0.1)
    return gs.torch.Job(model, optimizer, nn.CrossEntropyLoss(), Batches(train, 16), in_batches(validation, 500))


@cache
def functions() -> tuple[Part, Part]:
    """Up to 24 words of the head of a function, by their numbers, and which of 12 kinds of nodes its body has."""
    kinds = (ast.If, ast.For, ast.While, ast.Try, ast.With, ast.Raise, ast.Return, ast.Yield, ast.Lambda, ast.Assert,
             ast.ListComp, ast.BoolOp)  # fmt: skip
    heads, bodies = [], []
    for text in sources():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                named = [node.name, *(argument.arg for argument in node.args.args), ast.get_docstring(node) or ""]
                heads.append((re.findall(r"[a-z]+", " ".join(named).lower()) + [""] * 24)[:24])
                within = {type(part) for part in ast.walk(node)}
                bodies.append([float(kind in within) for kind in kinds])
    words = numbered([word for head in heads for word in head], 800)  # 0 is the empty one, as it is most frequent
    return split([words.view(-1, 24), torch.tensor(bodies)], 1000)


@held_out(2)
def several_labels(seed: int) -> gs.torch.Job:
    """All kinds of statements in a function by its head, a bag of words; plain SGD at 5, clipped at 0.1, as taught."""
    train, validation = functions()
    torch.manual_seed(seed)
    model = nn.Sequential(nn.EmbeddingBag(800, 32, padding_idx=0), nn.Linear(32, 12))
    optimizer = torch.optim.SGD(model.parameters(), lr=5.0)
    return gs.torch.Job(
        model, optimizer, nn.BCEWithLogitsLoss(), Batches(train, 64), in_batches(validation, 250), clip_norm=0.1
    )  # fmt: skip
