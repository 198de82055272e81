"""A rate for each layer in Keras."""

from __future__ import annotations

from typing import Any

import keras

from glideslope.documents import check_kind
from glideslope.errors import LayerError
from glideslope.layers import Multipliers

_DECAYS = ("weight_decay", "adam_weight_decay")  # Muon has one for its matrices, and one for what Adam trains


def layerwise(optimizer: keras.optimizers.Optimizer, multipliers: Multipliers) -> keras.optimizers.Optimizer:
    """Makes an optimizer multiply its rate, and its decoupled weight decay, for each layer.

    The change isn't saved with the optimizer: after loading a model, call this again.

    Args:
        optimizer: the optimizer.
        multipliers: made with the model, after it was built.

    Returns:
        The same optimizer.

    Raises:
        LayerError: `layerwise` has changed the optimizer before; or, at the first update, a variable has no multiplier.

    >>> import keras, glideslope as gs
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(1, name="head")])
    >>> multipliers = gs.layers.by_name(model, {"head": 10})
    >>> model.compile(gs.keras.layerwise(keras.optimizers.SGD(0.01), multipliers), loss="mse")
    """
    check_kind(LayerError, keras.optimizers.Optimizer, "a Keras optimizer", optimizer=optimizer)
    check_kind(LayerError, Multipliers, "what a function of glideslope.layers gives", multipliers=multipliers)
    whole, optimizer = optimizer, getattr(optimizer, "inner_optimizer", optimizer)  # of one that scales the loss
    if hasattr(optimizer, "_rate_multipliers"):
        raise LayerError("this optimizer has a rate for each layer already: multiply the multipliers, or make another")
    by_path = multipliers.by_parameter
    optimizer._rate_multipliers = by_path
    update_step, decay = optimizer.update_step, optimizer._apply_weight_decay

    def of(variable: Any) -> float:
        if variable.path not in by_path:
            raise LayerError(
                f"no multiplier for {variable.path}: make the multipliers with this model, once it is built"
            )
        return by_path[variable.path]

    def one(gradient: Any, variable: Any, learning_rate: Any) -> None:
        update_step(gradient, variable, learning_rate * of(variable))

    def decayed(variables: list[Any]) -> None:
        decays = {name: value for name in _DECAYS if (value := getattr(optimizer, name, None)) is not None}
        try:
            for multiplier, places in _by_multiplier(variables, of).items():
                vars(optimizer).update({name: value * multiplier for name, value in decays.items()})
                decay([variables[i] for i in places])
        finally:
            vars(optimizer).update(decays)

    optimizer.update_step, optimizer._apply_weight_decay = one, decayed
    parallel = getattr(optimizer, "_parallel_update_step", None)  # on torch, all variables at once
    if parallel is not None:

        def together(gradients: list[Any], variables: list[Any], learning_rate: Any) -> None:
            product: Any = getattr(optimizer, "_u_product", None)  # Nadam's, once for each update
            before = None if product is None else keras.ops.copy(product)
            for multiplier, places in _by_multiplier(variables, of).items():
                if before is not None:
                    product.assign(before)
                parallel([gradients[i] for i in places], [variables[i] for i in places], learning_rate * multiplier)

        optimizer._parallel_update_step = together
    return whole


def _by_multiplier(variables: list[Any], of: Any) -> dict[float, list[int]]:
    """The places of the variables, by their multiplier."""
    places: dict[float, list[int]] = {}
    for i, variable in enumerate(variables):
        places.setdefault(of(variable), []).append(i)
    return places
