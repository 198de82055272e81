"""The order in which a forward pass uses the parameters of a model."""

from __future__ import annotations

from typing import Any

from glideslope.errors import LayerError
from glideslope.layers.parameters import leaves

_PASSED_ON = {"convert_element_type", "reshape", "transpose", "broadcast_in_dim", "squeeze", "copy", "stop_gradient"}
"""What JAX does to a parameter without using it yet: a model may cast all of them before its first layer."""
_SCALED = {"mul", "div", "neg"}
"""The same, by a number."""

_LOOKS = {"__get__", "size", "dim", "ndimension", "numel", "is_floating_point", "is_complex", "stride", "__len__"}
"""What torch is asked of a parameter that isn't a use of it."""


def order_of_use(model: Any, example_input: Any) -> dict[str, int]:
    """When each parameter is first used, by its name; a parameter that isn't used isn't there.

    Args:
        model: a torch module, or a Keras model; for JAX the pair of the function (params, input) -> output and params.
        example_input: an input, a tuple of several, or for torch a dictionary of them by name.

    Raises:
        LayerError: it is none of these.
    """
    inputs = example_input if isinstance(example_input, tuple) else (example_input,)
    if hasattr(model, "trainable_variables"):  # a Keras model on torch is a torch module as well
        return _in_keras(model, inputs)
    if hasattr(model, "named_parameters"):
        return _in_torch(model, inputs)
    if isinstance(model, tuple) and len(model) == 2 and callable(model[0]):
        return _in_jax(*model, inputs)
    raise LayerError(f"a {type(model).__name__}: give a torch module, a Keras model, or (apply, params) for JAX")


def _in_torch(model: Any, inputs: tuple[Any, ...]) -> dict[str, int]:
    import torch
    from torch.overrides import TorchFunctionMode

    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found: dict[str, int] = {}

    class Watching(TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            name = getattr(function, "__name__", "")
            if name not in _LOOKS and not name.startswith("new_") and not name.endswith("_like"):
                given = args[:1] if name in ("to", "type_as") else (args, kwargs or {})
                for item in _tensors(given):
                    if id(item) in names:
                        found.setdefault(names[id(item)], len(found))
            return function(*args, **(kwargs or {}))

    training = {module for module in model.modules() if module.training}
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    try:
        # In evaluation mode no statistics move; with gradients no layer takes a shortcut through all of its weights.
        model.eval()
        with torch.random.fork_rng(devices), torch.enable_grad(), Watching():
            model(**inputs[0]) if isinstance(inputs[0], dict) else model(*inputs)
    finally:
        for module in model.modules():
            module.training = module in training
    return found


def _tensors(value: Any) -> Any:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
    else:
        yield value


def _in_keras(model: Any, inputs: tuple[Any, ...]) -> dict[str, int]:
    import keras

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


def _in_jax(apply: Any, params: Any, inputs: tuple[Any, ...]) -> dict[str, int]:
    import jax

    traced = jax.make_jaxpr(apply)(params, *inputs).jaxpr
    names = [name for name, _ in leaves(params)]
    found: dict[str, int] = {}
    _read(traced, dict(zip(traced.invars, names, strict=False)), found)
    return found


def _read(traced: Any, names: dict[Any, str], found: dict[str, int]) -> None:
    """Follows parameters through a traced function: `names` has those of its variables that are parameters."""
    for equation in traced.eqns:
        given = [None if hasattr(variable, "val") else names.get(variable) for variable in equation.invars]
        inner = next((value for key, value in equation.params.items() if "jaxpr" in key), None)
        inner = getattr(inner, "jaxpr", inner)
        branches = equation.params.get("branches", ())
        scaled = (
            equation.primitive.name in _SCALED and sum(getattr(v.aval, "shape", ()) != () for v in equation.invars) == 1
        )
        if (equation.primitive.name in _PASSED_ON and given[0]) or (scaled and any(given)):
            names[equation.outvars[0]] = next(filter(None, given))
        elif branches:
            for branch in branches:
                pairs = zip(branch.jaxpr.invars, given[1:], strict=True)
                _read(branch.jaxpr, {variable: name for variable, name in pairs if name}, found)
        elif inner is not None and len(getattr(inner, "invars", ())) == len(equation.invars):
            known = {variable: name for variable, name in zip(inner.invars, given, strict=True) if name}
            _read(inner, known, found)
            for variable, result in zip(equation.outvars, inner.outvars, strict=False):
                if not hasattr(result, "val") and result in known:
                    names[variable] = known[result]
        else:
            for name in filter(None, given):
                found.setdefault(name, len(found))
