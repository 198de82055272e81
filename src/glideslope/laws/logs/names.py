"""What the names in logs stand for: the step, the rate, the losses, the batch size and the epoch of a run."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

ROLES: dict[str, tuple[str, ...]] = {
    "step": (
        "trainer_global_step", "train_global_step", "global_step", "optimizer_step", "step", "num_updates", "updates",
        "update", "iteration", "iterations", "iter", "train_step", "training_step", "steps", "current_steps", "n_iter",
        "_step",
    ),
    "rate": (
        "lr", "learning_rate", "train_learning_rate", "train_lr", "training_lr", "optimizer_lr", "lr_0", "lr_group_0",
        "lr_group0", "lrate",
    ),
    "training": (
        "loss", "train_loss", "training_loss", "loss_train", "loss_training", "train_loss_step", "loss_step",
        "reduced_train_loss", "lm_loss", "train_lm_loss", "train_loss_epoch", "loss_epoch",
    ),
    "validation": (
        "val_loss", "validation_loss", "valid_loss", "eval_loss", "loss_val", "loss_validation", "loss_valid",
        "loss_eval", "val_loss_epoch", "val_loss_step", "lm_loss_value",
    ),
    "final": ("final_loss", "final_val_loss"),
    "batch": ("batch_size", "train_batch_size"),
    "epoch": ("epoch", "train_epoch", "epochs"),
}  # fmt: skip
"""Names by their role, the most trustworthy first. W&B's `_step`, the last, counts calls of `log`."""
RUN = ("run_name", "run", "run_id", "run_uuid", "experiment_id")

_TRAINING = {"train", "training", "trn", "tr", "trainer"}
_VALIDATION = {"val", "valid", "validation", "validate", "validating", "eval", "evaluation", "evaluate", "dev", "test"}
_ANYWHERE = {"metrics", "metric", "data", "logs", "state", "current", "cur", "scalars", "history", "value"}
_STEP = {"step", "steps", "iter", "iters", "iteration", "iterations", "update", "updates"}
_BESIDE = {
    "step": {"global", "optimizer", "optim", "opt", "completed", "at", "info", "debug", "warning", "progress"},
    "rate": {
        "optimizer", "optim", "opt", "group", "param", "params", "pg", "scheduler", "last", "epoch", "adam", "adamw",
        "sgd",
    },
    "loss": {
        "lm", "total", "avg", "average", "mean", "global", "step", "epoch", "iter", "batch", "reduced", "running", "ce",
        "cross", "entropy", "xent", "nll", "token", "per", "main", "model", "objective", "loss",
    },
    "epoch": set[str](),
}  # fmt: skip
"""Words that may stand beside the one that gives a name its role."""

_AGAIN = re.compile(r" \(column \d+\)$")
_UNIT = re.compile(r"\s*[\[(]([^\])]*)[\])]\s*$")
_POWERS = {"k": 1e3, "thousand": 1e3, "thousands": 1e3, "m": 1e6, "million": 1e6, "millions": 1e6, "%": 0.01}
_PLAIN_STEPS = {"", "-", "#", "updates", "update", "steps", "step", "iterations", "iters", "it", "count"}


@lru_cache(10_000)
def normal(name: str) -> str:
    """A name's letters and digits, of any language, in lower case, with one underscore in the place of all else:
    "Train/Loss" is "train_loss". The run in the name of a chart stays apart.

    >>> normal(" Train/Loss "), normal("_step"), normal("train - Loss"), normal("valLoss"), normal("验证 Loss")
    ('train_loss', '_step', 'train - loss', 'val_loss', '验证_loss')
    """
    letters = unicodedata.normalize("NFC", plain(name).strip())
    parts = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", letters).lower().split(" - ")
    return " - ".join(re.sub(r"[\W_]+", "_", part).rstrip("_") for part in parts)


def again(name: str, place: int) -> str:
    """What the second column of a name is called, by its place."""
    return f"{name} (column {place})"


def plain(name: str) -> str:
    """The name of a column as the file has it."""
    return _AGAIN.sub("", name)


def factor(name: str) -> float:
    """What the unit in a name says that its values are to be multiplied by; NaN where it can't be read.

    >>> factor("lr (1e-3)"), factor("step (k)"), factor("loss [nats]"), factor("loss")
    (0.001, 1000.0, 1.0, 1.0)
    """
    match = _UNIT.search(plain(name))
    unit = match[1].strip().lower() if match else ""
    if unit in _POWERS:
        return _POWERS[unit]
    power = re.fullmatch(r"[x×*·]?\s*(?:(10)\s*(?:\^|\*\*)\s*([-+]?\d+)|([-+]?[\d.]+(?:e[-+]?\d+)?))", unit)
    if power:
        return 10.0 ** int(power[2]) if power[1] else number(power[3])
    return math.nan if unit.startswith(("log", "ln")) else 1.0


def role(name: str) -> str | None:
    """The role that a name has: a key of `ROLES`, or None.

    >>> role("train/CrossEntropyLoss"), role("Validation loss (nats)"), role("optim/learning_rate"), role("aux loss")
    ('training', 'validation', 'rate', None)
    """
    place = _place(name)
    return place[0] if place else None


def ranked(columns: Iterable[str], *roles: str) -> list[str]:
    """The columns of some roles, in the order of the roles and of their names, whatever their order in the file; those
    that have a name to the letter before those that are like it.

    >>> ranked(["_step", "loss", "global_step"], "step")
    ['global_step', '_step']
    """
    places = [(place, normal(column) != column, column) for column in columns if (place := _place(column))]
    order = {name: i for i, name in enumerate(roles)}
    kept = [(order[place[0]], place[1], unlike, column) for place, unlike, column in places if place[0] in order]
    return [column for *_, column in sorted(kept)]


def named(columns: Iterable[str], name: str) -> list[str]:
    """The columns of a name that the caller gives; if none has it to the letter, those that are like it."""
    every = list(columns)
    exact = [column for column in every if plain(column).strip().lower() == name.strip().lower()]
    return exact or [column for column in every if normal(column) == normal(name)]


@lru_cache(10_000)
def phase(text: str) -> str:
    """Whether a text is of the training or of a validation: "train", "val", or "" where it has words of none.

    >>> phase("validate step"), phase("train"), phase("step")
    ('val', 'train', '')
    """
    words = set(normal(text).split("_"))
    return "val" if words & _VALIDATION else "train" if words & _TRAINING else ""


def is_monitor(name: str) -> bool:
    """Whether a column is a rate that Lightning's LearningRateMonitor writes: lr-AdamW, lr-SGD/pg1."""
    return bool(re.match(r"lr-[A-Za-z]", name.strip())) and not re.search(r"-(momentum|weight_decay)$", name.strip())


def number(value: Any) -> float:
    """The number in a cell; NaN if there is none."""
    try:
        unusual = isinstance(value, bool) or (isinstance(value, str) and "_" in value)  # 1_0 is 10 in Python alone
        return math.nan if unusual else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


@lru_cache(10_000)
def _place(name: str) -> tuple[str, int] | None:
    """The role of a name, and how far behind the most trustworthy of that role it is."""
    short = normal(_UNIT.sub("", plain(name)))
    scale = factor(name)
    by_words = _EXACT.get(normal(name)) or _EXACT.get(short) or _of_words(name, short.lstrip("_").split("_"))
    if by_words is None or math.isnan(scale) or (scale > 1 and by_words[0] != "step"):
        return None  # a rate "x 1000" may be to be multiplied, or divided
    match = _UNIT.search(plain(name))
    if by_words[0] == "step" and match and scale == 1 and match[1].strip().lower() not in _PLAIN_STEPS:
        return None
    return by_words


_EXACT = {name: (key, i) for key, names in ROLES.items() for i, name in enumerate(names)}


def _of_words(name: str, words: list[str]) -> tuple[str, int] | None:
    every = set(words)
    rest = every - _ANYWHERE
    behind = 100 + len(words)
    if is_monitor(name):
        return "rate", 90
    if every & {"lr", "lrate"} or {"learning", "rate"} <= every:
        left = rest - {"lr", "lrate", "learning", "rate"} - _TRAINING - _BESIDE["rate"]
        return ("rate", behind) if all(re.fullmatch(r"(group|pg)?\d+", word) for word in left) else None
    if every & {"loss", "losses", "xent"} or {"cross", "entropy"} <= every:
        left = rest - {"losses"} - _TRAINING - _VALIDATION - _BESIDE["loss"]
        return None if left else ("validation" if every & _VALIDATION else "training", behind)
    if every & _STEP:
        left = rest - _STEP - _TRAINING - _BESIDE["step"]
        return None if left or len(every & _STEP) > 1 else ("step", behind)
    if "epoch" in every:
        return None if rest - {"epoch"} - _TRAINING else ("epoch", behind)
    return None
