"""Numbers as they come: a NumPy scalar or an array of no dimensions is the Python number that it holds."""

from __future__ import annotations

from typing import Any


def plain(value: Any) -> Any:
    """A NumPy number, or a NumPy, torch or JAX array of no dimensions, as a Python number; anything else as it is.

    >>> import numpy as np
    >>> plain(np.int64(100)), plain(np.array(0.5)), plain("5%")
    (100, 0.5, '5%')
    """
    if type(value) in (float, int, str):
        return value
    return value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value
