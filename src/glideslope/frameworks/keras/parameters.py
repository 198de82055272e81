"""The trained variables of a Keras model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from glideslope.errors import LayerError
from glideslope.layers.parameters import Parameter, in_columns


def parameters(model: Any) -> list[Parameter]:
    """Each by its path.

    Raises:
        LayerError: two have the same.
    """
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
