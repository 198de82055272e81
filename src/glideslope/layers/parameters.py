"""The parameters of a model by name, whatever framework it is of."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from glideslope.errors import LayerError


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
    fans: tuple[int | None, int] | None

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
        found = [_in_columns(name, tuple(leaf.shape), ".") for name, leaf in leaves(model) if hasattr(leaf, "shape")]
    if not found:
        raise LayerError(
            f"a {type(model).__name__} without parameters: give a torch module, a Keras model that was built, "
            "or a pytree of arrays"
        )
    return found


def leaves(tree: Any) -> list[tuple[str, Any]]:
    """The leaves of a pytree by their paths, joined by dots, in JAX's order."""
    if "jax" in sys.modules:
        from jax.tree_util import tree_flatten_with_path

        return [(".".join(map(_key, path)), leaf) for path, leaf in tree_flatten_with_path(tree)[0]]
    return list(_walked(tree, ""))


def _walked(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict):
        items: Any = sorted(tree.items())
    elif isinstance(tree, list | tuple):
        items = enumerate(tree)
    else:
        yield path, tree
        return
    for key, value in items:
        yield from _walked(value, f"{path}.{key}" if path else str(key))


def _key(entry: Any) -> str:
    for attribute in ("key", "idx", "name"):
        if hasattr(entry, attribute):
            return str(getattr(entry, attribute))
    return str(entry)


def _of_torch(model: Any) -> Iterator[Parameter]:
    owners = dict(model.named_modules())
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        layer, _, own = name.rpartition(".")
        shape = tuple(parameter.shape)
        looked_up = "Embedding" in type(owners[layer]).__name__ and own == "weight"
        fans = None if len(shape) < 2 else (None, 1) if looked_up else (1, 0)
        yield Parameter(name, layer or name, shape, fans)


def _of_keras(model: Any) -> Iterator[Parameter]:
    for variable in model.trainable_variables:
        yield _in_columns(variable.path, tuple(variable.shape), "/")


def _in_columns(name: str, shape: tuple[int, ...], separator: str) -> Parameter:
    """A parameter where what comes in is the last axis but one, and what goes out the last."""
    layer, _, own = name.rpartition(separator)
    looked_up = own in ("embedding", "embeddings", "table")
    rank = len(shape)
    fans = None if rank < 2 else (None, rank - 1) if looked_up else (rank - 2, rank - 1)
    return Parameter(name, layer or name, shape, fans)
