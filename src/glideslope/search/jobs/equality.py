"""Equality of results that hold arrays and NaN."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np


def equal(one: Any, other: Any) -> bool:
    """Whether two results are the same: of one type, their fields equal, arrays by value, NaN equal to NaN.

    >>> equal([np.array([1.0, np.nan])], [np.array([1.0, np.nan])])
    True
    """
    if one is other:
        return True
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return type(one) is type(other) and bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (one != one and other != other)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(equal, one, other))
    if type(one).__module__.startswith("glideslope.search") and hasattr(one, "__dataclass_fields__"):
        names = [field.name for field in fields(one) if field.compare]
        return type(one) is type(other) and all(equal(getattr(one, name), getattr(other, name)) for name in names)
    return bool(one == other)
