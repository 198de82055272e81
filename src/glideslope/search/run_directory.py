"""A run directory: results of finished runs as they come, and at the end result.json, runs.csv and report.html."""

from __future__ import annotations

import hashlib
import json
import math
from collections import UserDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glideslope.errors import RunDirectoryError
from glideslope.files import write_atomically
from glideslope.search.trials import Run


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
        self.folder = folder
        marker, text = folder / "search.json", json.dumps(search, indent=1)
        if marker.exists() and resume:
            if marker.read_text() != text:
                raise RunDirectoryError(f"{folder} holds another search than this one: {marker.read_text()}")
            for file in sorted((folder / "finished").glob("*.json")):
                entry = json.loads(file.read_text())
                self.data[entry["key"]] = entry["result"]
            return
        if marker.exists() and not overwrite:
            raise RunDirectoryError(
                f"{folder} already holds a run: go on with --resume, or begin anew with --overwrite"
            )
        if folder.exists() and not folder.is_dir():
            raise RunDirectoryError(f"{folder} is not a folder: name another with --out")
        for file in (folder / "finished").glob("*.json"):
            file.unlink()
        write_atomically(marker, text)

    def __setitem__(self, key: str, result: dict[str, Any]) -> None:
        self.data[key] = result
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        write_atomically(self.folder / "finished" / f"{name}.json", json.dumps({"key": key, "result": result}))

    def finish(self, result: dict[str, Any], runs: Sequence[Run], report: str) -> None:
        """Writes result.json, runs.csv (run,step,lr,loss) and report.html."""
        write_atomically(self.folder / "result.json", json.dumps(plain(result), indent=1) + "\n")
        lines = ["run,step,lr,loss"]
        for i, run in enumerate(runs):
            rates = run.contestant.rates(run.steps)
            lines += [f"{i},{t},{rates[t]:.9g},{loss:.9g}" for t, loss in enumerate(run.losses.tolist())]
        write_atomically(self.folder / "runs.csv", "\n".join(lines) + "\n")
        write_atomically(self.folder / "report.html", report)


def plain(value: Any) -> Any:
    """Data that strict JSON can hold: a number that isn't finite becomes null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value
