"""Pictures, drawn by matplotlib."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from glideslope.batches import Growth
from glideslope.errors import GlideslopeError
from glideslope.escape import mathtext
from glideslope.feedback import Feedback
from glideslope.schedules import Clock, Schedule
from glideslope.schedules.amounts import check_peak
from glideslope.search.jobs.scalars import whole
from glideslope.views import curves
from glideslope.views.charts import Chart
from glideslope.views.curves import Curve, Time, horizon

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(x_label: str, y_label: str) -> tuple[Figure, Any]:
    """An empty figure with labelled axes. Raises a GlideslopeError if matplotlib isn't installed."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise GlideslopeError('pictures need matplotlib: pip install "glideslope[plot]"') from error
    drawing = Figure(figsize=(7, 3.4), layout="constrained")
    axes = drawing.add_subplot()
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return drawing, axes


def legend(axes: Any, named: Iterable[tuple[Any, str]]) -> None:
    """A legend of what was drawn and its names, as they stand."""
    drawn, names = zip(*named, strict=True)
    axes.legend(drawn, list(map(mathtext, names)), frameon=False, fontsize="small")


def picture(chart: Chart, log: bool = False) -> Figure:
    """A chart as a picture: faint series are points, bands shades, marks dotted; `log` for the vertical axis."""
    drawing, axes = figure(chart.x, chart.y)
    lines: dict[str, Any] = {}
    for one in chart.series:
        alike = lines.get(one.name.removesuffix(", measured"))
        points = "." if one.style in ("faint", "points") else "-"
        line = axes.plot(one.x, one.y, points, markersize=2, color=alike and alike.get_color())[0]
        lines.setdefault(one.name, line)
        if one.band is not None:
            axes.fill_between(one.x, *one.band, color=line.get_color(), alpha=0.2)
    for mark in chart.marks:
        axes.axvline(mark.x, color=lines[mark.name].get_color(), linestyle=":", linewidth=0.8, alpha=0.6)
    if log:
        axes.set_yscale("log")
    legend(axes, [(line, name) for name, line in lines.items()])
    return drawing


def schedule(value: Schedule | Feedback | Growth, steps: float | None, peak: float | None, log: bool) -> Figure:
    """What drives a rate, over its horizon or so many updates. Raises a ScheduleError if neither is known."""
    updates = horizon(value) if steps is None else whole("steps", steps)
    curve = Curve.of(value, updates, 1.0 if peak is None else check_peak(peak), Clock())
    return picture(curves.chart([curve], Time("updates"), "", peak is not None), log)


def png(drawing: Figure) -> bytes:
    """A picture as a PNG file."""
    buffer = io.BytesIO()
    drawing.savefig(buffer, format="png", dpi=160)
    return buffer.getvalue()
