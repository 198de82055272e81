"""The parameters of a model by name, whatever framework it is of."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from glideslope.errors import LayerError

Fans = tuple[tuple[int, ...], tuple[int, ...]]

_LOOKED_UP = ("embedding", "embeddings", "table")
_POSITION = re.compile("pos|embed|token")
_HEADS_OUT, _HEADS_IN = ("query", "key", "value"), ("attention_output", "out")


@dataclass(frozen=True)
class Parameter:
    """A parameter of a model.

    Attributes:
        name: `blocks.0.norm.weight` in torch, the path in a pytree joined by dots, a variable's path in Keras.
        layer: what owns it: the name without its last part.
        shape: its shape.
        fans: of a matrix, or a convolution's kernel, the places in its shape of what comes in and what goes out; None
            for a vector. A table that is looked up in has only what goes out.
    """

    name: str
    layer: str
    shape: tuple[int, ...]
    fans: Fans | None

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


def parameters(model: Any) -> list[Parameter]:
    """The trained parameters of a model.

    Args:
        model: a torch module, a Keras model, or a pytree of arrays, such as JAX's.

    Raises:
        LayerError: it is none of these, or has no parameters.

    >>> import numpy as np
    >>> [p.name for p in parameters({"embed": {"table": np.ones((5, 2))}, "head": {"kernel": np.ones((2, 3))}})]
    ['embed.table', 'head.kernel']
    """
    if hasattr(model, "trainable_variables"):  # a Keras model on torch is a torch module as well
        found = list(_of_keras(model))
    elif hasattr(model, "named_parameters"):
        found = list(_of_torch(model))
    else:
        found = [_in_columns(name, tuple(leaf.shape), ".") for name, leaf in _leaves(model) if hasattr(leaf, "shape")]
    if not found:
        raise LayerError(
            f"a {type(model).__name__} without parameters: give a torch module, a Keras model that was built, "
            "or a pytree of arrays"
        )
    return found


def _leaves(tree: Any) -> list[tuple[str, Any]]:
    """The leaves of a pytree by their paths, in JAX's order."""
    try:
        jax: Any = import_module("glideslope.frameworks.jax.leaves")  # by name: that floor is above this one
    except ModuleNotFoundError as error:
        raise LayerError(
            f"a {type(tree).__name__} would be a pytree, which needs {error.name}: give a torch module or a Keras "
            'model, or pip install "glideslope[jax]"'
        ) from None
    return list(jax.leaves(tree))


def _of_torch(model: Any) -> Iterator[Parameter]:
    owners = dict(model.named_modules())
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        layer, _, own = name.rpartition(".")
        fans = _fans_in_torch(owners[layer], own, parameter.dim())
        yield Parameter(name, layer or name, tuple(parameter.shape), fans)


def _fans_in_torch(owner: Any, name: str, rank: int) -> Fans | None:
    """Torch has what goes out first, but for transposed convolutions and transformers' Conv1D."""
    kind = type(owner).__name__
    if rank < 2 or "bias" in name:
        return None
    if "Embedding" in kind and name == "weight":
        return (), (1,)
    if next(owner.children(), None) is not None and _POSITION.search(name):
        return (), (rank - 1,)
    return ((0,), (1,)) if "ConvTranspose" in kind or kind == "Conv1D" else ((1,), (0,))


def _of_keras(model: Any) -> Iterator[Parameter]:
    paths = [variable.path for variable in model.trainable_variables]
    twice = sorted({path for path in paths if paths.count(path) > 1})
    if twice:
        raise LayerError(f"two variables are called {twice[0]}: give the layers names of their own")
    kinds = {id(own): type(layer).__name__ for layer in model._flatten_layers() for own in layer._trainable_variables}
    for variable in model.trainable_variables:
        made = _in_columns(variable.path, tuple(variable.shape), "/")
        if "Transpose" in kinds.get(id(variable), "") and made.fans is not None:
            made = replace(made, fans=made.fans[::-1])
        yield made


def _in_columns(name: str, shape: tuple[int, ...], separator: str) -> Parameter:
    """A parameter where what comes in is the last axis but one, and what goes out the last; several, with heads."""
    layer, _, own = name.rpartition(separator)
    rank, owner = len(shape), layer.rpartition(separator)[2]
    fans: Fans | None = ((rank - 2,), (rank - 1,))
    if rank < 2 or "bias" in own:
        fans = None
    elif own in _LOOKED_UP:
        fans = (), (rank - 1,)
    elif own == "depthwise_kernel":
        fans = (), (rank - 2,)
    elif rank == 3 and owner in _HEADS_OUT:
        fans = (0,), (1, 2)
    elif rank == 3 and owner in _HEADS_IN:
        fans = (0, 1), (2,)
    return Parameter(name, layer or name, shape, fans)
