"""Numbers as they come: a NumPy scalar or an array of no dimensions is the Python number that it holds."""

from __future__ import annotations

import math
from typing import Any


def is_finite(value: float) -> bool:
    """Whether a number is finite as a float: a Python integer may be too large for one.

    >>> is_finite(1), is_finite(10**400), is_finite(float("nan"))
    (True, False, False)
    """
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def plain(value: Any) -> Any:
    """A NumPy number, or a NumPy, torch or JAX array of no dimensions, as a Python number; anything else as it is.

    >>> import numpy as np
    >>> plain(np.int64(100)), plain(np.array(0.5)), plain("5%")
    (100, 0.5, '5%')
    """
    if type(value) in (float, int, str):
        return value
    return value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value
