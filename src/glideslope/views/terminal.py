"""Curves, tables and live progress in a terminal."""

from __future__ import annotations

import itertools
import math
import string
from collections.abc import Iterable, Sequence

import numpy as np
from rich.table import Table
from rich.text import Text

from glideslope.escape import visible
from glideslope.views.curves import Curve, Time

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_SIZE = 66, 14
_LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits
_COLOURS = ("cyan", "magenta", "yellow", "green", "red", "blue")


def braille(at: np.ndarray, values: np.ndarray, width: int, height: int, low: float, high: float) -> list[list[str]]:
    """A curve of values, shape (n,), at times from 0 on, shape (n,), as rows of Braille characters, two by four dots
    each, between a bound at the bottom and one at the top. A column has the value in its middle, and the largest and
    the least of all in it, so that no peak is lost."""
    canvas = np.zeros((height, width), dtype=int)
    middles = np.linspace(at[0], at[-1], 2 * width)
    nearest = np.abs(at[:, None] - middles).argmin(0) if len(at) <= 2 * width else _nearest(at, middles)
    column = np.rint((at - at[0]) / max(at[-1] - at[0], 1) * (2 * width - 1)).astype(int)
    tops, bottoms = values[nearest].astype(float), values[nearest].astype(float)
    np.maximum.at(tops, column, values)
    np.minimum.at(bottoms, column, values)
    span = (high - low) or 1.0
    shares = np.clip(1 - (np.stack([values[nearest], tops, bottoms]) - low) / span, 0.0, 1.0)
    for row in np.rint(shares * (4 * height - 1)).astype(int):
        for x, y in enumerate(row.tolist()):
            canvas[y // 4, x // 2] |= _DOTS[y % 4][x % 2]
    return [[chr(0x2800 + cell) for cell in row] for row in canvas]


def _nearest(at: np.ndarray, middles: np.ndarray) -> np.ndarray:
    """The places in `at` that are nearest to each of some times."""
    after = np.clip(np.searchsorted(at, middles), 1, len(at) - 1)
    return np.asarray(np.where(middles - at[after - 1] <= at[after] - middles, after - 1, after))


def curves(drawn: Sequence[Curve], time: Time, log: bool) -> Text:
    """Curves in one picture, of several each with a colour and a letter; marks under the axis where phases begin."""
    width, height = _SIZE
    top = max(float(curve.rates.max()) for curve in drawn) or 1.0
    positive = [curve.rates[curve.rates > 0].min() for curve in drawn if np.any(curve.rates > 0)]
    bottom = max(min(positive, default=top), 1e-6 * top) if log else 0.0
    cells = [[(" ", "") for _ in range(width)] for _ in range(height)]
    marks = [" "] * width
    letters = _LETTERS[: len(drawn)] if len(drawn) > 1 else ""
    rows_of: list[dict[int, list[int]]] = []
    for curve, colour in zip(drawn, itertools.cycle(_COLOURS)):
        rows_of.append({})
        rates = np.log10(np.maximum(curve.rates, bottom)) if log else curve.rates
        bounds = (math.log10(bottom), math.log10(top)) if log else (bottom, top)
        for y, row in enumerate(braille(curve.at, rates, width, height, *bounds)):
            for x, character in enumerate(row):
                if character != chr(0x2800):
                    rows_of[-1].setdefault(x, []).append(y)
                    before = ord(cells[y][x][0]) - 0x2800 if cells[y][x][1] else 0
                    cells[y][x] = (chr(0x2800 + (before | (ord(character) - 0x2800))), colour)
        for boundary in curve.boundaries:
            marks[min(int(boundary / curve.steps * width), width - 1)] = "╵"
    for (x, y), i in _lettered(rows_of, width).items() if letters else ():
        cells[y][x] = (letters[i % len(letters)], _COLOURS[i % len(_COLOURS)])
    picture = Text()
    for y, line in enumerate(cells):
        label = f"{top:.3g}" if y == 0 else f"{bottom:.3g}" if y == height - 1 else ""
        picture.append(f"{label:>9} ┤")
        for character, colour in line:
            picture.append(character, colour)
        picture.append("\n")
    picture.append(f"{'':>11}{''.join(marks).rstrip()}\n")
    last = f"{drawn[0].steps * time.per_update:.6g} {time.name}"
    picture.append(f"{'0':>12}{last:>{width - 2}}")
    for i, (curve, colour) in enumerate(zip(drawn, itertools.cycle(_COLOURS))):
        picture.append(f"\n{letters[i % len(letters)] if letters else '━━'} ", colour).append(visible(curve.text))
    return picture


def _lettered(rows_of: Sequence[dict[int, list[int]]], width: int) -> dict[tuple[int, int], int]:
    """The cells, (column, row), that have a curve's letter, with the curve's place: every few columns, each curve in
    columns of its own, so that one that lies on another has letters too. `rows_of` has the rows of each curve in each
    of `width` columns."""
    apart = max(8, len(rows_of))
    lettered: dict[tuple[int, int], int] = {}
    for i, rows in enumerate(rows_of):
        first = (i * apart // len(rows_of) + apart // 2) % apart
        for x in range(first, width, apart):
            if x in rows:
                lettered[x, rows[x][len(rows[x]) // 2]] = i
    return lettered


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    """A table; numbers are written with four significant digits."""
    grid = Table(title=Text(visible(title)), title_justify="left")
    for i, column in enumerate(columns):
        grid.add_column(Text(visible(column)), justify="left" if i == 0 else "right", overflow="fold")
    for row in rows:
        grid.add_row(*(Text(visible(cell(value))) for value in row))
    return grid


def cell(value: object) -> str:
    """A value as a table shows it."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else "diverged" if value == math.inf else "–"
    return str(value)
