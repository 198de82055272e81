"""The best rate and batch over size and tokens, from a table of final losses alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glideslope.errors import LawError
from glideslope.laws.columns import OF_LOSSES, rows_of
from glideslope.laws.table_edge import SAME, blown_up, edges_of, rows_alike
from glideslope.laws.table_law import TableLaw
from glideslope.laws.table_minimum import Minimum
from glideslope.laws.units import mixed
from glideslope.plural import plural

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
    members = rows_alike(logs[:2])
    if len(members) > 1 and all(np.ptp(logs[3][of]) < SAME for of in members):
        raise LawError("each size has one peak, so that peaks can't be told from sizes: add two to each")
    found, loss = Minimum.of(logs), logs[4]
    notes += [*_in_other_units(values[1:4], members), *_not_apart(values, members)]
    notes += [note for i, what in ((3, "peak"), (2, "batch")) for note in _at_the_edge(logs[i], loss, members, what)]
    if np.median(np.abs(found.misfit)) > _DOUBT * np.median(np.abs(loss - np.median(loss))):
        notes.append(
            "the law tells little: losses lie half as far from it as from one another, or farther; look at the table, "
            "at its units and at which column is which"
        )
    noise = max(float(np.sqrt(np.mean(found.misfit[found.above < _NEAR_BEST] ** 2))), 1e-4)
    ranges = tuple((float(row.min()), float(row.max())) for row in values[:4])
    return TableLaw(found.place, found.covariance, found.center, noise, ranges, tuple(notes), edges)


def _columns(table: Any) -> tuple[np.ndarray, Sequence[str]]:
    """The values of each column, shape (5, n), and where each row is."""
    rows = rows_of(table, OF_LOSSES)
    values = np.array([[rows.value(i, column) for i in range(len(rows.places))] for column in OF_LOSSES], dtype=float)
    values[4, ~np.isfinite(values[4])] = math.inf
    wrong = np.argwhere(~(values > 0) | np.isinf(values) & (np.arange(5) < 4)[:, None])
    if len(wrong):
        column, row = wrong[0]
        cell = "empty" if math.isnan(values[column, row]) else f"{values[column, row]:g}"
        name = rows.names[OF_LOSSES[column]]
        raise LawError(f"{rows.places[row]}, column {name} is {cell}: give a number above 0")
    return values, rows.places


def _in_other_units(values: np.ndarray, members: Sequence[np.ndarray]) -> list[str]:
    """Notes where tokens, batches or peaks, shape (3, n), may be in two units, in all or between grids."""
    tokens, batches, _ = values
    notes = []
    for name, row in zip(("batches", "peaks"), values[1:], strict=True):
        ordered = np.unique(row)
        if len(ordered) > 1 and (apart := ordered[1:] / ordered[:-1]).max() > _UNITS:
            i = int(np.argmax(apart))
            notes.append(f"{name} of {ordered[i]:g} and {ordered[i + 1]:g}, none between: are they in one unit?")
        middles = [float(np.median(row[of])) for of in members]
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
        notes.append(f"tokens follow the sizes: {small:g} parameters over {large[1]:g} tokens would tell them apart")
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
