"""Exports of W&B's charts: columns "run - metric", whatever the x axis."""

from __future__ import annotations

from glideslope.errors import LawError
from glideslope.laws.logs.delimited import header, table
from glideslope.laws.logs.names import plain, role
from glideslope.laws.logs.source import Labels, Source
from glideslope.laws.logs.table import Format, Table


def is_table(names: list[str], labels: Labels) -> bool:
    """Whether some columns have a loss by its own name."""
    return any(labels.measures(name) and role(name) != "rate" for name in names)


def _tables(source: Source) -> list[Table] | None:
    """Raises a LawError if two columns of one run and metric differ."""
    names = header(source)
    if is_table(names, source.labels) or not any(_chart(name, source.labels)[1] for name in names):
        return None
    whole = table(source)
    charts: dict[tuple[str, str], str] = {}
    for column in whole.columns:
        chart = _chart(column, source.labels)
        twin = charts.setdefault(chart, column) if chart[1] else column
        if twin != column and list(map(str, whole.columns[twin])) != list(map(str, whole.columns[column])):
            raise LawError(
                f"{source.path}: two columns are named {plain(column)!r}, so two runs have one name: rename one of them"
            )
    axes = {"_step" if name.strip() == "Step" else name: cells for name, cells in whole.columns.items()
            if " - " not in name}  # fmt: skip
    return [
        Table(
            axes | {metric: whole.columns[column] for (of_run, metric), column in charts.items() if of_run == run},
            run, whole=False, notes=whole.notes,
        )
        for run in dict.fromkeys(run for run, _ in charts)
    ]  # fmt: skip


def _chart(column: str, labels: Labels) -> tuple[str, str]:
    """The run and the metric of a column; no metric where it isn't a chart's."""
    run, separator, metric = plain(column).rpartition(" - ")
    wanted = labels.measures(metric) or role(metric) == "step" or labels.is_step(metric)
    return (run, metric) if separator and wanted else ("", "")


FORMAT = Format("exports of W&B (histories and charts)", _tables)
