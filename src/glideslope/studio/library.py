"""What the page may read: laws and runs in one folder, laws that it was given, and files that were dropped on it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from glideslope.errors import DocumentError, LawError
from glideslope.laws import Law, load
from glideslope.studio.drops import Drop

_MOST_FILES = 2_000  # files of the folder that are looked at
_MOST_LAW = 4_000_000
_MOST_DROPS = 12
_FIT_SECONDS = 60.0
_DEEPEST = 3


@dataclass(frozen=True)
class Known:
    """A law, and what was said as it was fitted."""

    law: Law  # the law
    notes: tuple[str, ...] = ()  # what was dropped or chosen when the logs were read


class Library:
    """The laws of a folder, others by name, and those of what was dropped. `checkpoints` is an address of a service,
    where the checkpoints of the folder's searches may be read."""

    def __init__(self, folder: Path, laws: dict[str, Law] | None = None, checkpoints: str | None = None) -> None:
        self.folder = folder.resolve()
        self._given = {name: Known(law) for name, law in (laws or {}).items()}
        self._checkpoints = checkpoints
        self._read: dict[Path, tuple[tuple[int, int], Law]] = {}
        self._drops: dict[str, Drop] = {}
        self._kept = TemporaryDirectory(prefix="glideslope-studio-")

    def inside(self, name: str) -> Path:
        """The path of a file or folder by its name within the folder. Raises a DocumentError if it isn't inside."""
        try:
            path = (self.folder / name).resolve()
            readable = path.is_relative_to(self.folder) and path.exists()
        except (OSError, ValueError, RuntimeError) as error:
            raise DocumentError(f"{name!r}: {error}") from None
        if not readable:
            raise DocumentError(f"{name!r} isn't in the folder that the studio was opened on")
        return path

    def reaches(self, address: str) -> bool:
        """Whether checkpoints at an address are read: on this machine, or where the user, not a directory, said so."""
        return "://" not in address or address.startswith("file://") or address == self._checkpoints

    def names(self) -> list[str]:
        """The laws that there are: those given or dropped, then files."""
        return [*self._given, *(str(path.relative_to(self.folder)) for path in self._files() if self._is_law(path))]

    def law(self, name: str) -> Known:
        """A law by its name. Raises a LawError if it can't be read, a DocumentError if there is none in the folder."""
        if name in self._given:
            return self._given[name]
        return Known(self._loaded(self.inside(name)))

    def keep(self, group: str, name: str, content: bytes) -> None:
        """Keeps the content of a dropped file in the group of those dropped together, by its name with the folders that
        it was dropped in; only the last few groups are kept. Raises a DocumentError if there are too many files in the
        group, or it lies too deep."""
        if group not in self._drops and len(self._drops) >= _MOST_DROPS:
            shutil.rmtree(self._drops.pop(next(iter(self._drops))).folder.parent, ignore_errors=True)
        folder = Path(self._kept.name) / secrets.token_hex(8) / "dropped"
        self._drops.setdefault(group, Drop(folder)).keep(name, content)

    def fitted(self, group: str, options: dict[str, Any]) -> str:
        """The name of the law of a group of dropped files: the law that a file holds, or one fitted on logs, with the
        options of `laws.read`. Raises a LawError if no law can be read or fitted, or fitting takes too long."""
        if group not in self._drops:
            raise LawError("nothing was dropped")
        drop = self._drops[group]
        files = sorted(drop.given)
        if len(files) == 1 and files[0].suffix == ".json" and _says_law(files[0]):
            try:
                known = Known(load(files[0]))
            except LawError as error:
                raise LawError(_from(drop.folder, str(error))) from None
            label = files[0].name
        else:
            known = _fitted(files, drop, options)
            label = files[0].name if len(files) == 1 else f"{len(files)} logs"
        name = label if label not in self._given else f"{label} ({len(self._given) + 1})"
        self._given[name] = known
        return name

    def _files(self) -> list[Path]:
        """The files in which a law may be, those of the folder first."""
        files: list[Path] = []
        folders = [(self.folder, 0)]
        looked = 0
        while folders and looked < _MOST_FILES:
            folder, depth = folders.pop(0)
            try:
                entries = sorted(folder.iterdir())
            except OSError:
                continue
            for entry in entries[:_MOST_FILES]:
                looked += 1
                if entry.is_symlink() or entry.name.startswith("."):
                    continue
                if entry.is_dir() and depth < _DEEPEST:
                    folders.append((entry, depth + 1))
                elif entry.suffix == ".json" and entry.is_file():
                    files.append(entry)
        return files

    def _is_law(self, path: Path) -> bool:
        try:
            if not _says_law(path):
                return False
            self._loaded(path)
        except (LawError, OSError):
            return False
        return True

    def _loaded(self, path: Path) -> Law:
        """The law in a file, read again where that has changed."""
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        if self._read.get(path, (None,))[0] != stamp:
            self._read[path] = (stamp, load(path))
        return self._read[path][1]


def _says_law(path: Path) -> bool:
    """Whether a file says that it holds a law, whole or not."""
    with path.open("rb") as file:
        return b'"glideslope_law"' in file.read(_MOST_LAW)


def _fitted(files: list[Path], drop: Drop, options: dict[str, Any]) -> Known:
    """A law fitted on dropped logs, named from their folder, in a process that is ended when it takes too long."""
    program = "from glideslope.studio.fitting import main; main()"
    folder = drop.folder
    out = folder.with_suffix(".law")
    asked = json.dumps({"files": [str(file) for file in files], "out": str(out), "options": options})
    try:
        done = subprocess.run(
            [sys.executable, "-c", program], input=asked, capture_output=True, text=True, timeout=_FIT_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise LawError(f"these logs take more than {_FIT_SECONDS:g} s to fit: use glideslope fit") from None
    if done.returncode:
        raise LawError(done.stderr.strip().rpartition("\n")[2] or "these logs can't be fitted")
    said: dict[str, Any] = json.loads(done.stdout)
    if said["problem"]:
        raise LawError(_from(folder, said["problem"]))
    return Known(load(out), (*drop.notes, *(_from(folder, note) for note in said["notes"])))


def _from(folder: Path, text: str) -> str:
    """A text in which paths begin after a folder."""
    return text.replace(f"{folder}{os.sep}", "")
