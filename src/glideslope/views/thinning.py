"""Curves of very many updates, thinned for drawing: no peak and no dip of them is lost."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

PIECES = 500  # the stretches of updates of which a thinned curve has two numbers each
WHOLE = 2 * PIECES  # the most updates that are drawn one by one
_SPREAD = 75  # the part of a run over which its losses are averaged, as a divisor, where that is more than ten updates


def places(updates: int) -> np.ndarray:
    """The update counts at which curves of up to so many updates are drawn together, rising, shape (m,)."""
    if updates <= WHOLE:
        return np.arange(1, updates + 1)
    width = _width(updates)
    begins = np.arange(0, updates, width)
    pairs = np.stack([begins + 1, np.minimum(begins + width, updates)], axis=1)
    return np.unique(pairs)  # the last stretch may be of one update


def thinned(values: np.ndarray, updates: int) -> np.ndarray:
    """A curve at these places, shape (m,): its values, or of each stretch the least and the largest in the order that
    they come; NaN after the last. It is of the updates made, shape (n,), n at most `updates`, those of the longest
    curve drawn with it; what isn't finite is left out."""
    width = _width(updates) if updates > WHOLE else 1
    padded = np.full(-(-updates // width) * width, np.nan)
    padded[: len(values)] = np.where(np.isfinite(values), values, np.nan)
    if width == 1:
        return padded
    pieces = padded.reshape(-1, width)
    gone = np.isnan(pieces)
    least = np.where(gone, np.inf, pieces).argmin(axis=1)
    largest = np.where(gone, -np.inf, pieces).argmax(axis=1)
    ends = np.sort(np.stack([least, largest], axis=1), axis=1)
    return np.take_along_axis(pieces, ends, axis=1).ravel()[: len(places(updates))]


def _width(updates: int) -> int:
    """The updates of a stretch."""
    return -(-updates // PIECES)


def smoothed(losses: np.ndarray) -> np.ndarray:
    """m_t/(1 - β^t) with m_t = β·m_{t-1} + (1 - β)·loss_t; infinite from a loss that isn't finite on, shape (n,).

    The weight of the past β is that of ten updates, or of a seventy-fifth of a long run.

    >>> smoothed(np.array([1.0, 1.0, np.inf])).tolist()
    [1.0, 1.0, inf]
    """
    beta = 1 - 1 / max(10.0, len(losses) / _SPREAD)
    finite = np.isfinite(losses)
    end = len(losses) if finite.all() else int(np.argmin(finite))
    result = np.full(len(losses), np.inf)
    averages = accumulate(losses[:end].tolist(), lambda average, loss: beta * average + (1 - beta) * loss, initial=0.0)
    result[:end] = np.array(list(averages)[1:]) / (1 - beta ** np.arange(1, end + 1))
    return result
