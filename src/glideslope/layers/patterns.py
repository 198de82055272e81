"""Multipliers by name."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from glideslope.documents import shown
from glideslope.errors import LayerError
from glideslope.layers.multipliers import Multipliers, check_multiplier, grouped
from glideslope.layers.parameters import Parameter, parameters


def by_name(model: Any, patterns: Mapping[str, float]) -> Multipliers:
    """Multipliers by patterns of names; 0 freezes.

    Args:
        model: a torch module, a Keras model or a pytree.
        patterns: a multiplier by pattern, `{"embed*": 0.1, "head": 10}`, with the shell's `*`, `?` and `[…]`. One
            matches a parameter if it matches its name, or that of anything that it is in; where several do, the last
            counts. Parameters that none matches have 1.

    Raises:
        LayerError: a pattern matches nothing, and what is nearest; or a multiplier isn't a number from 0.

    >>> import torch
    >>> model = torch.nn.ModuleDict({"embedding": torch.nn.Embedding(9, 4), "head": torch.nn.Linear(4, 2)})
    >>> by_name(model, {"embed*": 0.1, "head": 10})
    layer      shape   parameters  multiplier
    embedding  9×4             36         0.1
    head       2×4, 2          10          10
    """
    if not isinstance(patterns, Mapping):
        raise LayerError(f"patterns={shown(patterns)}: give a multiplier for each, {{'embed*': 0.1}}")
    known = parameters(model)
    scopes = {parameter.name: _scopes(parameter) for parameter in known}
    multipliers = dict.fromkeys(scopes, 1.0)
    for pattern, multiplier in patterns.items():
        check_multiplier(pattern, multiplier)
        matching = [name for name, within in scopes.items() if any(fnmatchcase(scope, pattern) for scope in within)]
        if not matching:
            names = {scope for within in scopes.values() for scope in within}
            near = get_close_matches(pattern.strip("*"), sorted(names), 1, cutoff=0.4)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(names)[:8])}"
            raise LayerError(f"the pattern {pattern!r} matches no layer ({hint})")
        multipliers |= dict.fromkeys(matching, float(multiplier))
    return grouped((parameter, multipliers[parameter.name], 1.0) for parameter in known)


def _scopes(parameter: Parameter) -> list[str]:
    """A parameter's name, and the names of all that it is in."""
    separator = "/" if "/" in parameter.name else "."
    parts = parameter.name.split(separator)
    scopes = [separator.join(parts[: i + 1]) for i in range(len(parts))]
    if separator == "/":  # Keras begins a path with the model's name, or not
        scopes += [separator.join(parts[1 : i + 1]) for i in range(1, len(parts))]
    return scopes
