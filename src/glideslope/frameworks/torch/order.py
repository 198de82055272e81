"""The order in which a forward pass of a torch module uses its parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_LOOKS = {"__get__", "size", "dim", "ndimension", "numel", "is_floating_point", "is_complex", "stride", "__len__"}
"""What torch is asked of a parameter that isn't a use of it."""


def order_of_use(model: torch.nn.Module, inputs: tuple[Any, ...]) -> dict[str, int]:
    """When each parameter is first used, by its name: see `glideslope.layers.adapters`."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found: dict[str, int] = {}

    class Watching(TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            name = getattr(function, "__name__", "")
            if name not in _LOOKS and not name.startswith("new_") and not name.endswith("_like"):
                given = args[:1] if name in ("to", "type_as") else (args, kwargs or {})
                for item in _tensors(given):
                    if id(item) in names:
                        found.setdefault(names[id(item)], len(found))
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
    return found


def _tensors(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
    else:
        yield value
