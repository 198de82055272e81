"""The order in which a JAX function uses its parameters."""

from __future__ import annotations

from typing import Any

import jax

from glideslope.frameworks.jax.leaves import leaves

_PASSED_ON = {"convert_element_type", "reshape", "transpose", "broadcast_in_dim", "squeeze", "copy", "stop_gradient"}
"""What JAX does to a parameter without using it yet: a model may cast all of them before its first layer."""
_SCALED = {"mul", "div", "neg"}
"""The same, by a number."""


def order_of_use(model: tuple[Any, Any], inputs: tuple[Any, ...]) -> dict[str, int]:
    """When each leaf is first used, by its path, for (apply, params): see `glideslope.layers.adapters`."""
    apply, params = model
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
        arrays = sum(getattr(variable.aval, "shape", ()) != () for variable in equation.invars)
        scaled = equation.primitive.name in _SCALED and arrays == 1
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
