"""The names that a column may have in tables that people make of their runs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

COLUMNS = {
    "curve": ("curve", "file", "curve_file", "log", "path"),
    "run": ("run", "curve", "name", "run_name", "run_id", "file"),
    "params": ("params", "n", "model_size", "n_params", "num_params", "parameters", "num_parameters", "size"),
    "tokens": ("tokens", "d", "n_tokens", "num_tokens", "train_tokens", "total_tokens"),
    "batch": (
        "tokens_per_step", "batch_tokens", "tokens_per_batch", "tokens_per_update", "batch_size_tokens", "batch", "bs",
        "batch_size", "global_batch_size",
    ),
    "peak_lr": ("peak_lr", "peak", "max_lr", "peak_learning_rate", "lr", "learning_rate"),
    "loss": ("loss", "smooth_loss", "final_loss", "val_loss", "final_val_loss", "validation_loss", "eval_loss"),
    "schedule": ("schedule", "lr_schedule", "scheduler", "lr_scheduler"),
    "steps": ("steps", "updates", "num_steps", "n_steps", "max_steps", "total_steps", "iterations"),
    "weight_decay": ("weight_decay", "wd"),
}  # fmt: skip
"""The names that each column may have, the first that a table has counting; in any case, with a space, -, . or / for _;
where none is in a table, after what is before its last . or /, as in `config/params`."""


def named(names: Collection[Any], columns: Iterable[str]) -> dict[str, Any]:
    """Of some columns of `COLUMNS`, the name that each has in a table that has it.

    >>> named(["Model size", "lr", "seed"], ["params", "tokens", "peak_lr"])
    {'params': 'Model size', 'peak_lr': 'lr'}
    """
    found: dict[str, Any] = {}
    for before in (r".*[./]", r"^"):  # a whole name counts before an end of one
        plain = [(re.sub(r"[-\s./]+", "_", re.sub(before, "", str(name).lower().strip())), name) for name in names]
        known = dict(plain[::-1])
        found |= {column: known[of[0]] for column in columns if (of := [n for n in COLUMNS[column] if n in known])}
    return found
