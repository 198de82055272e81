"""A search as its run directory shows it, to whoever can read the folder, while it runs or after."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from glideslope.documents import checked, unsealed
from glideslope.errors import DocumentError, RunDirectoryError
from glideslope.search.runs.contestant import Run
from glideslope.search.runs.running import Running, notes_in
from glideslope.search.storage import run_files, stored
from glideslope.search.storage.lock import Owner, is_gone


@dataclass(frozen=True)
class Status:
    """How far a search is.

    Attributes:
        folder: its run directory.
        search: what it is of, `RunDirectory`'s plain data.
        id: its random name.
        state: "running"; "lost", its process being no more; "stopped", or never begun; "finished".
        owner: the process that writes, or wrote last without an orderly end.
        finished: the runs that have ended.
        sweeps: how many sweeps of range tests have.
        running: the runs in the making, as far as they have said.
        wasted: updates that were made again after a process was lost.
    """

    folder: Path
    search: dict[str, Any]
    id: str
    state: Literal["running", "lost", "stopped", "finished"]
    owner: Owner | None
    finished: tuple[Run, ...]
    sweeps: int
    running: tuple[Running, ...]
    wasted: int


def status_of(folder: Path) -> Status:
    """Reads a run directory; changes nothing. Raises a RunDirectoryError if it holds no search."""
    try:
        content = stored.content_of(folder / "search.json")
        if content is None:
            raise DocumentError("there is no search.json")
        record = stored.record_of(content)
    except DocumentError as error:
        raise RunDirectoryError(f"{folder} holds no search ({error}): name a run directory") from error
    files = run_files.matching(folder / run_files.RUNS, stored.run_names(record.id))
    results = [result for file in files if (result := _result(file, record.id)) is not None]
    runs = [result for result in results if "final_loss" in result]
    owner = _owner(folder)
    interrupted = '"interrupted": true' in _text(folder / "result.json")
    has_result = (folder / "result.json").exists() and not interrupted
    state: Literal["running", "lost", "stopped", "finished"] = "finished" if has_result else "stopped"
    if owner is not None:
        state = "lost" if is_gone(owner) else "running"
    return Status(
        folder, record.search, record.id, state, owner, tuple(map(Run.remembered, runs)), len(results) - len(runs),
        notes_in(record.checkpoints or folder.absolute() / run_files.UNFINISHED, record.id),
        sum(run.get("wasted", 0) for run in runs),
    )  # fmt: skip


def _result(file: Path, search: str) -> dict[str, Any] | None:
    try:
        return stored.run_of(stored.content_of(file) or b"", search, file.name)[1]
    except DocumentError:  # damaged; the search says so when it goes on
        return None


def _owner(folder: Path) -> Owner | None:
    try:
        content = stored.content_of(folder / run_files.LOCK)
        return None if content is None else checked(unsealed(content), Owner)
    except DocumentError:
        return None


def _text(file: Path) -> str:
    try:
        return (stored.content_of(file) or b"").decode(errors="replace")
    except DocumentError:
        return ""
