"""The adapters of all frameworks for `glideslope.layers`; a framework is loaded when its adapter is asked."""

from __future__ import annotations

from typing import Any

from glideslope.errors import LayerError
from glideslope.layers.adapters import ADAPTERS, Adapter
from glideslope.layers.parameters import Parameter, in_columns


def _keras_parameters(model: Any) -> list[Parameter]:
    from glideslope.frameworks.keras.parameters import parameters

    return parameters(model)


def _keras_order(model: Any, inputs: tuple[Any, ...]) -> dict[str, int]:
    from glideslope.frameworks.keras.order import order_of_use

    return order_of_use(model, inputs)


def _torch_parameters(model: Any) -> list[Parameter]:
    from glideslope.frameworks.torch.parameters import parameters

    return parameters(model)


def _torch_order(model: Any, inputs: tuple[Any, ...]) -> dict[str, int]:
    from glideslope.frameworks.torch.order import order_of_use

    return order_of_use(model, inputs)


def _jax_parameters(tree: Any) -> list[Parameter]:
    try:
        from glideslope.frameworks.jax.leaves import leaves
    except ModuleNotFoundError as error:
        raise LayerError(
            f"a {type(tree).__name__} would be a pytree, which needs {error.name}: give a torch module or a Keras "
            'model, or pip install "glideslope[jax]"'
        ) from None
    return [in_columns(name, tuple(leaf.shape), ".") for name, leaf in leaves(tree) if hasattr(leaf, "shape")]


def _jax_order(model: Any, inputs: tuple[Any, ...]) -> dict[str, int]:
    if not (isinstance(model, tuple) and len(model) == 2 and callable(model[0])):
        raise LayerError(f"a {type(model).__name__}: give a torch module, a Keras model, or (apply, params) for JAX")
    from glideslope.frameworks.jax.order import order_of_use

    return order_of_use(model, inputs)


ADAPTERS += [
    Adapter(lambda model: hasattr(model, "trainable_variables"), _keras_parameters, _keras_order),  # on torch, a module
    Adapter(lambda model: hasattr(model, "named_parameters"), _torch_parameters, _torch_order),
    Adapter(lambda model: True, _jax_parameters, _jax_order),  # any pytree
]
