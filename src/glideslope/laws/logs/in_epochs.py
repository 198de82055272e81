"""The updates made where a log has the epoch and the place in it: a batch, or a step that begins anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from glideslope.errors import LawError


def begins_anew(epochs: np.ndarray, places: np.ndarray) -> bool:
    """Whether places, shape (n,), count anew in each epoch: but for resumes they go back where one begins alone."""
    known = np.isfinite(epochs) & np.isfinite(places)
    back = np.diff(epochs[known])[np.diff(places[known]) < 0]
    return 2 * int((back > 0).sum()) > len(back)


def updates(
    file: Path, epochs: np.ndarray, places: np.ndarray, totals: np.ndarray, steps_per_epoch: float | None
) -> tuple[np.ndarray, str]:
    """The updates made, shape (n,), and a note on how they are counted: by the epoch of each row and the place in it, a
    batch or a step, NaN for the end of its epoch; both count from 0 where an epoch is 0.

    `totals` are the batches of the epoch, 0 where the log doesn't say; `steps_per_epoch` are updates, which may be
    fewer. Raises a LawError if epochs or places aren't whole, go beyond an epoch, or the length of an epoch isn't
    known.

    >>> updates(Path("log"), np.array([1, 1, 2]), np.array([10, 20, 10]), np.array([20, 20, 20]), 10)
    (array([ 5., 10., 15.]), 'updates are 10 an epoch, and the places in it')
    """
    known, placed = np.isfinite(epochs), np.isfinite(places)
    if np.any(epochs[known] % 1) or np.any(places[placed] % 1):
        raise LawError(f"{file}: epochs or places in them that aren't whole: name a column of all updates (--step)")
    batches = _length(epochs, places, totals)
    length = steps_per_epoch or batches
    if not length:
        raise LawError(
            f"{file}: the steps begin anew in each epoch: give steps_per_epoch (--steps-per-epoch), the updates in an "
            "epoch, or add a column global_step, of all updates made"
        )
    from_0 = bool(np.any(places == 0))
    counts = places * (length / batches if batches else 1.0)
    counts = np.floor(counts) + 1 if from_0 else np.round(counts)
    if np.any(counts[placed] > length):
        raise LawError(f"{file}: the place {places[placed].max():g} in an epoch of {length:g} (--steps-per-epoch)")
    counts = np.where(placed, counts, length)
    first = min(np.min(epochs[known], initial=1), 1)
    counted = ", both counted from 0" if from_0 and first == 0 else ", counted from 0" if from_0 else ""
    note = f"updates are {length:g} an epoch, and the places in it{counted}"
    if not steps_per_epoch:
        note += "; give steps_per_epoch (--steps-per-epoch) where several batches make one"
    return (epochs - first) * length + counts, note


def _length(epochs: np.ndarray, places: np.ndarray, totals: np.ndarray) -> float | None:
    """The batches in an epoch: those that the log says, or, where each is logged, those of each epoch but the last."""
    said = np.unique(totals[totals > 0])
    if len(said):
        return float(said[0]) if len(said) == 1 else None
    known = np.isfinite(epochs) & np.isfinite(places)
    runs = [places[known & (epochs == epoch)] for epoch in np.unique(epochs[known])]
    one_by_one = all(np.all(np.diff(run) == 1) and run[0] in (0, 1) for run in runs)
    lengths = {len(run) for run in runs[:-1]}
    if not one_by_one or len(lengths) != 1 or len(runs[-1]) > max(lengths):
        return None
    return float(lengths.pop())
