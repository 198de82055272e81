"""Numbers that a user gives or a job returns: Python's, NumPy's, arrays and tensors of one element."""

from __future__ import annotations

import operator
from typing import Any

from glideslope.errors import SearchError


def number(value: Any) -> float:
    """A loss or a metric as a float.

    Raises:
        TypeError: it is no number.
    """
    if value is None or isinstance(value, str | bytes):
        raise TypeError(f"it gave {value!r}, and must give a number")
    return float(value)


def whole(name: str, value: Any) -> int:
    """A whole number as an int.

    Raises:
        SearchError: it isn't one.

    >>> import numpy as np
    >>> whole("steps", np.int64(100)), whole("steps", 100.0)
    (100, 100)
    """
    try:
        return operator.index(value)
    except TypeError:
        pass
    try:
        if not isinstance(value, str | bytes) and float(value) == int(value):
            return int(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise SearchError(f"{name}={value!r}: give a whole number")
