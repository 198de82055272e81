"""The order in which a forward pass of a Keras model uses its variables."""

from __future__ import annotations

from typing import Any

import keras


def order_of_use(model: Any, inputs: tuple[Any, ...]) -> dict[str, int]:
    """When each variable is first used, by its path: see `glideslope.layers.adapters`."""
    found: dict[str, int] = {}
    called: list[tuple[Any, int]] = []
    call = keras.layers.Layer.__call__

    def watching(layer: Any, *args: Any, **kwargs: Any) -> Any:
        called.append((layer, len(found) + len(called)))
        inner = {id(own) for part in layer._layers for own in part.trainable_variables}
        for variable in layer.trainable_variables:
            if id(variable) not in inner:
                found.setdefault(variable.path, called[-1][1])
        return call(layer, *args, **kwargs)

    keras.layers.Layer.__call__ = watching
    try:
        model(inputs[0] if len(inputs) == 1 else list(inputs), training=False)
    finally:
        keras.layers.Layer.__call__ = call
    # A recurrent layer uses its cell without calling it: what isn't called itself is used with what it is in.
    for layer, place in sorted(called, key=lambda entry: (len(entry[0].trainable_variables), entry[1])):
        if layer is not model:
            for variable in layer.trainable_variables:
                found.setdefault(variable.path, place)
    return found
