"""Large tables of numbers, read all at once into arrays."""

from __future__ import annotations

import re

import msgspec
import numpy as np

from glideslope.laws.logs.delimited import TABLES
from glideslope.laws.logs.format import Format
from glideslope.laws.logs.names import ranked
from glideslope.laws.logs.source import Labels, Source
from glideslope.laws.logs.table import Table
from glideslope.laws.values import read_only

LARGE = 200_000
"""Bytes of a file from which on its numbers are read all at once."""
_NAME = re.compile(r"[A-Za-z_][\w ./]*(?:-\w[\w ./]*)*")
_CELLS = msgspec.json.Decoder(list[float | None])
_NUMBERS = msgspec.json.Decoder(list[float])
_IN_NUMBERS = b"0123456789+-.eE"


def of_numbers(content: bytes, labels: Labels) -> Table | None:
    """The table in the content of a file; None if it isn't one of numbers and empty cells only, with commas under plain
    names, the step's among them: then it has to be read with more care."""
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n")
    begin = content.find(b"\n") + 1
    header = content[:begin].removeprefix(b"\xef\xbb\xbf")
    try:
        names = [name.strip() for name in header.decode().split(",")]
    except UnicodeDecodeError:
        return None
    plain = all(_NAME.fullmatch(name) for name in names) and len(set(names)) == len(names) > 1
    if not plain or not (ranked(names, "step", "epoch") or any(map(labels.is_step, names))):
        return None
    line, end = b"," * (len(names) - 1) + b"\n", len(content)
    while content[end - 1 : end] == b"\n":
        end -= 1
    separators = content[begin:end].translate(None, _IN_NUMBERS) + b"\n"
    if not begin or begin > end or separators != line * (len(separators) // len(line)):
        return None  # text, or a row with more cells or fewer
    cells = bytearray(content[begin - 1 : end + 1].replace(b"\n", b","))  # copies of it take as long as reading it
    cells[0:1], cells[end - begin + 1 :] = b"[", b"]"
    numbers = _decoded(cells)
    if numbers is None:
        return None
    columns = numbers.reshape(-1, len(names)).T
    return Table({name: read_only(values) for name, values in zip(names, columns, strict=True)})


def _decoded(cells: bytearray) -> np.ndarray | None:
    """The numbers of cells in JSON's brackets, NaN where one is empty; None if one is no number in JSON."""
    try:
        numbers = _NUMBERS.decode(cells)
        return np.fromiter(numbers, float, len(numbers))
    except msgspec.DecodeError:
        pass
    filled = b"," + bytes(cells[1:-1]) + b","
    while b",," in filled:
        filled = filled.replace(b",,", b",null,")
    try:
        return np.array(_CELLS.decode(b"[%b]" % filled[1:-1]), dtype=float)
    except msgspec.DecodeError:
        return None


def _tables(source: Source) -> list[Table] | None:
    table = of_numbers(source.content, source.labels) if len(source.content) >= LARGE else None
    return None if table is None else [table]


FORMAT = Format(TABLES, _tables)
