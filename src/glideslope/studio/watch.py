"""The room where a search is watched: what its run directory holds, again whenever that changes."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from glideslope.errors import GlideslopeError
from glideslope.escape import visible
from glideslope.search.directory.snapshot import Reaches, Snapshot, changed
from glideslope.search.runs.contestant import Run
from glideslope.search.strategy.odds import interval, near
from glideslope.search.strategy.outcomes import final_loss
from glideslope.studio.exchange import posted, refusal
from glideslope.studio.library import Library
from glideslope.studio.rounds import number, rounds
from glideslope.views import run_charts
from glideslope.views.charts import Chart, Series
from glideslope.views.thinning import places, smoothed, thinned

EVERY = 0.5  # the least seconds between two looks at a run directory
_APART = 10.0
"""How many times what a look takes lies between two of them at least, as of checkpoints that a service holds."""
_BEAT = 15.0  # seconds without news after which the page is told that the server lives
_MOST_RUNS = 60  # runs whose curves are drawn: the last
_MOST_WATCHERS = 16
_MOST_FOLDERS = 3_000
_MOST_REPORT = 64_000_000
_SANDBOX = "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"
"""A report runs apart from this server, as if it came from nowhere, and may ask for nothing."""


class Watched(msgspec.Struct, forbid_unknown_fields=True):
    """A run directory, by its name in the folder."""

    folder: Annotated[str, Meta(max_length=1000)]


def folders(library: Library) -> list[str]:
    """The run directories in the folder, the one that was written last first."""
    directories: list[tuple[float, str]] = []
    for looked, (place, inner, files) in enumerate(os.walk(library.folder)):
        inner[:] = sorted(name for name in inner if not name.startswith("."))[:200]
        if looked > _MOST_FOLDERS or len(Path(place).relative_to(library.folder).parts) >= 4:
            inner.clear()
        if "search.json" in files:
            inner.clear()
            directories.append((_time(Path(place)), str(Path(place).relative_to(library.folder))))
    return [name for _, name in sorted(directories, reverse=True)]


def seen(library: Library, folder: str) -> dict[str, Any]:
    """All that is shown of a run directory. Raises a RunDirectoryError or a DocumentError if there is none."""
    path = library.inside(folder)
    snapshot = Snapshot.of(path, library.reaches)
    return {
        "search": _said(snapshot), "answer": visible(str((snapshot.result or {}).get("answer", ""))),
        "charts": [chart.data() | {"title": chart.title} for chart in _charts(snapshot)], "rounds": rounds(snapshot),
        "odds": _odds(snapshot), "events": _events(snapshot.runs), "unfinished": going_on(snapshot),
        "state": snapshot.state, "damaged": [visible(text) for text in snapshot.damaged],
        "unreached": "" if library.reaches(snapshot.checkpoints) else visible(snapshot.checkpoints),
        "report": (path / "report.html").is_file(),
    }  # fmt: skip


def routes(library: Library) -> Sequence[Route]:
    """The routes of the room."""
    watchers: set[int] = set()

    async def events(request: Request) -> Response:
        if len(watchers) >= _MOST_WATCHERS:  # a page can't read why a stream was refused
            return Response(f"event: full\ndata: {_MOST_WATCHERS}\n\n", media_type="text/event-stream")
        try:
            path = library.inside(request.query_params.get("folder", ""))
        except GlideslopeError as error:
            return refusal(error)

        async def stream() -> AsyncIterator[bytes]:
            mark = id(stream)
            watchers.add(mark)
            try:
                async for news in _news(path, library.reaches, request):
                    yield news
            finally:
                watchers.discard(mark)

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def report(request: Request) -> Response:
        try:
            file = library.inside(f"{request.query_params.get('folder', '')}/report.html")
            if not file.is_file() or file.stat().st_size > _MOST_REPORT:
                return Response("no report\n", 404, media_type="text/plain")
            text = await run_in_threadpool(file.read_text, encoding="utf-8")
        except (GlideslopeError, OSError, UnicodeDecodeError) as error:
            return refusal(error)
        return HTMLResponse(text, headers={"content-security-policy": _SANDBOX})

    return (
        posted("/api/folders", type(None), lambda asked: folders(library)),
        posted("/api/watch", Watched, lambda asked: seen(library, asked.folder), "checkpoints"),
        Route("/events", events),
        Route("/report", report),
    )


async def _news(path: Path, reaches: Reaches, request: Request) -> AsyncIterator[bytes]:
    """An event at once, and whenever something was written; a comment now and then, so that a lost page is noticed."""
    last: tuple[Any, ...] | None = None
    waited = 0.0
    while not await request.is_disconnected():
        began = time.monotonic()
        now = await run_in_threadpool(changed, path, reaches)
        pause = max(EVERY, _APART * (time.monotonic() - began))
        if now != last:
            last, waited = now, 0.0
            yield b"data: changed\n\n"
        elif waited >= _BEAT:
            waited = 0.0
            yield b": still there\n\n"
        await asyncio.sleep(pause)
        waited += pause


def _time(path: Path) -> float:
    try:
        return (path / "search.json").stat().st_mtime
    except OSError:
        return 0.0


def _said(snapshot: Snapshot) -> str:
    search = snapshot.search
    what = [str(search.get("command", "search")), str(search.get("job", ""))]
    steps = search.get("steps")
    return visible(f"{' '.join(filter(None, what))}{f', {steps:,} updates' if isinstance(steps, int) else ''}")


def _charts(snapshot: Snapshot) -> list[Chart]:
    runs = snapshot.runs[-_MOST_RUNS:]
    charts = []
    if snapshot.runs:
        ends = [
            (f"{run.contestant.name}, {run.steps:,} updates", run.contestant.peak, run.final_loss)
            for run in snapshot.runs
        ]
        untrained = max((run.untrained for run in snapshot.runs), default=math.nan)
        charts.append(run_charts.peaks(ends, untrained, "The validation loss that each run so far ends with."))
    if snapshot.unfinished or snapshot.running:
        charts.append(in_the_making(snapshot))
    if runs:
        charts += [run_charts.losses(runs, "Losses"), run_charts.rates(runs, "Rates")]
    if snapshot.sweeps:
        series = [
            Series(key, np.array(rates[: len(losses)]), smoothed(np.array(losses, dtype=float)))
            for key, (rates, losses) in snapshot.sweeps.items()
        ]
        charts.append(
            Chart("Sweeps", "The smoothed loss while the rate rises.", "learning rate", "loss", series, log_x=True)
        )
    return charts


def _odds(snapshot: Snapshot) -> list[str]:
    """How sure the search is, by as much of it as there is."""
    overhead, steps = snapshot.search.get("overhead"), snapshot.search.get("steps")
    if not isinstance(overhead, int | float) or not isinstance(steps, int) or not overhead > 0:
        return []
    said = [f"After such a search, in {near(overhead):.0%} of trainings no other peak ends lower by over 1%."]
    short = [run for run in snapshot.runs if run.steps < steps and math.isfinite(run.final_loss)]
    best = min(short, key=final_loss, default=None)
    if best is not None and best.final_loss:  # of a loss of exactly 0 nothing is left to tell
        low, high = interval(best, overhead)
        said.insert(
            0,
            f"The short runs predict a full run that ends between {low:.4g} and {high:.4g}, in nine of ten trainings.",
        )
    return said


def _events(runs: Sequence[Run]) -> list[list[Any]]:
    """What was done where a training was being lost: run, update, what, loss, went back to, the rate's factor."""
    return [
        [visible(str(run.contestant)), event.update, event.kind, number(event.loss),
         event.back_to if event.back_to <= event.update else None, event.factor]
        for run in runs for event in run.events
    ][:500]  # fmt: skip


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
