"""What a framework says of its models; each registers an adapter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glideslope.errors import LayerError

if TYPE_CHECKING:
    from glideslope.layers.parameters import Parameter


@dataclass(frozen=True)
class Adapter:
    """A framework's models.

    Attributes:
        is_model: whether a value is one.
        parameters: the trained parameters of one.
        order_of_use: (model, inputs) -> when a forward pass first uses each parameter, by its name; one that isn't used
            isn't there.
    """

    is_model: Callable[[Any], bool]
    parameters: Callable[[Any], list[Parameter]]
    order_of_use: Callable[[Any, tuple[Any, ...]], dict[str, int]]


ADAPTERS: list[Adapter] = []
"""Those of all frameworks; the first whose model a value is takes it."""


def adapter_of(model: Any) -> Adapter:
    """The adapter for a model.

    Raises:
        LayerError: it is of no framework.
    """
    adapter = next((adapter for adapter in ADAPTERS if adapter.is_model(model)), None)
    if adapter is None:
        raise LayerError(f"a {type(model).__name__}: give a torch module, a Keras model, or a pytree of arrays")
    return adapter
