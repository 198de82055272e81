"""Values that hold arrays: compared and hashed by what they hold, and safe from later changes of it."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import numpy as np

from glideslope.documents import shown
from glideslope.errors import LawError


class ByValue:
    """A frozen dataclass of which two are equal if their fields are, arrays to the last number."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(_content(self) == _content(other))

    def __hash__(self) -> int:
        return hash(_content(self))


def numbers(name: str, values: Any) -> np.ndarray:
    """An array of numbers, or one. Raises a LawError for anything else."""
    try:
        if not np.iscomplexobj(array := np.asarray(values)) and array.dtype.kind not in "bmM":
            return np.asarray(values, dtype=float)
    except (TypeError, ValueError, OverflowError):
        pass
    raise LawError(f"{name}={shown(values, 80)}: give a number, or an array of numbers")


def shared(values: Any) -> np.ndarray:
    """Some numbers that can't be changed: these, where they are such an array already, or a copy."""
    fit = isinstance(values, np.ndarray) and values.dtype == float and values.flags.owndata
    return values if fit and not values.flags.writeable else read_only(values)


def read_only(values: Any) -> np.ndarray:
    """A copy of some numbers that can't be changed."""
    array = np.array(values, dtype=float)
    array.flags.writeable = False
    return array


def _content(value: Any) -> Any:
    """What a value holds, in tuples."""
    if isinstance(value, ByValue):
        return tuple(_content(getattr(value, field.name)) for field in fields(value))  # type: ignore[arg-type]
    if isinstance(value, np.ndarray):
        return value.shape, tuple(map(_content, value.ravel().tolist()))
    if isinstance(value, dict):
        return frozenset((name, _content(entry)) for name, entry in value.items())
    if isinstance(value, tuple | list):
        return tuple(map(_content, value))
    return "nan" if isinstance(value, float) and math.isnan(value) else value
