"""A chart of a page, as plain data; `web/report.js` draws it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from glideslope.escape import visible
from glideslope.views.digits import rounded

Style = Literal["line", "faint", "both", "points", "dashed"]
_DIGITS = 5
_DECADE = 10.0  # the largest value over the least from which on an axis is logarithmic at first


@dataclass(frozen=True)
class Series:
    """Points of a chart."""

    name: str  # its entry in the legend; series of one name have a colour, and are hidden and shown together
    x: np.ndarray  # rising, shape (n,)
    y: np.ndarray  # shape (n,); what isn't finite is a gap
    style: Style = "line"  # a line, a faint one, one with its points, these alone, or a dashed one
    band: tuple[np.ndarray, np.ndarray] | None = None  # the lower and the upper end of an interval, shape (n,) each
    hidden: bool = False  # whether it is hidden at first
    plain: bool = False  # whether it has the colour of the text: a reference


@dataclass(frozen=True)
class Mark:
    """A place on the horizontal axis, or a span of it."""

    name: str  # its entry in the legend
    x: float  # where; the lower end of a span
    end: float | None = None  # the upper end of a span, or None
    cross: bool = False  # whether it is where something failed
    shown: bool = False  # whether the legend has the number


@dataclass(frozen=True)
class Chart:
    """A chart with a legend beside it."""

    title: str  # what it shows
    caption: str  # how to read it
    x: str  # the name of the horizontal axis
    y: str  # that of the vertical one
    series: Sequence[Series]  # the points
    marks: Sequence[Mark] = ()  # places on the horizontal axis
    log_x: bool = False  # a logarithmic horizontal axis
    linear: bool = False  # whether the vertical axis is linear at first, however far the values lie apart
    top: float = math.inf
    """The largest value that the vertical axis shows at first; what goes above it leaves the picture."""

    def data(self) -> dict[str, Any]:
        """The plain data that the page's program reads."""
        groups: dict[str, dict[str, Any]] = {}
        for one in self.series:
            groups.setdefault(one.name, {"name": visible(one.name), "hidden": one.hidden, "plain": one.plain})
        for mark in self.marks:
            entry = groups.setdefault(mark.name, {"name": visible(mark.name), "hidden": False, "plain": False})
            if mark.shown:
                entry["value"] = _number(mark.x)
        place = {name: i for i, name in enumerate(groups)}
        axes: list[np.ndarray] = []
        series = [
            {"group": place[one.name], "x": _place(axes, one.x), "style": one.style, "y": rounded(one.y, _DIGITS),
             **({"low": rounded(one.band[0], _DIGITS), "high": rounded(one.band[1], _DIGITS)} if one.band else {})}
            for one in self.series if len(one.x)
        ]  # fmt: skip
        values = self._values()
        can_log = len(values) > 0 and bool(values.min() > 0)
        spread = min(float(values.max()), self.top) / float(values.min()) if can_log else 1.0
        # Where the axis is linear at first, zeros, as a schedule's ends, are gaps of the logarithmic one.
        can_log = can_log or (self.linear and len(values) > 0 and bool(values.min() == 0 < values.max()))
        return {
            "x": self.x, "y": self.y, "xs": [rounded(x, _DIGITS) for x in axes], "groups": list(groups.values()),
            "series": series, "log_x": self.log_x, "log_y": can_log and spread > _DECADE and not self.linear,
            "can_log": can_log,
            "top": _number(self.top),
            "marks": [{"x": mark.x, "group": place[mark.name], "cross": mark.cross} for mark in self.marks
                      if mark.end is None],
            "spans": [{"low": mark.x, "high": mark.end, "group": place[mark.name]} for mark in self.marks
                      if mark.end is not None],
        }  # fmt: skip

    def _values(self) -> np.ndarray:
        """All finite values on the vertical axis."""
        arrays = [part for one in self.series for part in (one.y, *(one.band or ()))]
        values = np.concatenate([np.asarray(array, dtype=float) for array in arrays]) if arrays else np.array([])
        return np.asarray(values[np.isfinite(values)])


def level(name: str, value: float, at: Sequence[float] | np.ndarray) -> list[Series]:
    """A horizontal line over the values `at`, as a reference; none where its height isn't finite."""
    ends = np.array(sorted({float(min(at)), float(max(at))})) if len(at) else np.array([])
    return [Series(name, ends, np.full(len(ends), value), "dashed", plain=True)] if math.isfinite(value) else []


def _place(axes: list[np.ndarray], x: np.ndarray) -> int:
    """The place of an axis among those that there are; many series share one."""
    for i, axis in enumerate(axes):
        if axis is x or np.array_equal(axis, x):
            return i
    axes.append(x)
    return len(axes) - 1


def _number(value: float) -> float | int | None:
    return rounded([value], _DIGITS)[0]
