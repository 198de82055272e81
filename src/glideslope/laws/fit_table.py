"""The best rate and batch over size and tokens, from a table of final losses alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from glideslope.errors import LawError
from glideslope.laws.columns import rows_of
from glideslope.laws.table_edge import SAME, blown_up, edges_of, rows_alike
from glideslope.laws.table_law import APART, NAMES, TableLaw, centered, predicted
from glideslope.laws.units import mixed
from glideslope.plural import plural

PRIORS = {
    "peak": (math.log(1e-3), 3.0), "peak by params": (-0.28, 0.3), "peak by tokens": (0.06, 0.22),
    "peak by batch": (0.4, 0.25), "batch": (0.0, 8.0), "batch by params": (0.0, 0.15), "batch by tokens": (0.5, 0.2),
    "peak width": (math.log(0.01), 1.0), "peak width by params": (0.0, 0.3), "peak width by tokens": (0.0, 0.3),
    "batch width": (math.log(0.004), 1.0), "batch width by params": (0.0, 0.3), "batch width by tokens": (0.0, 0.3),
    "peak skew": (0.4, 0.5), "batch skew": (0.2, 0.4), "E": (math.log(0.56), 0.3), "A": (math.log(0.2), 1.0),
    "B": (math.log(0.2), 1.0), "alpha": (math.log(0.34), 0.3), "beta": (math.log(0.28), 0.3),
}  # fmt: skip
"""Median and spread. The exponents of the peak are means of three: 0, the best carried over; those of DeepSeek LLM
(arXiv:2401.02954: peak ∝ compute^-0.125, batch ∝ compute^0.327); and those of Step Law (arXiv:2503.04715: peak ∝
N^-0.713·D^0.307, batch ∝ D^0.571). Those of the batch lie between the last two. The loss is that of Hoffmann et al.
2022 (arXiv:2203.15556), over the lowest of the table. Widths are parts of the loss."""
_NOISE, _FAR = 0.001, 0.25
"""The relative deviation of a final loss from the law, and how it grows with the distance from its grid's best."""
_UNITS, _DOUBT, _NEAR_BEST = 30, 0.5, 0.01
"""Between neighbouring batches or peaks, from which ratio on a note asks whether they are in one unit; of the spread of
losses, how far they may lie from the law without a note; and how far above the best of its grid a loss is near it."""


def fit_table(rows: Path | str | Sequence[Mapping[str, Any]]) -> TableLaw:
    """Fits how the final loss depends on peak rate and batch, and how the best of both go with size and tokens.

    The logarithm of the loss is that of E + A·N^-α + B·D^-β, and above it a valley: of the peak's logarithm, around a
    line in those of size, tokens and the batch over its best; and of the batch's, around one in those of size and
    tokens. A valley is k·(e^(s·x) - s·x - 1)·2/s², steeper to the side of s; k is a power of size and tokens, since a
    short run loses more by a wrong peak. Losses far above the best of their size and tokens count less.

    Args:
        rows: a file with the columns params, tokens, batch, peak_lr and loss, or other usual names; or mappings with
            these keys, a mapping or a data frame of columns. A loss that is empty or isn't finite, or far above that of
            the next smaller peak, is of a run that diverged: see `TableLaw.largest_peak`.

    Raises:
        LawError: a column lacks, a number isn't positive, or there are too few losses or peaks.
    """
    values, places = _columns(rows)
    notes, logs = [], np.log(values)
    ended = np.isfinite(logs[4]) & ~blown_up(logs[:4], logs[4])
    edges, stray = edges_of(logs[:4], ended)
    if diverged := int((~ended).sum()) - stray:
        notes.append(f"{plural(diverged, 'run')} that diverged: no peak like theirs, or larger, is chosen")
    elif len(edges):
        notes.append("the runs left out at the largest peaks are taken to have diverged: no peak like theirs is chosen")
    if stray:
        notes.append(f"{plural(stray, 'run')} that diverged though larger peaks ended well: left out")
    _, first = np.unique(values, axis=1, return_index=True)
    once = np.isin(np.arange(len(ended)), first)
    if copies := int((ended & ~once).sum()):
        notes.append(f"{plural(copies, 'row')} the same as another, and dropped")
    kept = ended & once
    values, places = values[:, kept], [place for place, known in zip(places, kept, strict=True) if known]
    if values.shape[1] < 12 or len(np.unique(values[3])) < 3:
        raise LawError(
            f"{values.shape[1]} final losses of {len(np.unique(values[3]))} peaks ({'; '.join(notes) or 'all rows'}): "
            "give 12 or more, of three peaks or more at each size"
        )
    for name, row in zip(("params", "tokens"), values, strict=False):
        if pair := mixed(row, values[4]):
            ends = " and ".join(f"{row[i]:g} ({places[i]})" for i in pair)
            raise LawError(f"{name} of {ends}: two units seem to be mixed; write all as plain numbers, 124e6 for 124M")
    for name, row in zip(("size", "number of tokens"), values, strict=False):
        if row.max() / row.min() < 1 + SAME:
            notes.append(f"one {name}: how the best peak and batch go with it is that of published laws, not measured")
    logs = np.log(values)
    center = (*logs[:3].mean(axis=1).tolist(), float(logs[4].min()))
    at, loss = centered(list(values[:4]), center), logs[4] - center[3]
    members = rows_alike(logs[:2])
    count, grid = len(members), np.argmax([np.isin(np.arange(logs.shape[1]), of) for of in members], axis=0)
    if len(members) > 1 and all(np.ptp(logs[3][of]) < SAME for of in members):
        raise LawError("each size has one peak, so that peaks can't be told from sizes: add two to each")
    notes += [*_in_other_units(values[1:4], grid), *_not_apart(values, members)]
    notes += [note for i, what in ((3, "peak"), (2, "batch")) for note in _at_the_edge(logs[i], loss, members, what)]
    above = loss - np.array([loss[of].min() for of in members])[grid]
    medians, spreads = np.array([PRIORS[name] for name in NAMES]).T.copy()
    medians[NAMES.index("peak")] = _lowest(at[3], above)
    medians[NAMES.index("batch")] = _lowest(at[2], above)
    width = len(NAMES)

    def residuals(u: np.ndarray) -> np.ndarray:
        misfit = (predicted(u[:width], at) + u[width:][grid] - loss) / (_NOISE + _FAR * above)
        return np.concatenate([misfit, (u[:width] - medians) / spreads, u[width:] / APART])

    end = least_squares(residuals, np.append(medians, np.zeros(count)), loss="soft_l1", max_nfev=300, x_scale="jac")
    robust = (1 + end.fun**2) ** -0.5
    covariance = np.linalg.inv(end.jac.T @ (robust[:, None] * end.jac))[:width, :width]
    misfit = predicted(end.x[:width], at) + end.x[width:][grid] - loss
    if np.median(np.abs(misfit)) > _DOUBT * np.median(np.abs(loss - np.median(loss))):
        notes.append(
            "the law tells little: losses lie half as far from it as from one another, or farther; look at the table, "
            "at its units and at which column is which"
        )
    noise = max(float(np.sqrt(np.mean(misfit[above < _NEAR_BEST] ** 2))), 1e-4)
    ranges = tuple((float(row.min()), float(row.max())) for row in values[:4])
    return TableLaw(end.x[:width], covariance, center, noise, ranges, tuple(notes), edges)


def _columns(table: Any) -> tuple[np.ndarray, Sequence[str]]:
    """The values of each column, shape (5, n), and where each row is."""
    columns = ("params", "tokens", "batch", "peak_lr", "loss")
    rows = rows_of(table, columns)
    values = np.array([[rows.value(i, column) for i in range(len(rows.places))] for column in columns], dtype=float)
    values[4, ~np.isfinite(values[4])] = math.inf
    wrong = np.argwhere(~(values > 0) | np.isinf(values) & (np.arange(5) < 4)[:, None])
    if len(wrong):
        column, row = wrong[0]
        cell = "empty" if math.isnan(values[column, row]) else f"{values[column, row]:g}"
        name = rows.names[columns[column]]
        raise LawError(f"{rows.places[row]}, column {name} is {cell}: give a number above 0")
    return values, rows.places


def _in_other_units(values: np.ndarray, grid: np.ndarray) -> list[str]:
    """Notes where tokens, batches or peaks, shape (3, n), may be in two units, in all or between grids."""
    tokens, batches, _ = values
    notes = []
    for name, row in zip(("batches", "peaks"), values[1:], strict=True):
        ordered = np.unique(row)
        if len(ordered) > 1 and (apart := ordered[1:] / ordered[:-1]).max() > _UNITS:
            i = int(np.argmax(apart))
            notes.append(f"{name} of {ordered[i]:g} and {ordered[i + 1]:g}, none between: are they in one unit?")
        middles = [float(np.median(row[grid == i])) for i in range(int(grid.max()) + 1)]
        if max(middles) > _UNITS * min(middles):
            notes.append(f"{name} around {min(middles):g} and around {max(middles):g}: are they in one unit?")
    if np.any(batches > tokens):
        i = int(np.argmax(batches > tokens))
        notes.append(f"a batch of {batches[i]:g} in a run of {tokens[i]:g} tokens: are both in one unit?")
    return notes


def _not_apart(values: np.ndarray, members: Sequence[np.ndarray]) -> list[str]:
    """Notes where tokens or batches follow the sizes, so that what each does can't be told, with a run that would."""
    notes, at = [], np.array([values[:3, of].mean(axis=1) for of in members]).T
    logs = np.log(at) - np.log(at).mean(axis=1, keepdims=True)
    spans, small, large = np.abs(logs).max(axis=1), at[0].min(), at[:, np.argmax(at[0])]
    if min(spans[:2]) > SAME and np.linalg.svd(logs[:2] / spans[:2, None], compute_uv=False)[-1] < 3 * SAME:
        notes.append(
            f"tokens follow the sizes: {small:g} parameters over {large[1]:g} tokens would tell what each does"
        )
    if spans[2] > SAME and all(np.ptp(np.log(values[2, of])) < SAME for of in members):
        notes.append(f"each size has one batch: {small:g} parameters in {large[2]:g} would tell what a batch does")
    return notes


def _at_the_edge(values: np.ndarray, loss: np.ndarray, members: Sequence[np.ndarray], what: str) -> list[str]:
    """A note where the lowest losses are at the smallest or the largest peaks or batches, of the grids with several."""
    places = [(values[of] - values[of].min(), int(np.argmin(loss[of]))) for of in members if np.ptp(values[of]) > 0]
    edges = sum(bool(off[best] in (0.0, off.max())) for off, best in places)
    if 2 * edges <= len(places):
        return []
    return [
        f"the lowest loss of {edges} of {plural(len(places), 'size')} and tokens is at the smallest or the largest "
        f"{what} tried: the best may lie beyond"
    ]


def _lowest(values: np.ndarray, above: np.ndarray) -> float:
    """The mean of what has the lowest losses of each grid."""
    return float(np.average(values, weights=np.exp(-above / 0.01)))
