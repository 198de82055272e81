"""Large tables of numbers, kept as columns: a row of 100,000 need not be an object each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import msgspec
import numpy as np

from glideslope.laws.names import EPOCH, STEP, number, ranked
from glideslope.laws.tables import Row, Table
from glideslope.laws.values import read_only

LARGE = 200_000
"""Bytes of a file from which on its numbers are read all at once."""
_NAME = re.compile(r"[A-Za-z_][\w ./]*(?:-\w[\w ./]*)*")
_CELLS = msgspec.json.Decoder(list[float | None])
_NUMBERS = msgspec.json.Decoder(list[float])
_IN_NUMBERS = b"0123456789+-.eE"


@dataclass(frozen=True, eq=False)
class Columns(Sequence[Row]):
    """The rows of a table of numbers, made when they are looked at.

    Attributes:
        columns: by name, shape (n,) each, NaN where a cell is empty.
    """

    columns: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        return _row(self.columns, [values[place] for values in self.columns.values()])

    def __iter__(self) -> Iterator[Row]:
        for cells in zip(*(values.tolist() for values in self.columns.values()), strict=True):
            yield _row(self.columns, cells)


def _row(names: dict[str, np.ndarray], cells: Sequence[float]) -> Row:
    return {name: None if cell != cell else float(cell) for name, cell in zip(names, cells, strict=True)}


def column(rows: Sequence[Row], name: str) -> np.ndarray:
    """The numbers in a column, shape (n,); NaN where a cell holds none."""
    if isinstance(rows, Columns) and name in rows.columns:
        return rows.columns[name]
    return np.array([number(row.get(name)) for row in rows], dtype=float)


def of_large(file: Path) -> Table | None:
    """The table in a large file; None if it isn't one of numbers and empty cells only, with commas under plain names,
    the step's among them: then it has to be read with more care."""
    try:
        if file.stat().st_size < LARGE:
            return None
        content = file.read_bytes()
    except OSError:
        return None
    return of_numbers(content)


def of_numbers(content: bytes) -> Table | None:
    """The table in the content of a file; None as for `of_large`."""
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n")
    begin = content.find(b"\n") + 1
    header = content[:begin].removeprefix(b"\xef\xbb\xbf")
    try:
        names = [name.strip() for name in header.decode().split(",")]
    except UnicodeDecodeError:
        return None
    plain = all(_NAME.fullmatch(name) for name in names) and len(set(names)) == len(names) > 1
    if not plain or not ranked(names, STEP + EPOCH):
        return None
    line, content = b"," * (len(names) - 1) + b"\n", content[begin:].rstrip(b"\n")
    separators = content.translate(None, _IN_NUMBERS) + b"\n"
    if not begin or separators != line * (len(separators) // len(line)):
        return None  # text, or a row with more cells or fewer
    numbers = _decoded(content.replace(b"\n", b","))
    if numbers is None:
        return None
    columns = numbers.reshape(-1, len(names)).T
    rows: Any = Columns({name: read_only(values) for name, values in zip(names, columns, strict=True)})
    return Table(tuple(names), rows)


def _decoded(cells: bytes) -> np.ndarray | None:
    """The numbers of cells with commas between them, NaN where one is empty; None if one is no number in JSON."""
    try:
        numbers = _NUMBERS.decode(b"[%b]" % cells)
        return np.fromiter(numbers, float, len(numbers))
    except msgspec.DecodeError:
        cells = b"," + cells + b","
    while b",," in cells:
        cells = cells.replace(b",,", b",null,")
    try:
        return np.array(_CELLS.decode(b"[%b]" % cells[1:-1]), dtype=float)
    except msgspec.DecodeError:
        return None
