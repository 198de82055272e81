"""Pictures, drawn by matplotlib."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glideslope.batches import Growth
from glideslope.errors import GlideslopeError
from glideslope.escape import mathtext
from glideslope.feedback import Feedback
from glideslope.schedules import Clock, Schedule
from glideslope.search.jobs.scalars import whole
from glideslope.views.curves import Curve, Time, horizon

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(x_label: str, y_label: str) -> tuple[Figure, Any]:
    """An empty figure with labelled axes.

    Raises:
        GlideslopeError: matplotlib isn't installed; the message says how to.
    """
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


def schedules(curves: dict[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """The rates at some updates, a line for each name."""
    drawing, axes = figure("update", "learning rate")
    legend(axes, [(axes.plot(at, rates)[0], name) for name, (at, rates) in curves.items()])
    return drawing


def each(rates: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Rates of each update, with the updates that they are of."""
    return {name: (np.arange(len(values)), values) for name, values in rates.items()}


def curves(drawn: Sequence[Curve], time: Time, log: bool) -> Figure:
    """The rate over time, a line for each schedule and dotted ones where its phases begin."""
    drawing, axes = figure(time.name, "learning rate")
    named = []
    for curve in drawn:
        line = axes.plot(curve.at * time.per_update, curve.rates)[0]
        named.append((line, curve.text))
        for boundary in curve.boundaries:
            axes.axvline(boundary * time.per_update, color=line.get_color(), linestyle=":", linewidth=0.8, alpha=0.6)
    if log:
        axes.set_yscale("log")
    legend(axes, named)
    return drawing


def schedule(drawn: Schedule | Feedback | Growth, steps: float | None, peak: float, log: bool) -> Figure:
    """A schedule, possibly times a feedback or a growth of the batch, over its horizon or so many updates.

    Raises:
        ScheduleError: neither is known.
    """
    curve = Curve.of(drawn, horizon(drawn) if steps is None else whole("steps", steps), peak, Clock())
    return curves([curve], Time("updates"), log)


def png(picture: Figure) -> bytes:
    """A picture as a PNG file."""
    buffer = io.BytesIO()
    picture.savefig(buffer, format="png", dpi=160)
    return buffer.getvalue()
