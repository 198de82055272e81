"""Estimates of a validation loss: how many examples they measure, and which."""

from __future__ import annotations

import math

_FEWEST = 512  # examples in an estimate


def fewest(examples: float) -> int:
    """The examples of an estimate, at least 512: the mean of fewer would rank runs by chance."""
    return max(_FEWEST, math.ceil(examples))


def evenly(wanted: int, size: int) -> list[int]:
    """The places of so many of `size` items, evenly spaced since data may be sorted.

    >>> evenly(3, 12)
    [2, 6, 10]
    """
    return [(2 * i + 1) * size // (2 * wanted) for i in range(wanted)]
