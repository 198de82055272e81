"""Whether a column of numbers is in one unit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_GAP = 80.0
"""Between neighbours by size: from this ratio on, units may be mixed, as thousands with ones of networks of which some
are 12 times as large as others."""
_ALIKE = 1.3
"""The lowest loss of a network that is so much smaller, over that of the larger one, at least: by Hoffmann et al. 2022
it is 2.1 of a million parameters and of 80 million, 1.32 of 100 million and of 8 billion."""
_FAR = 1e4  # between neighbours, from this ratio on, units are mixed, whatever the losses


def mixed(sizes: Sequence[float], losses: Sequence[float]) -> tuple[int, int] | None:
    """The places of two sizes that seem to be in two units: those beside the widest gap, the smaller first. `losses`
    are the lowest of each size, shape (n,).

    Two sizes are in two units where none lies between them, and where the smaller networks reach losses like those of
    the larger ones, which networks so much smaller don't.

    >>> mixed([93e6, 33_000, 53e6], [2.9, 3.1, 3.0]), mixed([200e6, 1e6], [2.3, 5.4])
    ((1, 2), None)
    """
    order = np.argsort(sizes, kind="stable")
    ordered, lowest = np.asarray(sizes, dtype=float)[order], np.asarray(losses, dtype=float)[order]
    ratios = ordered[1:] / ordered[:-1]
    if not len(ratios) or ratios.max() < _GAP:
        return None
    gap = int(np.argmax(ratios)) + 1
    alike = bool(lowest[:gap].min() < _ALIKE * lowest[gap:].min())
    return (int(order[gap - 1]), int(order[gap])) if alike or ratios.max() >= _FAR else None
