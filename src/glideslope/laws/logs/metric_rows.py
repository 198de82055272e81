"""Tables with a metric a row, named by a column, as MLflow exports them."""

from __future__ import annotations

from glideslope.laws.logs.delimited import header, table
from glideslope.laws.logs.format import Format
from glideslope.laws.logs.names import RUN, normal
from glideslope.laws.logs.source import Source
from glideslope.laws.logs.table import Table
from glideslope.laws.logs.wandb_charts import is_table

_KEY = ("key", "metric", "metric_name", "tag", "name", "variable")
_VALUE = ("value", "metric_value", "scalar")


def _tables(source: Source) -> list[Table] | None:
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


FORMAT = Format("MLflow (exports and its folder mlruns)", _tables)
