"""A chart as one SVG element, for a notebook: nothing moves in it, and it needs nothing."""

from __future__ import annotations

import math
from typing import Any

from glideslope.escape import html
from glideslope.views.charts import Chart
from glideslope.views.terminal import cell

COLOURS = ("#2f7fd1", "#d9622b", "#2e9e52", "#9b6bd6", "#cf4a83", "#a3821a", "#1d97ab", "#808891")
"""Seen on a light and on a dark page."""
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 230, 62, 250, 12, 40
_ENTRIES = 9  # the most entries of the legend
_LONGEST = 34  # the most letters of an entry


def inline(chart: Chart) -> str:
    """The SVG element of a chart."""
    data = chart.data()
    shown = [one for one in data["series"] if not data["groups"][one["group"]]["hidden"]]
    x = _Axis([v for one in shown for v in data["xs"][one["x"]]], data["log_x"], _LEFT, _WIDTH - _RIGHT)
    values = (v for one in shown for name in ("y", "low", "high") for v in one.get(name, ()))
    heights = [min(v, chart.top) for v in values if v is not None]
    y = _Axis(heights, data["log_y"], _HEIGHT - _BOTTOM, _TOP)
    label = html(f"{chart.title}. {chart.caption}")
    lines = "".join(_line(one, data["xs"][one["x"]], x, y, _colour(data["groups"], one["group"])) for one in shown)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" role="img" '
        f'aria-label="{label}" style="max-width:100%;height:auto" font-family="sans-serif" font-size="12">'
        f"{_frame(chart, x, y)}{_marks(data, x)}{lines}{_legend(data['groups'])}</svg>"
    )


class _Axis:
    """Maps values, or their logarithms, to the picture: the least to `begin`, the largest to `end`."""

    def __init__(self, values: list[float], log: bool, begin: float, end: float) -> None:
        self.low, self.high = (min(values), max(values)) if values else (0.0, 1.0)
        self._log, self._begin, self._end = log and self.low > 0, begin, end

    def place(self, value: float) -> float:
        low, high, value = (math.log(v) if self._log else v for v in (self.low, self.high, max(value, self.low)))
        share = (min(value, high) - low) / (high - low) if high > low else 0.5
        return self._begin + share * (self._end - self._begin)


def _line(one: dict[str, Any], xs: list[float], x: _Axis, y: _Axis, colour: str) -> str:
    """The points of a series; a new stroke after each gap, but points that are measured now and then are joined."""
    strokes: list[list[str]] = [[]]
    for at, value in zip(xs, one["y"], strict=True):
        if value is None:
            strokes.append([])
        else:
            strokes[-1].append(f"{x.place(at):.1f},{y.place(value):.1f}")
    look = f'stroke="{colour}" stroke-width="{1 if one["style"] == "faint" else 2}"'
    look += ' stroke-dasharray="5 4"' if one["style"] == "dashed" else ""
    look += ' stroke-opacity="0.5"' if one["style"] == "faint" else ""
    drawn = _band(one, xs, x, y, colour) if "low" in one else ""
    if one["style"] != "points":
        drawn += "".join(f'<polyline fill="none" {look} points="{" ".join(stroke)}"/>' for stroke in strokes if stroke)
    if one["style"] in ("both", "points"):
        points = (point.split(",") for stroke in strokes for point in stroke)
        drawn += "".join(f'<circle cx="{a}" cy="{b}" r="3" fill="{colour}"/>' for a, b in points)
    return drawn


def _band(one: dict[str, Any], xs: list[float], x: _Axis, y: _Axis, colour: str) -> str:
    edges = [*zip(xs, one["low"], strict=True), *reversed([*zip(xs, one["high"], strict=True)])]
    points = " ".join(f"{x.place(at):.1f},{y.place(value):.1f}" for at, value in edges if value is not None)
    return f'<polygon fill="{colour}" fill-opacity="0.16" points="{points}"/>'


def _marks(data: dict[str, Any], x: _Axis) -> str:
    """Dotted lines at places on the horizontal axis, and spans of it."""
    bottom = _HEIGHT - _BOTTOM
    spans = [(x.place(span["low"]), x.place(span["high"]), span["group"]) for span in data["spans"]]
    drawn = [
        f'<rect x="{low:.1f}" y="{_TOP}" width="{max(high - low, 1):.1f}" height="{bottom - _TOP}" '
        f'fill="{_colour(data["groups"], group)}" fill-opacity="0.14"/>'
        for low, high, group in spans
    ]
    drawn += [
        f'<path d="M{x.place(mark["x"]):.1f},{_TOP}V{bottom}" stroke="{_colour(data["groups"], mark["group"])}" '
        'stroke-dasharray="2 3"/>'
        for mark in data["marks"]
    ]
    return "".join(drawn)


def _frame(chart: Chart, x: _Axis, y: _Axis) -> str:
    """The axes with their ends and their names."""
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    return (
        f'<path d="M{_LEFT},{_TOP}V{bottom}H{right}" fill="none" stroke="currentColor" stroke-opacity="0.4"/>'
        '<g fill="currentColor">'
        f'<text x="{_LEFT - 6}" y="{_TOP + 9}" text-anchor="end">{html(cell(y.high))}</text>'
        f'<text x="{_LEFT - 6}" y="{bottom}" text-anchor="end">{html(cell(y.low))}</text>'
        f'<text x="{_LEFT}" y="{bottom + 16}">{html(cell(x.low))}</text>'
        f'<text x="{right}" y="{bottom + 16}" text-anchor="end">{html(cell(x.high))}</text>'
        f'<text x="{(_LEFT + right) / 2:.0f}" y="{bottom + 30}" text-anchor="middle">{html(chart.x)}</text>'
        f'<text transform="translate(14 {(_TOP + bottom) / 2:.0f}) rotate(-90)" text-anchor="middle">{html(chart.y)}'
        "</text></g>"
    )


def _legend(groups: list[dict[str, Any]]) -> str:
    shown = [i for i, group in enumerate(groups) if not group["hidden"]]
    names = [groups[i]["name"] for i in shown[:_ENTRIES]]
    short = [name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…" for name in names]
    entries = [(name, _colour(groups, i)) for name, i in zip(short, shown, strict=False)]
    if len(groups) > len(entries):
        entries.append((f"and {len(groups) - len(entries)} more", "currentColor"))
    return "".join(
        f'<rect x="{_WIDTH - _RIGHT + 16}" y="{_TOP + 2 + 18 * i}" width="14" height="3" fill="{colour}"/>'
        f'<text x="{_WIDTH - _RIGHT + 36}" y="{_TOP + 8 + 18 * i}" fill="currentColor">{html(name)}</text>'
        for i, (name, colour) in enumerate(entries)
    )


def _colour(groups: list[dict[str, Any]], place: int) -> str:
    if groups[place]["plain"]:
        return "currentColor"
    return COLOURS[sum(not group["plain"] for group in groups[:place]) % len(COLOURS)]
