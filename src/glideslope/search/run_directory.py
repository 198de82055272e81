"""A run directory: results of finished runs as they come, and at the end result.json, runs.csv and report.html."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import UserDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glideslope.errors import RunDirectoryError
from glideslope.files import write_atomically

WRITTEN = ("result.json", "runs.csv", "report.html")


class RunDirectory(UserDict[str, dict[str, Any]]):
    """The memory of a search, kept in files: each finished run is one, written whole or not at all.

    Args:
        folder: where.
        search: what is searched, plain data; a search goes on only in the folder of the same one.
        overwrite: begin anew in a folder that holds a run.
        resume: go on with the run that the folder holds.

    Raises:
        RunDirectoryError: the folder holds a run and neither was asked for, or it is another run than this.
    """

    def __init__(self, folder: Path, search: dict[str, Any], *, overwrite: bool = False, resume: bool = False) -> None:
        super().__init__()
        self.folder = folder = folder.absolute()  # a job may change the working directory
        self._marker, self._search = folder / "search.json", json.dumps(search, indent=1)
        self._begun = False
        _check_writable(folder)
        if self._marker.exists() and resume:
            if (held := self._marker.read_text(errors="replace")) != self._search:
                raise RunDirectoryError(f"{folder} holds another search than this one: {' '.join(held.split())}")
            for file in sorted((folder / "finished").glob("*.json")):
                self._read(file)
            self._begun = True
        elif self._marker.exists() and not overwrite:
            raise RunDirectoryError(
                f"{folder} already holds a run: go on with --resume, or begin anew with --overwrite"
            )
        self._there = _identity(self._marker)

    def __setitem__(self, key: str, result: dict[str, Any]) -> None:
        self._begin()
        self.data[key] = result
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        write_atomically(self.folder / "finished" / f"{name}.json", json.dumps({"key": key, "result": result}))

    def finish(self, result: dict[str, Any], curves: Sequence[tuple[np.ndarray, np.ndarray]], report: str) -> None:
        """Writes result.json, runs.csv (run,step,lr,loss) from each run's rates and losses, and report.html."""
        self._begin()
        write_atomically(self.folder / "result.json", json.dumps(plain(result), indent=1) + "\n")
        lines = ["run,step,lr,loss"]
        for i, (rates, losses) in enumerate(curves):
            pairs = zip(rates.tolist(), losses.tolist(), strict=False)  # a run that diverged has fewer losses
            lines += [f"{i},{t},{rate:.9g},{loss:.9g}" for t, (rate, loss) in enumerate(pairs)]
        write_atomically(self.folder / "runs.csv", "\n".join(lines) + "\n")
        write_atomically(self.folder / "report.html", report)

    def _begin(self) -> None:
        """Takes the folder, at the first thing there is to write: what is refused before leaves all as it was."""
        if self._begun:
            return
        self._begun = True
        if _identity(self._marker) != self._there:
            raise RunDirectoryError(f"another search began in {self.folder} meanwhile: name another folder with --out")
        write_atomically(self._marker, self._search)
        try:
            for file in [*(self.folder / "finished").glob("*.json"), *(self.folder / name for name in WRITTEN)]:
                file.unlink(missing_ok=True)
        except OSError as error:
            raise RunDirectoryError(f"{error.filename} can't be replaced: {error.strerror}") from error

    def _read(self, file: Path) -> None:
        try:
            entry = json.loads(file.read_text())
            self.data[entry["key"]] = entry["result"]
        except (ValueError, KeyError, TypeError) as error:
            raise RunDirectoryError(f"{file} is damaged ({error}): delete it, and its run is made again") from error


def _identity(file: Path) -> tuple[int, int] | None:
    """What tells a file from one that has taken its place since; None where there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _check_writable(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise RunDirectoryError(f"{folder} is not a folder: name another with --out")
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise RunDirectoryError(f"{there} can't be written to: name another folder with --out")


def plain(value: Any) -> Any:
    """Data that strict JSON can hold: a number that isn't finite becomes null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value
