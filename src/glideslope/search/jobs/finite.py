"""A check that the arrays in a job's state are finite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from array_api_compat import array_namespace, is_array_api_obj


def not_finite(state: Any) -> frozenset[str]:
    """The places in nested containers where an array has a number that isn't finite.

    >>> import numpy as np
    >>> sorted(not_finite({"weights": [np.ones(2), np.array([np.nan])], "best": np.inf}))
    ['.weights.1']
    """
    return frozenset(place for place, array in _arrays(state, "") if not _is_finite(array))


def _arrays(state: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(state, dict | list | tuple):
        for key, value in state.items() if isinstance(state, dict) else enumerate(state):
            if not isinstance(value, int | float | str | bytes):
                yield from _arrays(value, f"{place}.{key}")
    elif is_array_api_obj(state):
        yield place, state


def _is_finite(array: Any) -> bool:
    try:
        xp = array_namespace(array)
        if not xp.isdtype(array.dtype, ("real floating", "complex floating")):
            return True
        return bool(xp.all(xp.isfinite(array)))
    except (TypeError, ValueError, RuntimeError, AttributeError):  # a type of numbers that has no such question
        return True
