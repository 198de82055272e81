"""A Keras model's variables, and the order in which a forward pass uses them: the adapter for `glideslope.layers`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras

from glideslope.errors import LayerError
from glideslope.frameworks.replaced import replaced
from glideslope.layers.parameters import Parameter, in_columns


def parameters(model: Any) -> list[Parameter]:
    """The variables of a model by their paths. Raises a LayerError if two variables have the same path."""
    paths = [variable.path for variable in model.trainable_variables]
    if twice := sorted({path for path in paths if paths.count(path) > 1}):
        raise LayerError(f"two variables are called {twice[0]}: give the layers names of their own")
    kinds = {
        id(variable): type(layer).__name__
        for layer in model._flatten_layers()
        for variable in layer._trainable_variables
    }
    trained = []
    for variable in model.trainable_variables:
        parameter = in_columns(variable.path, tuple(variable.shape), "/")
        if "Transpose" in kinds.get(id(variable), "") and parameter.fans is not None:
            parameter = replace(parameter, fans=parameter.fans[::-1])
        trained.append(parameter)
    return trained


def order_of_use(model: Any, inputs: tuple[Any, ...]) -> dict[str, int]:
    """When each variable is first used, by its path: see `glideslope.layers.adapters`."""
    first: dict[str, int] = {}
    called: list[tuple[Any, int]] = []
    call = keras.layers.Layer.__call__

    def watching(layer: Any, *args: Any, **kwargs: Any) -> Any:
        called.append((layer, len(first) + len(called)))
        inner = {id(variable) for part in layer._layers for variable in part.trainable_variables}
        for variable in layer.trainable_variables:
            if id(variable) not in inner:
                first.setdefault(variable.path, called[-1][1])
        return call(layer, *args, **kwargs)

    with replaced(keras.layers.Layer, __call__=watching):
        model(inputs[0] if len(inputs) == 1 else list(inputs), training=False)
    # A recurrent layer uses its cell without calling it: what isn't called itself is used with what it is in.
    for layer, place in sorted(called, key=lambda entry: (len(entry[0].trainable_variables), entry[1])):
        if layer is not model:
            for variable in layer.trainable_variables:
                first.setdefault(variable.path, place)
    return first
