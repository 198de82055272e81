"""A rate for each layer of a torch model: parameter groups."""

from __future__ import annotations

from typing import Any

import torch

from glideslope.documents import check_kind, shown
from glideslope.errors import LayerError
from glideslope.frameworks.torch.models import checked_model
from glideslope.layers import Layer, Multipliers, Parameter, parameters
from glideslope.schedules.numbers import is_finite


def groups(
    model: torch.nn.Module, multipliers: Multipliers | None = None, *, lr: float, weight_decay: float = 0.0,
    merge: bool = True,
) -> list[dict[str, Any]]:  # fmt: skip
    """Parameter groups for an optimizer, each with the rate of its layers.

    Weight decay is for matrices only: biases, and the scales of norms, have none.

    Args:
        model: the network.
        multipliers: the multipliers of its layers; 1 each if not given.
        lr: the rate where the multiplier is 1.
        weight_decay: the weight decay of matrices.
        merge: layers with the same multiplier make one group; False keeps a group, or with weight decay two, for each,
            whose `layer` is the layer's place.

    Raises:
        LayerError: the multipliers aren't of this model.

    >>> import torch, glideslope as gs
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    >>> multipliers = gs.layers.by_depth(model, torch.ones(1, 8), 0.5)
    >>> for group in gs.torch.groups(model, multipliers, lr=0.1, weight_decay=0.01):
    ...     print(group["name"], group["lr"], group["weight_decay"], len(group["params"]))
    0 0.05 0.01 1
    0 0.05 0.0 1
    2 0.1 0.01 1
    2 0.1 0.0 1
    """
    for name, value in (("lr", lr), ("weight_decay", weight_decay)):
        if not (isinstance(value, int | float) and is_finite(value) and value >= 0):
            raise LayerError(f"{name}={shown(value)}: give a number from 0")
    tensors = dict(checked_model(model).named_parameters())
    check_kind(LayerError, Multipliers | None, "what a function of glideslope.layers gives", multipliers=multipliers)
    layers = multipliers.layers if multipliers is not None else _alike(model)
    unknown = {weights.name for layer in layers for weights in layer.parameters} ^ {
        weights.name for weights in parameters(model)
    }
    if unknown:
        raise LayerError(f"the multipliers aren't of this model: {', '.join(sorted(unknown)[:5])} is in one only")
    param_groups: list[dict[str, Any]] = []
    for place, layer in enumerate(layers):
        for decayed in (True, False):
            weights = [p for p in layer.parameters if (len(p.shape) > 1 or not weight_decay) == decayed]
            if not weights:
                continue
            group = {
                "params": [tensors[p.name] for p in weights], "lr": lr * layer.multiplier,
                "weight_decay": weight_decay if decayed else 0.0, "name": layer.name, "layer": place,
            }  # fmt: skip
            same = [g for g in param_groups if (g["lr"], g["weight_decay"]) == (group["lr"], group["weight_decay"])]
            if merge and same:
                same[0]["params"] += group["params"]
            else:
                param_groups.append(group)
    return param_groups


@torch.no_grad()
def rescale(model: torch.nn.Module, multipliers: Multipliers) -> None:
    """Multiplies the initial weights of a model, once, by what `gs.layers.by_width` says for them.

    >>> import torch, glideslope as gs
    >>> narrow, wide = torch.nn.Linear(4, 2, bias=False), torch.nn.Linear(16, 2, bias=False)
    >>> torch.nn.init.ones_(wide.weight)[0, 0].item()
    1.0
    >>> gs.torch.rescale(wide, gs.layers.by_width(narrow, wide))
    >>> wide.weight[0, 0].item()
    0.5
    """
    check_kind(LayerError, Multipliers, "what a function of glideslope.layers gives", multipliers=multipliers)
    tensors = dict(checked_model(model).named_parameters())
    if unknown := multipliers.by_parameter.keys() - tensors.keys():
        raise LayerError(f"the multipliers aren't of this model: it has no {', '.join(sorted(unknown)[:5])}")
    for layer in multipliers.layers:
        for parameter in layer.parameters:
            tensors[parameter.name].mul_(layer.initial)


def _alike(model: torch.nn.Module) -> list[Layer]:
    owned: dict[str, list[Parameter]] = {}
    for parameter in parameters(model):
        owned.setdefault(parameter.layer, []).append(parameter)
    return [Layer(name, tuple(parts), 1.0) for name, parts in owned.items()]
