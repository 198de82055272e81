"""Files that were dropped on the page together, kept as they lay in their folders."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path

from glideslope.errors import DocumentError

MOST_FILES = 500
_MOST_BYTES = 1_000_000_000
_DEEPEST = 8
_LONGEST = 200  # the bytes of a name
_EVENTS = ".tfevents."
"""What is in the name of a file of TensorBoard, which says nothing of its run: the folder's name is that."""


class Drop:
    """Files in a folder of the studio, which is made: `given` are those that were dropped and their folders, as a
    reader of logs takes them, and `notes` what was taken for granted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.given: list[Path] = []
        self._files = self._bytes = self._events = 0

    @property
    def notes(self) -> tuple[str, ...]:
        if self._events < 2:
            return ()
        return (
            f"{self._events} files of TensorBoard were dropped without their folders, so each is taken for a run: drop "
            "the folder of a run that has several",
        )

    def keep(self, name: str, content: bytes) -> None:
        """Keeps the content of a file, whose name has the folders that it was dropped in: runs/first/metrics.csv; in a
        folder beside where the name is taken, and in one of nearly its name where a file of TensorBoard has none.
        Raises a DocumentError if there are too many files or bytes, or the file lies too deep."""
        parts = _parts(name)
        if len(parts) == 1 and _EVENTS in parts[0]:
            parts.insert(0, parts[0].replace(_EVENTS, "-"))
            self._events += 1
        if self._files >= MOST_FILES:
            raise DocumentError(f"more than {MOST_FILES} files at once: drop only logs")
        if self._bytes + len(content) > _MOST_BYTES:
            raise DocumentError(f"more than {_MOST_BYTES:,} bytes at once: drop only logs")
        if len(parts) > _DEEPEST:
            raise DocumentError(f"{'/'.join(parts)} lies more than {_DEEPEST - 1} folders deep: drop a folder in it")
        beside = (self.folder if n == 1 else self.folder / f"{self.folder.name} ({n})" for n in count(1))
        root = next(folder for folder in beside if _is_free(folder, parts))
        path = root.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self._files, self._bytes = self._files + 1, self._bytes + len(content)
        if root / parts[0] not in self.given:
            self.given.append(root / parts[0])


def _is_free(folder: Path, parts: list[str]) -> bool:
    """Whether a file can be written there: it isn't there, and no file has the name of a folder of it."""
    way = [folder.joinpath(*parts[:depth]) for depth in range(1, len(parts))]
    return not folder.joinpath(*parts).exists() and not any(place.is_file() for place in way)


def _parts(name: str) -> list[str]:
    """The folders and the name of a file, none of which leads elsewhere; what tells its kind is at the end of the name.

    >>> _parts("../../etc/passwd"), _parts("run 1/a:b.csv"), _parts("..")
    (['etc', 'passwd'], ['run 1', 'a_b.csv'], ['log'])
    """
    safe = (re.sub(r"[^\w .+-]", "_", part).strip(" .") for part in re.split(r"[/\\]", name))
    return [part.encode()[-_LONGEST:].decode(errors="ignore").strip(" .") for part in safe if part] or ["log"]
