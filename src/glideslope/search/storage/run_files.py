"""The files in a run directory, and those that no search made: these are never replaced or deleted."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from glideslope.errors import DocumentError, RunDirectoryError
from glideslope.files import digest_of, write_in_place
from glideslope.search.storage import states
from glideslope.search.storage.stored import regular

WRITTEN = ("result.json", "runs.csv", "report.html")  # what a search writes at its end

RUNS, UNFINISHED, TRAINED = "finished", "unfinished", "checkpoint"
"""The folders: the results of finished runs, the checkpoints of runs in the making, the state of the trained job."""

LOCK, STOP = "search.lock", "search.stop"
"""The file that says which process writes, and the one by which another asks it to end."""

NETWORK, LAST, BEST = "model.safetensors", f"{TRAINED}/run.json", f"{TRAINED}/best.json"
"""The trained network; and what says of which run the states of the job are, at its end and at its least loss."""

SHORT = f"{TRAINED}/short.json"
"""What says of which short run the state at its end is, while a search may still choose that run as its answer."""

STATES = {
    document: tuple(f"{TRAINED}/{stem}.{form}" for form in states.FORMS)
    for document, stem in ((LAST, "state"), (BEST, "best"), (SHORT, "short"))
}
"""The names that the file of a state may have."""

LISTED = (*WRITTEN, NETWORK, *(name for document in STATES for name in (document, *STATES[document])))
"""The files whose checksums the record of a search has."""

_TEMPORARY = re.compile(
    r"\.(?:search\.json|search\.lock|result\.json|runs\.csv|report\.html|model\.safetensors|run\.json|(?:state|best|short)\.(?:pt|npz)|(?:best|short)\.json"
    r"|[0-9a-f]{16}-[0-9a-f]{16}(?:-(?:[0-9]{6,9}|best|progress))?\.(?:json|pt|npz))\.[a-z0-9_]{8}\.tmp"
)


def matching(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    """The files of a folder whose name is of a pattern, none where there is no folder; pipes and links among them."""
    return [path for path in entries(folder, pattern) if not path.is_dir()]


def entries(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    """Whatever in a folder has a name of a pattern, nothing where there is no folder."""
    try:
        return sorted(path for path in folder.iterdir() if pattern.fullmatch(path.name))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise RunDirectoryError(f"{folder} can't be read: {error.strerror}") from error


def make(folder: Path) -> None:
    """Makes a folder, where there is none. Raises a RunDirectoryError if it can't be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunDirectoryError(f"{folder} can't be made: {error.strerror}") from error


def delete(files: Iterable[Path]) -> None:
    """Deletes those files that exist. Raises a RunDirectoryError if one can't be deleted."""
    for file in files:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise RunDirectoryError(f"{file} can't be deleted: {error.strerror}") from error


def delete_temporary(folder: Path) -> None:
    """Deletes the temporary files in a run directory that a killed process left."""
    for name in ("", RUNS, UNFINISHED, TRAINED):
        delete(file for file in entries(folder / name, _TEMPORARY) if file.is_file() and not file.is_symlink())


def digest(file: Path) -> str | None:
    """The checksum of a regular file, None where there is nothing. Raises a DocumentError for anything else there."""
    return regular(file, digest_of)


def write(
    file: Path, content: Callable[[BinaryIO], object], before: Callable[[str], object] = lambda checksum: None
) -> str:
    """Writes a file in one step; returns its checksum, which `before` gets first. Raises a FileError if it can't."""
    checksums: list[str] = []

    def checked(temporary: Path) -> None:
        checksums.append(digest(temporary) or "")
        before(checksums[0])

    write_in_place(file, content, checked)
    return checksums[0]


def check_unchanged(folder: Path, files: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The checksums of the files of a search in its directory. Raises a RunDirectoryError where one was changed."""
    for name in (RUNS, UNFINISHED, TRAINED):
        place = folder / name
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            raise RunDirectoryError(f"{place} isn't a folder: move it away, or name another folder with --out")
    checksums: dict[str, list[str]] = {}
    for name in LISTED:
        try:
            checksum = digest(folder / name)
        except DocumentError as error:
            raise RunDirectoryError(
                f"{folder / name}: {error}; move it away, or name another folder with --out"
            ) from error
        if checksum is not None:
            checksums[name] = [checksum]
            if checksum not in files.get(name, ()):
                raise RunDirectoryError(
                    f"{folder / name} isn't as a search wrote it, and isn't replaced: move it away, or name another "
                    "folder with --out"
                )
    return checksums


def check_no_run(folder: Path) -> None:
    """Raises where a folder without a search has files of the names of one's."""
    names = [name for name in LISTED if os.path.lexists(folder / name)]
    try:
        for name in (RUNS, UNFINISHED, TRAINED):
            place = folder / name
            used = not place.is_dir() or place.is_symlink() or (name != TRAINED and any(place.iterdir()))
            names += [name] if os.path.lexists(place) and used else []
    except OSError as error:
        raise RunDirectoryError(f"{place} can't be read: {error.strerror}") from error
    if names:
        raise RunDirectoryError(
            f"{folder} has {', '.join(names)}, but no search.json that lists what a search made: these aren't "
            "replaced; move them away, or name another folder with --out"
        )


def check_writable(folder: Path) -> None:
    """Raises where a folder isn't one, or where nothing can be made in it or, if it isn't there, in its parent."""
    if folder.exists() and not folder.is_dir():
        raise RunDirectoryError(f"{folder} is not a folder: name another with --out")
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        raise RunDirectoryError(f"{there} can't be written to: name another folder with --out")
