"""search.json in a run directory: the record of the search that the folder belongs to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glideslope.documents import shown
from glideslope.errors import DocumentError, RunDirectoryError
from glideslope.files import checked_path, write_atomically
from glideslope.schedules.numbers import is_number
from glideslope.search.storage import stored


class Marker:
    """The file as it was when the directory was opened, or as it was written last."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "search.json"
        self._content = self._read()

    def record(self) -> stored.Record | None:
        """The record that it holds; None where there is no file. Raises a RunDirectoryError if it can't be read."""
        if self._content is None:
            return None
        try:
            return stored.record_of(self._content)
        except DocumentError as error:
            folder = self._file.parent
            if stored.is_of_first_format(self._content):
                raise RunDirectoryError(
                    f"{self._file} is of an earlier version of Glideslope. It has no checksums, so no search goes on "
                    f"in {folder} or overwrites it; its report opens as before, and glideslope fit {folder} "
                    "reads its runs: name another folder with --out, or delete it"
                ) from error
            raise RunDirectoryError(
                f"{self._file} doesn't say which search {folder} is of, and which files are its ({error}): "
                "name another folder with --out; if this is a run directory that was damaged, delete it"
            ) from error

    def check_no_other(self) -> None:
        """Raises where another search has written it since."""
        if self._read() != self._content:
            raise RunDirectoryError(
                f"another search began in {self._file.parent} meanwhile: name another folder with --out"
            )

    def write(self, text: str) -> None:
        """Writes the text of a record."""
        write_atomically(self._file, text)
        self._content = text.encode()

    def _read(self) -> bytes | None:
        try:
            return stored.content_of(self._file)
        except DocumentError as error:
            raise RunDirectoryError(f"{self._file}: {error}. Name another folder with --out") from error


def check_plain(record: stored.Record) -> None:
    """Raises a RunDirectoryError unless what is searched is plain data."""
    try:
        stored.text_of_record(record)
    except (TypeError, ValueError) as error:
        raise RunDirectoryError(f"search={shown(record.search, 80)}: give plain data ({error})") from error


def check_accepted(folder: Path, changes: Sequence[str], accepts: bool) -> None:
    """Raises a RunDirectoryError if another search is held in a folder than this one, and changes aren't accepted."""
    if changes and not accepts:
        raise RunDirectoryError(
            f"{folder} holds another search than this one: {'; '.join(changes)}. Go on anyway, "
            "keeping the results of its finished runs, with --accept-changes; or begin anew with --overwrite"
        )


def check_arguments(folder: Any, search: Any, checkpoint_every: Any) -> None:
    """Raises a RunDirectoryError unless folder, search and the time between checkpoints are of their types."""
    if not isinstance(folder, str | os.PathLike):
        raise RunDirectoryError(f"the folder of a run is {shown(folder, 80)}: give its path")
    checked_path(folder)
    if not isinstance(search, dict):
        example = "{'steps': 20_000}"
        raise RunDirectoryError(f"search={shown(search, 80)}: give a dict of what is searched, such as {example}")
    if not (is_number(checkpoint_every) and checkpoint_every >= 0):
        raise RunDirectoryError(f"checkpoint_every={shown(checkpoint_every, 80)}: give seconds, math.inf for none")
