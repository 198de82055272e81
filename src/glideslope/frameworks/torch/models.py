"""A torch module's parameters, and the order in which a forward pass uses them: the adapter for `glideslope.layers`."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from glideslope.documents import shown
from glideslope.errors import FrameworkError
from glideslope.frameworks.batches import leaves
from glideslope.layers.parameters import Fans, Parameter
from glideslope.warning import warn

_LOOKS = {"__get__", "size", "dim", "ndimension", "numel", "is_floating_point", "is_complex", "stride", "__len__"}
"""Functions of torch on a parameter that aren't its use."""
_POSITION = re.compile("pos|embed|token")


def checked_model(model: torch.nn.Module) -> torch.nn.Module:
    """The model. Raises a FrameworkError if it is none."""
    if isinstance(model, torch.nn.Module):
        return model
    raise FrameworkError(f"model={shown(model, 80)}: give a torch.nn.Module")


def warn_of_evaluation(model: torch.nn.Module) -> None:
    """Warns if a model, whose parts are trained in the mode that they are in, is in evaluation mode as a whole."""
    if not model.training:
        warn(
            "the model is in evaluation mode, as a pretrained one is when it is loaded, and is trained in it, without "
            "dropout: call model.train() first, and then eval() on the parts that are to stay in evaluation mode"
        )


def parameters(model: torch.nn.Module) -> list[Parameter]:
    """Each with its owner's name as the layer."""
    owners, trained = dict(model.named_modules()), []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            layer, _, leaf = name.rpartition(".")
            fans = _fans(owners[layer], leaf, parameter.dim())
            trained.append(Parameter(name, layer or name, tuple(parameter.shape), fans))
    return trained


def order_of_use(model: torch.nn.Module, inputs: tuple[Any, ...]) -> dict[str, int]:
    """When each parameter is first used, by its name: see `glideslope.layers.adapters`."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    first: dict[str, int] = {}

    class Watching(TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            name = getattr(function, "__name__", "")
            if name not in _LOOKS and not name.startswith("new_") and not name.endswith("_like"):
                arguments = args[:1] if name in ("to", "type_as") else (args, kwargs or {})
                for item in leaves(arguments):
                    if id(item) in names:
                        first.setdefault(names[id(item)], len(first))
            return function(*args, **(kwargs or {}))

    training = {module for module in model.modules() if module.training}
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    try:
        # In evaluation mode no statistics move; with gradients no layer takes a shortcut through all of its weights.
        model.eval()
        with torch.random.fork_rng(devices), torch.enable_grad(), Watching():
            model(**inputs[0]) if isinstance(inputs[0], dict) else model(*inputs)
    finally:
        for module in model.modules():
            module.training = module in training
    return first


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
