"""How far a law is asked beyond the runs that it was fitted on."""

from __future__ import annotations

from collections.abc import Collection

TIMES_THE_LONGEST = 4  # the updates over those of the longest run beyond which a prediction is far from it
_TIMES_THE_PEAKS = 1.5


def far_peak(peak: float, fitted: Collection[float]) -> bool:
    """Whether a peak rate is far below the least of those fitted, or far above the largest.

    >>> far_peak(0.004, [0.001, 0.003]), far_peak(0.005, [0.001, 0.003])
    (False, True)
    """
    return not min(fitted) / _TIMES_THE_PEAKS <= peak <= max(fitted) * _TIMES_THE_PEAKS


def span(values: Collection[float]) -> str:
    """The least and the largest of numbers, to three digits; one where the two read alike.

    >>> span([0.003, 0.001]), span([0.003, 0.00299923])
    ('0.001 to 0.003', '0.003')
    """
    low, high = f"{min(values):.3g}", f"{max(values):.3g}"
    return low if low == high else f"{low} to {high}"
