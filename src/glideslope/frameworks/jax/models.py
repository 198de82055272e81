"""The leaves of a pytree, and the order in which a JAX function uses them: the adapter for `glideslope.layers`."""

from __future__ import annotations

from typing import Any

import jax
from jax.tree_util import tree_flatten_with_path

from glideslope.errors import LayerError
from glideslope.layers.parameters import Parameter, in_columns

_PASSED_ON = {"convert_element_type", "reshape", "transpose", "broadcast_in_dim", "squeeze", "copy", "stop_gradient"}
"""Operations on a parameter that aren't its use: a model may cast all parameters before its first layer."""
_SCALED = {"mul", "div", "neg"}  # the same, by a number


def parameters(tree: Any) -> list[Parameter]:
    """The arrays of a pytree, by their paths."""
    return [in_columns(name, tuple(leaf.shape), ".") for name, leaf in leaves(tree) if hasattr(leaf, "shape")]


def leaves(tree: Any) -> list[tuple[str, Any]]:
    """Each leaf with its path, joined by dots, in JAX's order.

    >>> leaves({"head": {"w": 1}, "body": [2, 3]})
    [('body.0', 2), ('body.1', 3), ('head.w', 1)]
    """
    return [(".".join(map(_key, path)), leaf) for path, leaf in tree_flatten_with_path(tree)[0]]


def _key(entry: Any) -> str:
    for attribute in ("key", "idx", "name"):
        if hasattr(entry, attribute):
            return str(getattr(entry, attribute))
    return str(entry)


def order_of_use(model: Any, inputs: tuple[Any, ...]) -> dict[str, int]:
    """When each leaf is first used, by its path, for (apply, params): see `glideslope.layers.adapters`."""
    if not (isinstance(model, tuple) and len(model) == 2 and callable(model[0])):
        raise LayerError(f"a {type(model).__name__}: give a torch module, a Keras model, or (apply, params) for JAX")
    apply, params = model
    traced = jax.make_jaxpr(apply)(params, *inputs).jaxpr
    names = [name for name, _ in leaves(params)]
    first: dict[str, int] = {}
    _read(traced, dict(zip(traced.invars, names, strict=False)), first)
    return first


def _read(traced: Any, names: dict[Any, str], first: dict[str, int]) -> None:
    """Follows parameters through a traced function: `names` has those of its variables that are parameters."""
    for equation in traced.eqns:
        inputs = [None if hasattr(variable, "val") else names.get(variable) for variable in equation.invars]
        inner = next((value for key, value in equation.params.items() if "jaxpr" in key), None)
        inner = getattr(inner, "jaxpr", inner)
        branches = equation.params.get("branches", ())
        arrays = sum(getattr(variable.aval, "shape", ()) != () for variable in equation.invars)
        scaled = equation.primitive.name in _SCALED and arrays == 1
        if (equation.primitive.name in _PASSED_ON and inputs[0]) or (scaled and any(inputs)):
            names[equation.outvars[0]] = next(filter(None, inputs))
        elif branches:
            for branch in branches:
                pairs = zip(branch.jaxpr.invars, inputs[1:], strict=True)
                _read(branch.jaxpr, {variable: name for variable, name in pairs if name}, first)
        elif inner is not None and len(getattr(inner, "invars", ())) == len(equation.invars):
            known = {variable: name for variable, name in zip(inner.invars, inputs, strict=True) if name}
            _read(inner, known, first)
            for variable, result in zip(equation.outvars, inner.outvars, strict=False):
                if not hasattr(result, "val") and result in known:
                    names[variable] = known[result]
        else:
            for name in filter(None, inputs):
                first.setdefault(name, len(first))
