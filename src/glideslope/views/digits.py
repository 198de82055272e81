"""Numbers of a chart as plain data, with no more digits than are seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

_EXACT = 22  # the largest power of ten that a float holds exactly
_HALF = 1e-6  # how near a half a number of digits before the point is written, to be rounded right: more than its error


def rounded(values: ArrayLike, digits: int) -> list[float | int | None]:
    """Numbers with some significant digits, whole ones as they are; None where one isn't finite.

    >>> rounded([0.1234567, 98765.4321, float("nan"), 0.0], 3), rounded([1234567], 3)
    ([0.123, 98800.0, None, 0.0], [1234567])
    """
    numbers = np.asarray(values)
    if np.issubdtype(numbers.dtype, np.integer):
        return list(numbers.tolist())
    numbers = numbers.astype(float)
    finite = np.isfinite(numbers)
    sizes = np.abs(np.where(finite & (numbers != 0), numbers, 1.0))
    powers = digits - 1 - np.floor(np.log10(sizes)).astype(int)
    scale = 10.0 ** np.minimum(np.abs(powers), _EXACT)
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers whose scale isn't exact, which are written below
        scaled = np.where(powers >= 0, numbers * scale, numbers / scale)
        whole = np.rint(scaled)
        kept = np.where(powers >= 0, whole / scale, whole * scale).tolist()
        # The product is rounded itself: near a half it doesn't say on which side the number lies.
        written = (np.abs(powers) > _EXACT) | (np.abs(np.abs(scaled - whole) - 0.5) < _HALF)
    for i in np.flatnonzero(finite & written).tolist():
        kept[i] = float(f"{numbers[i]:.{digits}g}")
    for i in np.flatnonzero(~finite).tolist():
        kept[i] = None
    return list(kept)
