"""MLflow's metrics: its folder mlruns, a file a metric; and its exports, tables with a metric a row."""

from __future__ import annotations

import re
from pathlib import Path

from glideslope.laws.logs.delimited import header, table
from glideslope.laws.logs.names import RUN, normal
from glideslope.laws.logs.source import Source
from glideslope.laws.logs.table import Format, Table
from glideslope.laws.logs.wandb_charts import is_table

_NAME = "MLflow (exports and its folder mlruns)"
_LINE = re.compile(r"\d{10,} (\S+) (-?\d+)(?: .*)?")
_KEY = ("key", "metric", "metric_name", "tag", "name", "variable")
_VALUE = ("value", "metric_value", "scalar")


def is_run(folder: Path) -> bool:
    """Whether a folder is of one run."""
    return (folder / "metrics").is_dir() and (folder / "meta.yaml").is_file()


def _of_folder(source: Source) -> list[Table] | None:
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
    meta = (folder / "meta.yaml").read_text("utf-8")
    match = re.search(r"^run_name:\s*['\"]?(.+?)['\"]?\s*$", meta, re.MULTILINE)
    return [Table(columns, match[1] if match else folder.name, whole=False)]


def _of_rows(source: Source) -> list[Table] | None:
    names = {normal(name): name for name in header(source)}
    keys, values = ([names[name] for name in order if name in names] for order in (_KEY, _VALUE))
    if not keys or not values or is_table(list(names.values()), source.labels):
        return None
    whole = table(source)
    metrics = {key: list(map(str, whole.columns[key])) for key in keys}
    key = next((key for key in keys if any(source.labels.measures(metric) for metric in metrics[key])), None)
    if key is None:
        return None
    runs = [whole.columns[name] for name in whole.columns if normal(name) in RUN and name != key]
    places: dict[tuple[str, str], list[int]] = {}
    for i, metric in enumerate(metrics[key]):
        run = " ".join(str(cells[i] or "").strip() for cells in runs).strip()
        places.setdefault((run, metric), []).append(i)
    kept = {name: cells for name, cells in whole.columns.items() if normal(name) not in RUN and name not in keys}
    return [
        Table({metric if name == values[0] else name: [cells[i] for i in at] for name, cells in kept.items()}, run,
              whole=False, notes=whole.notes)
        for (run, metric), at in places.items() if source.labels.measures(metric)
    ]  # fmt: skip


FOLDER = Format(_NAME, _of_folder)
EXPORT = Format(_NAME, _of_rows)
