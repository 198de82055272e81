"""A batch: moved to a device, and the number of units that its loss is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sized
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from torch import nn

from glideslope.errors import JobError


def moved(item: Any, device: torch.device) -> Any:
    """The same on a device: tensors, and those in dicts, lists, tuples and dataclasses; and what has a method `to`.

    >>> moved({"a": (torch.ones(2), "text")}, torch.device("cpu"))
    {'a': (tensor([1., 1.]), 'text')}
    """
    if isinstance(item, torch.Tensor):
        return item if item.device == device else item.to(device, non_blocking=True)
    if isinstance(item, str | bytes | int | float) or item is None:
        return item
    if callable(getattr(item, "to", None)):  # a BatchEncoding of tokenizers, a packed sequence, a graph
        return item.to(device)
    if isinstance(item, tuple) and hasattr(item, "_fields"):
        return type(item)(*(moved(part, device) for part in item))
    if isinstance(item, list | tuple):
        return type(item)(moved(part, device) for part in item)
    if isinstance(item, dict):
        return {name: moved(part, device) for name, part in item.items()}
    if is_dataclass(item) and not isinstance(item, type):
        return replace(item, **{f.name: moved(getattr(item, f.name), device) for f in fields(item) if f.init})
    return item


def examples(targets: Any) -> int:
    """The number of examples in a batch, from its targets; 1 where they don't tell."""
    if isinstance(targets, torch.Tensor):
        return len(targets) if targets.dim() else 1
    if isinstance(targets, Mapping) and targets:
        return examples(next(iter(targets.values())))
    if isinstance(targets, list | tuple) and targets and isinstance(targets[0], torch.Tensor):
        return examples(targets[0])
    return len(targets) if isinstance(targets, Sized) else 1


def units(loss: Any, targets: Any, weight: Callable[[Any], Any] | None) -> Any:
    """The number of units that the mean loss of a batch is over.

    Args:
        loss: the loss function.
        targets: of the batch.
        weight: tells it from the targets, if given.

    Returns:
        A number, or a scalar left on its device.

    Raises:
        JobError: the loss is a sum, or none at all.
    """
    if weight is not None:
        return weight(targets)
    reduction = getattr(loss, "reduction", "mean")
    if isinstance(loss, nn.Module) and reduction == "none":
        raise JobError(f"{type(loss).__name__}(reduction='none') gives a loss for each example: give a mean")
    classes = isinstance(loss, nn.CrossEntropyLoss | nn.NLLLoss) and isinstance(targets, torch.Tensor)
    if classes and not targets.is_floating_point() and reduction == "mean":
        kept = targets != loss.ignore_index
        return kept.sum() if loss.weight is None else loss.weight.to(targets.device)[targets[kept]].sum()
    if isinstance(targets, torch.Tensor) and not isinstance(loss, nn.CrossEntropyLoss) and reduction == "mean":
        return targets.numel()  # sequences of another length in each batch have as many more units
    return examples(targets)
