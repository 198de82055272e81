"""A run directory as it is at a moment, read while a search may be writing it: nothing of it is changed or locked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from glideslope.documents import checked, unsealed
from glideslope.errors import DocumentError, GlideslopeError, RunDirectoryError
from glideslope.files import checked_path, digest
from glideslope.search.runs.checkpoints import latest_positions
from glideslope.search.runs.contestant import Run
from glideslope.search.runs.position import Position
from glideslope.search.runs.running import Running, notes_in
from glideslope.search.storage import places, run_files, stored
from glideslope.search.storage.lock import Owner, is_gone

State = Literal["running", "lost", "stopped", "finished"]
Reaches = Callable[[str], bool]


def anywhere(address: str) -> bool:
    """Checkpoints are read wherever they lie."""
    return True


@dataclass(frozen=True)
class Snapshot:
    """What a run directory holds."""

    folder: Path  # its path
    id: str  # the random name of the search
    search: dict[str, Any]  # what is searched: its command, its job, its arguments
    state: State  # "running"; "lost", its process being no more; "stopped", or never begun; "finished"
    owner: Owner | None  # the process that writes, or wrote last without an orderly end
    runs: tuple[Run, ...]  # those that have ended, in that order
    stages: tuple[str, ...]  # what each of them was made for; "" where an earlier version wrote it
    sweeps: dict[str, tuple[list[float], list[float]]]  # of a range test, by what they are of: rates and losses
    checkpoints: str  # the address where runs in the making are checkpointed, if it is another than in the folder
    place: str | None  # the address where they are, if that is reached, or None
    # How far each of them says that it is, by what it is; of a run that has ended, which an executor may have made
    # twice, nothing.
    running: dict[str, Running]
    result: dict[str, Any] | None  # what the search said at its end; None before
    wasted: int  # updates that were made again after a process was lost
    damaged: tuple[str, ...]  # what can't be read, and why
    ended: frozenset[str]  # what the runs that have ended are of

    @classmethod
    def of(cls, folder: Path, reaches: Reaches = anywhere) -> Snapshot:
        """The snapshot of a folder, with checkpoints at addresses that it `reaches`. Raises a RunDirectoryError."""
        record = _record(checked_path(folder))
        runs: list[Run] = []
        stages: list[str] = []
        wasted = 0
        ended: set[str] = set()
        sweeps, damaged = {}, []
        for file in sorted(run_files.matching(folder / run_files.RUNS, stored.run_names(record.id)), key=_written):
            try:
                key, result = stored.run_of(stored.content_of(file) or b"", record.id, file.name)
                ended.add(key)
                if "rates" in result:
                    sweeps[key] = (result["rates"], result["losses"])
                else:
                    runs.append(Run.remembered(result))
                    stages.append(result.get("stage", ""))
                    wasted += result.get("wasted", 0)
            except GlideslopeError as error:
                damaged.append(f"{file.name}: {error}")
        place = _place(folder, record, reaches)
        running: dict[str, Running] = {}
        try:
            notes = notes_in(place, record.id) if place is not None else ()
            running = {note.key: note for note in notes if note.key not in ended}
        except GlideslopeError as error:
            damaged.append(str(error))
            place = None
        owner = _owner(folder)
        said = _result(folder, record)
        return cls(
            folder, record.id, record.search, _state(owner, said), owner, tuple(runs), tuple(stages), sweeps,
            record.checkpoints, place, running, said, wasted, tuple(damaged), frozenset(ended),
        )  # fmt: skip

    @cached_property
    def unfinished(self) -> dict[str, Position]:
        """Where each run in the making stood at its last checkpoint; read at the first use, since it has all losses."""
        positions = {} if self.place is None else latest_positions(self.place, self.id)
        return {key: at for key, at in positions.items() if key not in self.ended}


def changed(folder: Path, reaches: Reaches = anywhere) -> tuple[Any, ...]:
    """What differs when something of a search was written, or its process is lost: names, sizes and times of its files,
    and the content of those at an address that `reaches` accepts."""
    folders = (folder, folder / run_files.RUNS, folder / run_files.UNFINISHED)
    seen: list[Any] = [entry for place in folders for entry in _entries(place)]
    with suppress(GlideslopeError):
        owner = _owner(folder)
        seen.append(owner is not None and is_gone(owner))
        record = _record(folder)
        if record.checkpoints and reaches(record.checkpoints):
            place = places.place_at(record.checkpoints)
            if isinstance(place, places.Folder):
                seen += _entries(place.folder, record.id)
            else:
                seen += notes_in(record.checkpoints, record.id)
    return tuple(seen)


def _entries(folder: Path, beginning: str = "") -> list[tuple[str, str, int, int]]:
    entries_seen = []
    with suppress(OSError):
        for entry in sorted(folder.iterdir()):
            with suppress(OSError):
                if entry.name.startswith(beginning):
                    status = entry.lstat()
                    entries_seen.append((folder.name, entry.name, status.st_size, status.st_mtime_ns))
    return entries_seen


def _record(folder: Path) -> stored.Record:
    try:
        content = stored.content_of(folder / "search.json")
        if content is None:
            raise DocumentError("there is no search.json")
        return stored.record_of(content)
    except DocumentError as error:
        raise RunDirectoryError(f"{folder} holds no search ({error}): name a run directory") from None


def _place(folder: Path, record: stored.Record, reaches: Reaches) -> str | None:
    if not record.checkpoints:
        return str(folder.absolute() / run_files.UNFINISHED)
    return record.checkpoints if reaches(record.checkpoints) else None


def _owner(folder: Path) -> Owner | None:
    try:
        content = stored.content_of(folder / run_files.LOCK)
        return None if content is None else checked(unsealed(content), Owner)
    except DocumentError:
        return None


def _state(owner: Owner | None, result: dict[str, Any] | None) -> State:
    if owner is not None:
        return "lost" if is_gone(owner) else "running"
    return "stopped" if result is None or result.get("interrupted") else "finished"


def _written(file: Path) -> tuple[int, str]:
    try:
        return file.lstat().st_mtime_ns, file.name
    except OSError:
        return 0, file.name


def _result(folder: Path, record: stored.Record) -> dict[str, Any] | None:
    """The result, where it is of this search and whole."""
    try:
        content = stored.content_of(folder / "result.json")
        if content is None or digest(content) not in record.files.get("result.json", ()):
            return None
        result = unsealed(content)
    except DocumentError:
        return None
    return result if isinstance(result, dict) else None
