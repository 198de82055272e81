"""The folder of a run in MLflow's mlruns: a file a metric, with lines of a time, a value and a step."""

from __future__ import annotations

import re
from pathlib import Path

from glideslope.laws.logs.format import Format
from glideslope.laws.logs.metric_rows import FORMAT as ROWS
from glideslope.laws.logs.source import Source
from glideslope.laws.logs.table import Table

_LINE = re.compile(r"\d{10,} (\S+) (-?\d+)(?: .*)?")


def is_run(folder: Path) -> bool:
    """Whether a folder is of one run."""
    return (folder / "metrics").is_dir() and (folder / "meta.yaml").is_file()


def _tables(source: Source) -> list[Table] | None:
    path = source.path
    if path.is_dir():
        files = sorted(file for file in (path / "metrics").rglob("*") if file.is_file()) if is_run(path) else []
        return [table for file in files for table in _of_metric(Source(file, source.labels), path)] or None
    folder = next((folder for folder in path.absolute().parents if is_run(folder)), None)
    return (_of_metric(source, folder) or None) if folder else None


def _of_metric(source: Source, folder: Path) -> list[Table]:
    lines = [line for line in source.lines if line.strip()]
    matches = [match for line in lines if (match := _LINE.fullmatch(line))]
    if not matches or len(matches) < len(lines):
        return []
    metric = source.path.absolute().relative_to(folder.absolute() / "metrics").as_posix()
    columns = {"step": [match[2] for match in matches], metric: [match[1] for match in matches]}
    return [Table(columns, _name(folder), whole=False)]


def _name(folder: Path) -> str:
    match = re.search(r"^run_name:\s*['\"]?(.+?)['\"]?\s*$", (folder / "meta.yaml").read_text("utf-8"), re.MULTILINE)
    return match[1] if match else folder.name


FORMAT = Format(ROWS.name, _tables)
