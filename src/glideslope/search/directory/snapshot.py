"""A run directory as it is at a moment, read while a search may be writing it: nothing of it is changed or locked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glideslope.documents import unsealed
from glideslope.errors import DocumentError, GlideslopeError, RunDirectoryError
from glideslope.search.runs.checkpoints import latest_positions
from glideslope.search.runs.contestant import Run
from glideslope.search.runs.position import Position
from glideslope.search.runs.running import Running, notes_in
from glideslope.search.storage import run_files, stored


@dataclass(frozen=True)
class Snapshot:
    """What a run directory holds.

    Attributes:
        search: what is searched: its command, its job, its arguments.
        runs: those that have ended, in that order.
        sweeps: of a range test, by what they are of: rates and losses.
        unfinished: where each run in the making stood at its last checkpoint, by what it is.
        running: how far each says that it is, by what it is.
        result: what the search said at its end; None before.
        damaged: files that can't be read, and why.
    """

    search: dict[str, Any]
    runs: tuple[Run, ...]
    sweeps: dict[str, tuple[list[float], list[float]]]
    unfinished: dict[str, Position]
    running: dict[str, Running]
    result: dict[str, Any] | None
    damaged: tuple[str, ...]

    @classmethod
    def of(cls, folder: Path) -> Snapshot:
        """The snapshot of a folder. Raises a RunDirectoryError if it has no record of a search that can be read."""
        try:
            record = stored.record_of(stored.content_of(folder / "search.json") or b"")
        except DocumentError as error:
            raise RunDirectoryError(f"{folder.name} is no run directory that can be read: {error}") from None
        runs: list[Run] = []
        sweeps, damaged = {}, []
        for file in sorted(run_files.matching(folder / run_files.RUNS, stored.run_names(record.id)), key=_written):
            try:
                key, result = stored.run_of(stored.content_of(file) or b"", record.id, file.name)
                if "rates" in result:
                    sweeps[key] = (result["rates"], result["losses"])
                else:
                    runs.append(Run.remembered(result))
            except GlideslopeError as error:
                damaged.append(f"{file.name}: {error}")
        place = folder / run_files.UNFINISHED
        unfinished = latest_positions(place, record.id)
        running = {note.key: note for note in notes_in(place, record.id)}
        return cls(record.search, tuple(runs), sweeps, unfinished, running, _result(folder, record), tuple(damaged))


def changed(folder: Path) -> tuple[Any, ...]:
    """What differs when something in a run directory was written: names, sizes and times of its files."""
    entries_seen = []
    for place in (folder, folder / run_files.RUNS, folder / run_files.UNFINISHED):
        try:
            entries = sorted(place.iterdir())
        except OSError:
            continue
        for entry in entries:
            try:
                status = entry.lstat()
            except OSError:
                continue
            entries_seen.append((place.name, entry.name, status.st_size, status.st_mtime_ns))
    return tuple(entries_seen)


def _written(file: Path) -> tuple[int, str]:
    try:
        return file.lstat().st_mtime_ns, file.name
    except OSError:
        return 0, file.name


def _result(folder: Path, record: stored.Record) -> dict[str, Any] | None:
    """The result, where it is of this search and whole."""
    try:
        content = stored.content_of(folder / "result.json")
        if content is None or stored.digest(content) not in record.files.get("result.json", ()):
            return None
        result = unsealed(content)
    except DocumentError:
        return None
    return result if isinstance(result, dict) else None
