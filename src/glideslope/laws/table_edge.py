"""Where runs begin to diverge, over size, tokens and batch, from the runs of a table that did."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.linalg import cho_factor, cho_solve

SAME = 0.02  # between logarithms that count as one
_JUMP, _STEEPER, _STEPS = 0.15, 3.0, 2.0
"""How much further the logarithm of a loss rises from one peak to one of up to twice of it where a run blew up: at
least; over the rise before; and over the usual difference of neighbours."""
_STRAY = 3  # larger peaks, all of which ended well, from which on a run was lost by something else than its peak
_TOPS = 3.0
"""Cells left out above those tried over those left out below them, or their difference over its deviation, from which
on the former are taken to have diverged: by chance as many are left out above as below."""
_SLOPES = np.array([[-0.3, 0.3], [0.0, 0.15], [0.3, 0.3]])
"""How the logarithm of the edge goes with those of size, tokens and batch: median and spread."""
_LEVEL, _APART, _LENGTH, _RANDOM = 3.0, 0.3, 1.5, 0.1
"""The spread of the edge's level, how far edges lie from a plane, over which differences of the logarithms this is
alike, and how far single edges lie from that."""
_CAREFUL = 1.0  # deviations of an edge by which a peak that wasn't tried stays below it


def blown_up(at: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Which of the finite losses are so much higher than at the next smaller peak that the run blew up, by their
    logarithms and those of size, tokens, batch and peak, shape (4, n)."""
    ladders = [of[np.lexsort((loss[of], at[3, of]))] for of in rows_alike(at[:3])]
    ladders = [of[np.isfinite(loss[of])] for of in ladders if np.isfinite(loss[of]).any()]
    steps = np.concatenate([[0.0], *(np.abs(np.diff(loss[of])) for of in ladders)])
    usual, blown = float(np.median(steps)), np.zeros(len(loss), dtype=bool)
    for of in ladders:
        peak, lowest, rise = at[3, of[0]], loss[of[0]], 0.0
        for i in of:
            octaves = max((at[3, i] - peak) / math.log(2), 1.0)
            blown[i] = loss[i] - lowest > octaves * (_JUMP + _STEEPER * max(rise, 0.0) + _STEPS * usual)
            if at[3, i] > peak + SAME and not blown[i]:
                peak, lowest, rise = at[3, i], loss[i], (loss[i] - lowest) / octaves
    return blown


def edges_of(at: np.ndarray, ended: np.ndarray) -> tuple[np.ndarray, int]:
    """Of each size, tokens and batch their logarithms, that of the largest peak that ended well below the smallest that
    diverged, and that of the latter, infinite where there is none: shape (n, 5), no rows where nothing diverged; and
    how many runs were lost below larger peaks that all ended well, which is no edge. A peak of which one run diverged
    has diverged, and so has the smallest left out, where cells are left out at the largest peaks alone."""
    groups, edges, stray = rows_alike(at[:3]), [], 0
    for of, left_out in zip(groups, _left_out(at, groups), strict=True):
        peaks = _distinct(at[3, of])
        well = [bool(ended[of[np.abs(at[3, of] - peak) < SAME]].all()) for peak in peaks]
        first = well.index(False) if False in well else len(well)
        if len(well) - first > _STRAY and all(well[first + 1 :]) and math.isinf(left_out):
            stray, first = stray + 1, len(well)
        low, high = [-math.inf, *peaks][first], [*peaks, left_out][first]
        edges.append([*at[:3, of[0]], low, high])
    table = np.array(edges)
    return table[: len(table) * bool(np.isfinite(table[:, 4]).any())], stray


def limits(edges: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The logarithms of the largest safe peaks at sizes, tokens and batches, whose logarithms have shape (3, n);
    infinite where nothing diverged.

    A peak that wasn't tried is safe a deviation below the edge, and below one that diverged at the same size and batch;
    one that ended well below all that diverged is safe."""
    if not len(edges):
        return np.full(at.shape[1], math.inf)
    mean, deviation = _edge(edges, at)
    safe = mean - _CAREFUL * deviation
    same = np.abs(at[:, None] - edges[:, :3].T[:, :, None]) < SAME
    diverged = np.where(same[[0, 2]].all(axis=0), edges[:, 4:], math.inf).min(axis=0)
    tried = np.where(same.all(axis=0), edges[:, 3:4], -math.inf).max(axis=0)
    return np.asarray(np.maximum(np.minimum(safe, diverged - SAME), tried))


def _edge(edges: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the deviation of the edge's logarithm, shape (n,) each."""
    low, high = edges[:, 3:].T
    bounded, between = np.isfinite(high), np.isfinite(low) & np.isfinite(high)
    step = float(np.median((high - low)[between])) if between.any() else math.log(2)
    low = np.where(np.isfinite(low), low, high - step)
    high = np.where(bounded, high, low + step)
    middle, spread, places = (low + high) / 2, (high - low) / math.sqrt(12), edges[:, :3]
    known, center, level = bounded, places.mean(axis=0), middle[bounded].mean()
    for asked in (*[places] * 4, at.T):
        mean, variance = _process(places[known] - center, middle[known] - level, spread[known], asked - center)
        if asked is places:  # an edge without an upper bound counts where it would lie below what ended well
            known = bounded | (mean + level < low)
    return mean + level, np.sqrt(variance + _RANDOM**2)


def _process(places: np.ndarray, values: np.ndarray, spread: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, ...]:
    """The mean and the variance at some places of a plane and what is alike near it, a Gaussian process."""
    slope, wide = _SLOPES.T
    apart = _APART**2 + float(spread.min()) ** 2  # where an edge lies between two peaks is alike of neighbours too

    def alike(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        far = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
        return np.asarray(_LEVEL**2 + (a * wide**2) @ b.T + apart * np.exp(-far / (2 * _LENGTH**2)))

    factor = cho_factor(alike(places, places) + np.diag(spread**2 + _RANDOM**2))
    across = alike(at, places)
    mean = at @ slope + across @ cho_solve(factor, values - places @ slope)
    alone = _LEVEL**2 + at**2 @ wide**2 + apart
    return mean, np.maximum(alone - (across * cho_solve(factor, across.T).T).sum(axis=1), 0.0)


def _left_out(at: np.ndarray, groups: Sequence[np.ndarray]) -> list[float]:
    """Of each group the smallest peak above all of its, where such were left out since they diverged; else infinite.

    The peaks are those of the whole table, or else those of the same size and tokens."""
    for scopes in ([np.arange(at.shape[1])], rows_alike(at[:2])):
        peaks = {row: np.array(_distinct(at[3, scope])) for scope in scopes for row in scope.tolist()}
        tried = [(peaks[of[0]], at[3, of]) for of in groups]
        above = [every[every > own.max() + SAME] for every, own in tried]
        below = [int((every < own.min() - SAME).sum()) for every, own in tried]
        tops = np.array(list(map(len, above)))
        far = (tops - below).sum() >= _TOPS * math.hypot(*(tops - below))
        if tops.any() and (far or tops.sum() >= _TOPS * sum(below)):
            return [float(higher.min(initial=math.inf)) for higher in above]
    return [math.inf] * len(groups)


def rows_alike(at: np.ndarray) -> list[np.ndarray]:
    """The rows of each place, shape (k, n), in logarithms; those within 2% of one another count as one."""
    which = np.unique(np.round(at / SAME).astype(int), axis=1, return_inverse=True)[1].ravel()
    return [np.flatnonzero(which == i) for i in range(int(which.max()) + 1)]


def _distinct(values: np.ndarray) -> list[float]:
    """Some logarithms in order, but for those within 2% of the one before."""
    ordered = np.sort(values)
    kept: list[float] = ordered[np.diff(ordered, prepend=-math.inf) > SAME].tolist()
    return kept
