"""The models of the frameworks: their parameters, and the order of their use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from glideslope.errors import LayerError

if TYPE_CHECKING:
    from glideslope.layers.parameters import Parameter


class Adapter(Protocol):
    """A module for the models of one framework."""

    def parameters(self, model: Any) -> list[Parameter]:
        """The trained parameters of a model."""

    def order_of_use(self, model: Any, inputs: tuple[Any, ...]) -> dict[str, int]:
        """When a forward pass first uses each parameter, by its name; one that isn't used isn't there."""


ADAPTERS: list[tuple[Callable[[Any], bool], Callable[[], Any]]] = []
"""Whether a value is a model of a framework, and what loads its adapter; the floor of the frameworks adds them."""


def adapter_of(model: Any) -> Adapter:
    """The adapter for a model. Raises a LayerError if its framework isn't installed."""
    load = next(load for is_model, load in ADAPTERS if is_model(model))
    try:
        adapter: Adapter = load()
    except ModuleNotFoundError as error:
        raise LayerError(
            f"a {type(model).__name__} would be a pytree, which needs {error.name}: give a torch module or a Keras "
            'model, or pip install "glideslope[jax]"'
        ) from None
    return adapter
