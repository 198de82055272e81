"""The runs of a search that go on: how far each is, and its losses as it says them."""

from __future__ import annotations

from typing import Any

import numpy as np

from glideslope.escape import visible
from glideslope.search.directory.snapshot import Snapshot
from glideslope.studio.rounds import number
from glideslope.views.charts import Chart, Series
from glideslope.views.thinning import places, smoothed, thinned


def going_on(snapshot: Snapshot) -> list[dict[str, Any]]:
    """What each run is, the updates made of how many, and its last training loss."""
    runs = []
    for key in _keys(snapshot):
        note, at = snapshot.running.get(key), snapshot.unfinished.get(key)
        updates = max(note.done if note else 0, len(at.losses) if at else 0)
        runs.append({
            "what": visible(f"{note.what} ({note.stage})" if note else key), "updates": updates, "of": note and note.of,
            "loss": note and number(note.loss),
        })  # fmt: skip
    return runs


def in_the_making(snapshot: Snapshot) -> Chart:
    """The losses of each: those of its last checkpoint, and after it some of those that it has said."""
    series = []
    for key in _keys(snapshot):
        note, at = snapshot.running.get(key), snapshot.unfinished.get(key)
        losses = np.array(at.losses if at else [], dtype=float)
        later = np.array([point for point in (note.course if note else ()) if point[0] > len(losses)]).reshape(-1, 2)
        series.append(Series(
            note.what if note else key, np.append(places(len(losses)), later[:, 0]),
            np.append(thinned(smoothed(losses), len(losses)), later[:, 1]),
        ))  # fmt: skip
    return Chart("In the making", "Training losses of runs that go on, so far.", "update", "loss", series)


def _keys(snapshot: Snapshot) -> list[str]:
    return sorted({*snapshot.unfinished, *snapshot.running})
