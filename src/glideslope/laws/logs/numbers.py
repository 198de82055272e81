"""Large tables of numbers, read all at once into arrays."""

from __future__ import annotations

import re

import msgspec
import numpy as np

from glideslope.laws.logs.delimited import TABLES
from glideslope.laws.logs.format import Format
from glideslope.laws.logs.names import named, ranked
from glideslope.laws.logs.source import Source
from glideslope.laws.logs.table import Table
from glideslope.laws.values import read_only

LARGE = 200_000
"""Bytes of a file from which on its numbers are read all at once."""
_NAME = re.compile(r"[A-Za-z_][\w ./]*(?:-\w[\w ./]*)*")
_CELLS = msgspec.json.Decoder(list[float | None])
_IN_NUMBERS = b"0123456789+-.eE"


def of_numbers(content: bytes, step: str | None = None) -> Table | None:
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
    if not plain or not (ranked(names, "step", "epoch") or (step and named(names, step))):
        return None
    line = b"," * (len(names) - 1) + b"\n"
    separators = content[begin:].translate(None, _IN_NUMBERS).rstrip(b"\n") + b"\n"
    if not begin or separators != line * (len(separators) // len(line)):
        return None  # text, or a row with more cells or fewer
    cells = content[begin:].rstrip(b"\n").replace(b"\n", b",")
    if b",," in cells or cells[:1] == b"," or cells[-1:] == b",":
        cells = b"," + cells + b","
        while b",," in cells:
            cells = cells.replace(b",,", b",null,")
        cells = cells[1:-1]
    try:
        numbers = np.array(_CELLS.decode(b"[%b]" % cells), dtype=float).reshape(-1, len(names))
    except msgspec.DecodeError:
        return None
    return Table({name: read_only(numbers[:, i]) for i, name in enumerate(names)})


def _tables(source: Source) -> list[Table] | None:
    table = of_numbers(source.content, source.columns.step) if len(source.content) >= LARGE else None
    return None if table is None else [table]


FORMAT = Format(TABLES, _tables)
