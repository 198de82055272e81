"""Large tables of numbers, read all at once into arrays."""

from __future__ import annotations

import re

import msgspec
import numpy as np

from glideslope.laws.logs.delimited import TABLES
from glideslope.laws.logs.names import ranked
from glideslope.laws.logs.source import Labels, Source
from glideslope.laws.logs.table import Format, Table

LARGE = 200_000  # bytes of a file from which on its numbers are read all at once
_PIECE = 1 << 16  # bytes that are read at a time: so few that what is made of them stays in the processor's cache
_NAME = re.compile(r"[A-Za-z_][\w ./]*(?:-\w[\w ./]*)*")
_CELLS = msgspec.json.Decoder(list[float | None])
_NUMBERS = msgspec.json.Decoder(list[float])
_PACKED = msgspec.msgpack.Encoder()
_FLOAT = np.dtype([("tag", "u1"), ("value", ">f8")])  # a float as MessagePack has it
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
    end = len(content)
    while content[end - 1 : end] == b"\n":
        end -= 1
    rows = np.count_nonzero(np.frombuffer(content, np.uint8)[begin:end] == ord("\n")) + 1
    columns, row = [np.empty(rows) for _ in names], 0
    while begin < end:
        stop = content.find(b"\n", begin + _PIECE, end)
        stop = end if stop < 0 else stop
        numbers = _decoded(content[begin:stop], len(names))
        if numbers is None:
            return None
        for column, values in zip(columns, numbers.reshape(-1, len(names)).T, strict=True):
            column[row : row + len(values)] = values
        begin, row = stop + 1, row + len(numbers) // len(names)
    for column in columns:
        column.flags.writeable = False
    return Table(dict(zip(names, columns, strict=True))) if row else None


def _decoded(lines: bytes, columns: int) -> np.ndarray | None:
    """The numbers of some lines, NaN for an empty cell; None for text, no number in JSON, or other columns."""
    line, separators = b"," * (columns - 1) + b"\n", lines.translate(None, _IN_NUMBERS) + b"\n"
    if separators != line * (len(separators) // len(line)):
        return None
    cells = lines.replace(b"\n", b",")
    try:
        numbers = _NUMBERS.decode(b"[%b]" % cells)
    except msgspec.DecodeError:
        return _with_empty(cells)
    packed = _PACKED.encode(numbers)  # which NumPy reads in half of the time that the list takes
    return np.frombuffer(packed, _FLOAT, len(numbers), len(packed) - len(numbers) * _FLOAT.itemsize)["value"]


def _with_empty(cells: bytes) -> np.ndarray | None:
    """The numbers of cells, NaN where one is empty; None if one is no number in JSON."""
    filled = b",%b," % cells
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
