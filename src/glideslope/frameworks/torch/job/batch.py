"""A batch: moved to a device, split into inputs and targets, and the number of units that its loss is over."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, Sized
from contextlib import suppress
from dataclasses import fields, is_dataclass
from numbers import Real
from typing import Any

import torch
from torch import nn

from glideslope.documents import shown
from glideslope.errors import JobError

TARGETS = ("labels", "label", "targets", "target", "y")  # names of the targets in a batch that has names


def moved(item: Any, device: torch.device) -> Any:
    """The same on a device, of the same type: tensors, those in containers and dataclasses, and what has a method `to`.

    >>> moved({"a": (torch.ones(2), "text")}, torch.device("cpu"))
    {'a': (tensor([1., 1.]), 'text')}
    """
    if isinstance(item, torch.Tensor):
        return item if item.device == device else item.to(device, non_blocking=True)
    if type(item) is list:
        for part in item:
            if not isinstance(part, torch.Tensor) or part.device != device:
                return [moved(part, device) for part in item]
        return item[:]
    if isinstance(item, str | bytes | int | float) or item is None:
        return item
    if callable(getattr(item, "to", None)):  # a BatchEncoding of tokenizers, a packed sequence, a graph
        return item.to(device)
    if isinstance(item, tuple) and hasattr(item, "_fields"):
        return type(item)(*(moved(part, device) for part in item))
    if isinstance(item, list | tuple):
        return type(item)(moved(part, device) for part in item)
    if type(item) is dict:
        return {name: moved(part, device) for name, part in item.items()}
    if isinstance(item, MutableMapping):
        mapping = copy.copy(item)  # keeps its type and what else it holds: an OrderedDict, a UserDict
        for name, part in item.items():
            mapping[name] = moved(part, device)
        return mapping
    if is_dataclass(item) and not isinstance(item, type):
        instance = copy.copy(item)
        for field in fields(item):
            if hasattr(item, field.name):
                object.__setattr__(instance, field.name, moved(getattr(item, field.name), device))  # frozen ones too
        return instance
    return item


def split(batch: Any) -> tuple[tuple[Any, ...], dict[str, Any], Any]:
    """The positional and the named arguments of the model, and the targets.

    Several parts are the inputs and then the targets. In a dict or a dataclass the targets are `labels`, `label`,
    `targets`, `target` or `y`, and the rest are arguments by name. A batch of inputs only is its own target. Raises a
    JobError if the batch doesn't say which of it are the targets.

    >>> split(("x", "mask", "y")), split({"x": 1, "labels": 2}), split(["x"])
    ((('x', 'mask'), {}, 'y'), ((), {'x': 1}, 2), (('x',), {}, 'x'))
    """
    if type(batch) is list and len(batch) >= 2:  # nearly every batch
        return tuple(batch[:-1]), {}, batch[-1]
    if isinstance(batch, torch.Tensor | nn.utils.rnn.PackedSequence):
        return (batch,), {}, batch
    if isinstance(batch, list | tuple) and len(batch) >= 2:
        return tuple(batch[:-1]), {}, batch[-1]
    if isinstance(batch, list | tuple) and batch:
        part = batch[0]
        return split(part) if isinstance(part, torch.Tensor) or _named(part) is not None else ((part,), {}, part)
    named = _named(batch)
    if named is None:
        kind = "empty" if isinstance(batch, list | tuple) else f"a {type(batch).__name__}"
        raise JobError(
            f"a batch is {kind}: a loss of outputs and targets takes (inputs, targets), a tensor, a dict "
            "or a dataclass; for any other give batch_loss=lambda model, batch: ..."
        )
    names = [name for name in TARGETS if name in named]
    if len(names) == 1:
        return (), {name: part for name, part in named.items() if name != names[0]}, named[names[0]]
    if len(named) == 1:
        return (), named, next(iter(named.values()))
    candidates = " and ".join(names) or f"none of {', '.join(TARGETS)}"
    raise JobError(
        f"a batch has {', '.join(map(str, named)) or 'nothing'}, and {candidates} could be the targets: give "
        "batch_loss=lambda model, batch: ..., in place of a loss of outputs and targets"
    )


def _named(batch: Any) -> dict[str, Any] | None:
    """The parts of a batch by name, None if they have none."""
    if isinstance(batch, Mapping):
        return dict(batch)
    if is_dataclass(batch) and not isinstance(batch, type):
        return {field.name: getattr(batch, field.name) for field in fields(batch)}
    return None


def examples(part: Any) -> int:
    """The number of examples in a batch or its targets: the length of its first tensor; 1 where it has none."""
    if isinstance(part, torch.Tensor):
        return len(part) if part.dim() else 1
    if isinstance(part, nn.utils.rnn.PackedSequence):
        return int(part.batch_sizes[0])
    if isinstance(part, Mapping) or (is_dataclass(part) and not isinstance(part, type)):
        values = list((_named(part) or {}).values())
        first = next(filter(_holds_examples, values), None)
        return examples(first) if first is not None else _length(part)
    if isinstance(part, list | tuple) and part and _holds_examples(part[0]):
        return examples(part[0])
    return _length(part)


def _holds_examples(part: Any) -> bool:
    """Whether its length is a number of examples: a tensor with an axis, or what holds one first."""
    if isinstance(part, torch.Tensor):
        return part.dim() > 0
    if isinstance(part, Mapping) or (is_dataclass(part) and not isinstance(part, type)):
        return any(map(_holds_examples, (_named(part) or {}).values()))
    return isinstance(part, list | tuple) and bool(part) and _holds_examples(part[0])


def _length(part: Any) -> int:
    return len(part) if isinstance(part, Sized) and not isinstance(part, Mapping | str | bytes) else 1


def units(loss: Any, targets: Any, weight: Callable[[Any], Any] | None) -> Any:
    """The units that a batch's mean loss is over: `weight` of the targets, if given. Raises a JobError for a sum."""
    if weight is not None:
        return weighed(weight, targets)
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


def weighed(weight: Callable[[Any], Any], part: Any) -> Any:
    """What a `weight` gives for a batch or its targets. Raises a JobError unless that is one number."""
    return one_number(weight(part), "weight", "the number of units, one number")


def one_number(value: Any, name: str, advice: str = "a mean, or a pair (sum, count)") -> Any:
    """A value of the user's, if it is a real number, as it is, or a tensor without dimensions. Raises a JobError, which
    names where it came from, if it is something else."""
    if isinstance(value, Real):
        return value
    with suppress(TypeError, ValueError, RuntimeError):
        tensor = torch.as_tensor(value)
        if tensor.numel() == 1 and not tensor.is_complex():
            return tensor.reshape(())
    what = f"shape {tuple(value.shape)}" if getattr(value, "shape", ()) else shown(value, 80)
    raise JobError(f"{name} gave {what}: give {advice}")
