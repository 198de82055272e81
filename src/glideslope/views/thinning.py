"""Curves of very many updates, thinned for drawing: no peak and no dip of them is lost."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

PIECES = 400
"""The stretches of updates of which a thinned curve has two numbers each."""
WHOLE = 2 * PIECES
"""The most updates that are drawn one by one."""
_SPREAD = 150
"""The part of a run over which its losses are averaged, as a divisor, where that is more than ten updates."""


def places(updates: int) -> np.ndarray:
    """The update counts at which curves of up to so many updates are drawn together, rising, shape (m,)."""
    if updates <= WHOLE:
        return np.arange(1, updates + 1)
    return np.asarray(1 + np.rint((np.arange(WHOLE) + 0.5) / WHOLE * (updates - 1)).astype(int))


def thinned(values: np.ndarray, updates: int) -> np.ndarray:
    """A curve at these places: its values, or of each stretch the least and the largest in the order that they come.

    Args:
        values: of the updates made, shape (n,), n at most `updates`; what isn't finite is left out.
        updates: those of the longest curve that is drawn with it.

    Returns:
        Shape (m,), NaN after the last value.
    """
    finite = np.where(np.isfinite(values), values, np.nan)
    if updates <= WHOLE:
        return np.concatenate([finite, np.full(updates - len(values), np.nan)])
    edges = np.rint(np.linspace(0, updates, PIECES + 1)).astype(int)
    result = np.full(WHOLE, np.nan)
    for i, (begin, end) in enumerate(pairwise(edges.tolist())):
        piece = finite[begin:end]
        if np.isnan(piece).all():
            continue
        ends = sorted([int(np.nanargmin(piece)), int(np.nanargmax(piece))])
        result[2 * i : 2 * i + 2] = piece[ends]
    return result


def smoothed(losses: np.ndarray) -> np.ndarray:
    """m_t/(1 - β^t) with m_t = β·m_{t-1} + (1 - β)·loss_t; infinite from a loss that isn't finite on, shape (n,).

    The weight of the past β is that of ten updates, or of a hundred and fiftieth of a long run.

    >>> smoothed(np.array([1.0, 1.0, np.inf])).tolist()
    [1.0, 1.0, inf]
    """
    from scipy.signal import lfilter

    beta = 1 - 1 / max(10.0, len(losses) / _SPREAD)
    finite = np.isfinite(losses)
    end = len(losses) if finite.all() else int(np.argmin(finite))
    result = np.full(len(losses), np.inf)
    weights = 1 - beta ** np.arange(1, end + 1)
    result[:end] = lfilter([1 - beta], [1, -beta], losses[:end]) / weights if end else losses[:end]
    return result
