"""The names that logs give to the step, the rate and the losses of a run."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

STEP = (
    "trainer_global_step", "train_global_step", "global_step", "optimizer_step", "step", "num_updates", "updates",
    "update", "iteration", "iterations", "iter", "train_step", "training_step", "steps", "_step",
)  # fmt: skip
"""The most trustworthy first. The last is W&B's own, which counts calls of `log`."""

RATE = (
    "lr", "learning_rate", "train_learning_rate", "train_lr", "training_lr", "optimizer_lr", "lr_0", "lr_group_0",
    "lr_group0",
)  # fmt: skip
TRAINING = (
    "loss", "train_loss", "training_loss", "loss_train", "loss_training", "train_loss_step", "loss_step", "lm_loss",
    "train_lm_loss", "train_loss_epoch", "loss_epoch",
)  # fmt: skip
VALIDATION = (
    "val_loss", "validation_loss", "valid_loss", "eval_loss", "loss_val", "loss_validation", "loss_valid", "loss_eval",
    "val_loss_epoch", "val_loss_step", "lm_loss_value",
)  # fmt: skip
FINAL = ("final_loss", "final_val_loss")
BATCH = ("batch_size", "train_batch_size")
EPOCH = ("epoch", "train_epoch", "epochs")

_AGAIN = re.compile(r" \(column \d+\)$")


def normal(name: str) -> str:
    """A name in lower case, with one underscore in the place of all else: "Train/Loss" is "train_loss". The run in the
    name of a chart stays apart.

    >>> normal(" Train/Loss "), normal("_step"), normal("train - Loss")
    ('train_loss', '_step', 'train - loss')
    """
    parts = _AGAIN.sub("", name).strip().lower().split(" - ")
    return " - ".join(re.sub(r"[^a-z0-9]+", "_", part).rstrip("_") for part in parts)


def again(name: str, place: int) -> str:
    """What the second column of a name is called, by its place."""
    return f"{name} (column {place})"


def plain(name: str) -> str:
    """The name of a column as the file has it."""
    return _AGAIN.sub("", name)


def ranked(columns: Iterable[str], names: tuple[str, ...]) -> list[str]:
    """The columns that have one of the names, in the order of the names, whatever their order in the file; those that
    have it to the letter before those that are like it.

    >>> ranked(["_step", "loss", "global_step"], STEP)
    ['global_step', '_step']
    """
    order = {name: place for place, name in enumerate(names)}
    places = [(_place(column, order, names), normal(column) != column, column) for column in columns]
    return [column for place, _, column in sorted(entry for entry in places if entry[0] is not None)]


def named(columns: Iterable[str], name: str) -> list[str]:
    """The columns of a name that the caller gives; if none has it to the letter, those that are like it."""
    every = list(columns)
    exact = [column for column in every if plain(column).strip().lower() == name.strip().lower()]
    return exact or [column for column in every if normal(column) == normal(name)]


def known(name: str, loss: str | None = None) -> bool:
    """Whether a name is of a rate or of a loss; `loss` is one that the caller knows."""
    names = RATE + TRAINING + VALIDATION + FINAL + BATCH
    return bool(ranked([name], names)) or (loss is not None and normal(name) == normal(loss))


def is_monitor(name: str) -> bool:
    """Whether a column is one that Lightning's LearningRateMonitor writes: lr-AdamW, lr-SGD/pg1."""
    return bool(re.match(r"lr-[A-Za-z]", name.strip()))


def number(value: Any) -> float:
    """The number in a cell; NaN if there is none."""
    try:
        unusual = isinstance(value, bool) or (isinstance(value, str) and "_" in value)  # 1_0 is 10 in Python alone
        return math.nan if unusual else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _place(column: str, order: dict[str, int], names: tuple[str, ...]) -> int | None:
    place = order.get(normal(column))
    return len(names) if place is None and names[: len(RATE)] == RATE and is_monitor(column) else place
