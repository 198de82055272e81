"""The order in which a forward pass uses the parameters of a model."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from glideslope.errors import LayerError


def order_of_use(model: Any, example_input: Any) -> dict[str, int]:
    """When each parameter is first used, by its name; a parameter that isn't used isn't there.

    Args:
        model: a torch module, or a Keras model; for JAX the pair of the function (params, input) -> output and params.
        example_input: an input, a tuple of several, or for torch a dictionary of them by name.

    Raises:
        LayerError: it is none of these.
    """
    if hasattr(model, "trainable_variables"):  # a Keras model on torch is a torch module as well
        framework = "keras"
    elif hasattr(model, "named_parameters"):
        framework = "torch"
    elif isinstance(model, tuple) and len(model) == 2 and callable(model[0]):
        framework = "jax"
    else:
        raise LayerError(f"a {type(model).__name__}: give a torch module, a Keras model, or (apply, params) for JAX")
    inputs = example_input if isinstance(example_input, tuple) else (example_input,)
    watching: Any = import_module(f"glideslope.frameworks.{framework}.order")  # by name: that floor is above this one
    return dict(watching.order_of_use(model, inputs))
