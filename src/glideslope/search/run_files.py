"""The files in a run directory, and those that no search made: these are never replaced or deleted."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from glideslope.errors import DocumentError, RunDirectoryError
from glideslope.search import stored

WRITTEN = ("result.json", "runs.csv", "report.html")
"""What a search writes at its end."""


def matching(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    """The files of a folder whose name is of a pattern, none where there is no folder."""
    try:
        return sorted(path for path in folder.iterdir() if pattern.fullmatch(path.name) and path.is_file())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise RunDirectoryError(f"{folder} can't be read: {error.strerror}") from error


def make(folder: Path) -> None:
    """Makes a folder, where there is none.

    Raises:
        RunDirectoryError: it can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunDirectoryError(f"{folder} can't be made: {error.strerror}") from error


def delete(files: Iterable[Path]) -> None:
    """Deletes files, those that are there.

    Raises:
        RunDirectoryError: one can't be deleted.
    """
    for file in files:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise RunDirectoryError(f"{file} can't be deleted: {error.strerror}") from error


def check_unchanged(folder: Path, runs: Path, files: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The checksums of the files that stand where a search writes its own.

    Args:
        folder: the run directory.
        runs: the folder in it for finished runs.
        files: the checksums that each file may have.

    Raises:
        RunDirectoryError: one isn't as a search left it.
    """
    if runs.is_symlink() or (runs.exists() and not runs.is_dir()):
        raise RunDirectoryError(f"{runs} isn't a folder: move it away, or name another folder with --out")
    checksums: dict[str, list[str]] = {}
    for name in WRITTEN:
        try:
            content = stored.content_of(folder / name)
        except DocumentError as error:
            raise RunDirectoryError(
                f"{folder / name}: {error}; move it away, or name another folder with --out"
            ) from error
        if content is not None:
            checksums[name] = [stored.digest(content)]
            if checksums[name][0] not in files.get(name, ()):
                raise RunDirectoryError(
                    f"{folder / name} isn't as a search wrote it, and isn't replaced: move it away, or name another "
                    "folder with --out"
                )
    return checksums


def check_no_run(folder: Path, runs: Path) -> None:
    """Raises where a folder without a search has files of the names of one's."""
    names = [name for name in WRITTEN if os.path.lexists(folder / name)]
    try:
        names += ["finished"] if os.path.lexists(runs) and (not runs.is_dir() or any(runs.iterdir())) else []
    except OSError as error:
        raise RunDirectoryError(f"{runs} can't be read: {error.strerror}") from error
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
