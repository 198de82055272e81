"""The trained parameters of a torch module."""

from __future__ import annotations

import re

import torch

from glideslope.layers.parameters import Fans, Parameter

_POSITION = re.compile("pos|embed|token")


def parameters(model: torch.nn.Module) -> list[Parameter]:
    """Each with its owner's name as the layer."""
    owners, trained = dict(model.named_modules()), []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            layer, _, leaf = name.rpartition(".")
            fans = _fans(owners[layer], leaf, parameter.dim())
            trained.append(Parameter(name, layer or name, tuple(parameter.shape), fans))
    return trained


def _fans(owner: torch.nn.Module, name: str, rank: int) -> Fans | None:
    """Torch has what goes out first, but for transposed convolutions and transformers' Conv1D."""
    kind = type(owner).__name__
    if rank < 2 or "bias" in name:
        return None
    if "Embedding" in kind and name == "weight":
        return (), (1,)
    if next(owner.children(), None) is not None and _POSITION.search(name):
        return (), (rank - 1,)
    return ((0,), (1,)) if "ConvTranspose" in kind or kind == "Conv1D" else ((1,), (0,))
