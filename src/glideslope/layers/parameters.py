"""The parameters of a model by name, whatever framework it is of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from glideslope.errors import LayerError
from glideslope.layers.adapters import adapter_of

Fans = tuple[tuple[int, ...], tuple[int, ...]]

_LOOKED_UP = ("embedding", "embeddings", "table")
_HEADS_OUT, _HEADS_IN = ("query", "key", "value"), ("attention_output", "out")


@dataclass(frozen=True)
class Parameter:
    """A parameter of a model."""

    name: str  #: `blocks.0.norm.weight` in torch, the path in a pytree joined by dots, a variable's path in Keras
    layer: str  #: the name of the module that owns it, its own name without the last part
    shape: tuple[int, ...]  #: its shape
    #: Of a matrix, or a convolution's kernel, the places in its shape of what comes in and what goes out; None for a
    #: vector. A table that is looked up in has only what goes out.
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
        LayerError: it is another type, or has no parameters.

    >>> import numpy as np
    >>> [p.name for p in parameters({"embed": {"table": np.ones((5, 2))}, "head": {"kernel": np.ones((2, 3))}})]
    ['embed.table', 'head.kernel']
    """
    trained = adapter_of(model).parameters(model)
    if not trained:
        raise LayerError(
            f"a {type(model).__name__} without parameters: give a torch module, a Keras model that was built, "
            "or a pytree of arrays"
        )
    return trained


def in_columns(name: str, shape: tuple[int, ...], separator: str) -> Parameter:
    """A parameter where what comes in is the last axis but one, and what goes out the last; several, with heads."""
    layer, _, leaf = name.rpartition(separator)
    rank, owner = len(shape), layer.rpartition(separator)[2]
    fans: Fans | None = ((rank - 2,), (rank - 1,))
    if rank < 2 or "bias" in leaf:
        fans = None
    elif leaf in _LOOKED_UP:
        fans = (), (rank - 1,)
    elif leaf == "depthwise_kernel":
        fans = (), (rank - 2,)
    elif rank == 3 and owner in _HEADS_OUT:
        fans = (0,), (1, 2)
    elif rank == 3 and owner in _HEADS_IN:
        fans = (0, 1), (2,)
    return Parameter(name, layer or name, shape, fans)
