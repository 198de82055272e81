"""A character model with AdamW on the documentation strings of Python's own standard library.

Sixteen characters predict the next one. Modules in alphabetical order, the last tenth of the text held out.

    glideslope tune examples/text.py:job --steps 2000
"""

import ast
import sysconfig
from functools import cache
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

import glideslope as gs

CONTEXT = 16


@cache
def characters() -> torch.Tensor:
    """The text as ASCII codes, about half a million; read, not imported."""
    strings = []
    for file in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        strings += [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, documented)]
    text = "\n".join(filter(None, strings)).encode("ascii", "ignore")
    return torch.tensor(list(text))


def job(seed: int) -> gs.torch.Job:
    torch.manual_seed(seed)
    windows = characters().unfold(0, CONTEXT + 1, 1)
    cut = len(windows) * 9 // 10
    train = TensorDataset(windows[:cut, :-1], windows[:cut, -1])
    validation = TensorDataset(windows[cut::20, :-1], windows[cut::20, -1])
    model = nn.Sequential(
        nn.Embedding(128, 24), nn.Flatten(), nn.Linear(24 * CONTEXT, 128), nn.GELU(), nn.Linear(128, 128),
    )  # fmt: skip
    return gs.torch.Job(
        model,
        torch.optim.AdamW(model.parameters(), weight_decay=0.01),
        nn.CrossEntropyLoss(),
        DataLoader(train, batch_size=None, sampler=BatchSampler(RandomSampler(train), 64, drop_last=True)),
        DataLoader(validation, batch_size=None, sampler=BatchSampler(range(len(validation)), 2048, drop_last=False)),
    )
