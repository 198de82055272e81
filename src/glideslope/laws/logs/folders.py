"""The files of a folder that hold loss curves."""

from __future__ import annotations

import re
from pathlib import Path

from glideslope.documents import unsealed
from glideslope.errors import DocumentError, LawError
from glideslope.files import digest
from glideslope.laws.logs.mlflow import is_run
from glideslope.laws.logs.source import COMPRESSED
from glideslope.laws.logs.tensorboard import is_of_phase

_KINDS = (".csv", ".tsv", ".jsonl", ".ndjson", ".log", ".txt", ".out")
_JSON = re.compile(r".*(metrics|history|log|losses)[^/]*\.json")
"""Names of JSON files that are logs; others are configurations, tokenizers and the like."""
_STATE = "trainer_state.json"
_SEARCH = ("runs.csv", "result.json")  # what a search leaves: its runs, and its result
_SHOWN = 10


def files_in(path: Path) -> tuple[list[Path], list[str]]:
    """The files that a path stands for, and notes on what isn't read. Raises a LawError for a folder without any."""
    if ".tfevents." in path.name and path.is_file():
        return [path.parent], []
    if not path.is_dir():
        _check_runs(path)
        return [path], []
    if path.name == "metrics" and is_run(path.parent):
        return [path.parent], []
    inside = sorted(file for file in path.rglob("*") if file.is_file())
    if all((path / name).is_file() for name in _SEARCH):
        kept = {path / "runs.csv"}
        _check_runs(path / "runs.csv")
        return [path / "runs.csv"], _left([file for file in inside if file.suffix in _KINDS and file not in kept])
    tracked = sorted({file.parent for file in inside if file.name == "meta.yaml" and is_run(file.parent)})
    rest = [file for file in inside if not any(folder in file.parents for folder in tracked)]
    tables = [file for file in rest if _is_table(file)] + _last_states([file for file in rest if file.name == _STATE])
    events = {file.parent.parent if is_of_phase(file.parent) and file.parent != path else file.parent
              for file in rest if ".tfevents." in file.name}  # fmt: skip
    twins = sorted(folder for folder in events if _is_logged_twice(folder, tables))
    if not tables and not events and not tracked:
        raise LawError(f"{path}: there is no CSV file, nor TensorBoard's logs")
    left = [file for file in rest if file not in tables and ".tfevents." not in file.name and file.name != "meta.yaml"]
    return sorted([*tables, *events.difference(twins), *tracked]), _left([*twins, *left])


def _is_table(file: Path) -> bool:
    name = file.name.lower()
    for compression in COMPRESSED:
        name = name.removesuffix(compression)
    return name.endswith(_KINDS) or bool(_JSON.fullmatch(name))


def _is_logged_twice(folder: Path, tables: list[Path]) -> bool:
    """Whether the run of a folder of event files is in a table too: in metrics.csv beside them, as Lightning writes it,
    or in the state of Transformers' Trainer, whose event files are in the folder runs beside it."""
    return any(
        (file.name == "metrics.csv" and file.parent == folder)
        or (file.name == _STATE and folder.parent == _of_state(file) / "runs")
        for file in tables
    )


def _of_state(file: Path) -> Path:
    """The folder of the run that a state is of."""
    return file.parent.parent if re.fullmatch(r"checkpoint-\d+", file.parent.name) else file.parent


def _check_runs(file: Path) -> None:
    """Raises where a search lists the checksum of its runs.csv beside it, and the file has another."""
    record = file.parent / "search.json"
    if file.name != _SEARCH[0] or not (file.is_file() and record.is_file()):
        return
    try:
        files = unsealed(record.read_bytes()).get("files")
        checksums = files.get(file.name) if isinstance(files, dict) else None
        if not isinstance(checksums, list) or not checksums:
            return
        changed = digest(file.read_bytes()) not in checksums
    except (DocumentError, OSError):  # of another program, or of an earlier version
        return
    if changed:
        raise LawError(
            f"{file} isn't as the search wrote it: it was damaged, or changed by hand. Move it away, to read it there "
            "as it is; the search writes it again with --resume"
        )


def _last_states(states: list[Path]) -> list[Path]:
    """Of the states in a run's checkpoints, each of which has the ones before it, the last."""
    last: dict[Path, tuple[int, Path]] = {}
    for file in states:
        match = re.fullmatch(r"checkpoint-(\d+)", file.parent.name)
        step, run = int(match[1]) if match else 10**18, _of_state(file)
        last[run] = max(last.get(run, (-1, file)), (step, file))
    return [file for _, file in last.values()]


def _left(files: list[Path]) -> list[str]:
    if not files:
        return []
    more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
    return [f"not read: {', '.join(map(str, files[:_SHOWN]))}{more}"]
