"""Tables in files: a row for each measurement, whatever separates its cells."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glideslope.errors import LawError
from glideslope.laws.names import BATCH, EPOCH, FINAL, RATE, STEP, TRAINING, VALIDATION, again, normal, number, ranked

Row = dict[str, Any]
"""The cells of a row by the name of their column: text, or numbers."""

_SEPARATORS = (",", "\t", ";", "|")
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+([eE][-+]?\d+)?")
_NAMES = STEP + RATE + TRAINING + VALIDATION + FINAL + BATCH + EPOCH


@dataclass(frozen=True)
class Table:
    """The rows of a file.

    Attributes:
        columns: their names, in the order of the file.
        rows: the cells of each row.
        notes: what was skipped.
    """

    columns: tuple[str, ...]
    rows: list[Row]
    notes: tuple[str, ...] = ()


def text_of(file: Path) -> str:
    """The text of a file, in UTF-8, or in UTF-16 where it says so.

    Raises:
        LawError: it can't be read, or is empty.
    """
    try:
        content = file.read_bytes()
        wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LawError(f"{file} can't be read: {error}") from None
    if "\0" in text:
        raise LawError(f"{file} can't be read: it isn't text")
    if not text.strip():
        raise LawError(f"{file} is empty")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def has_header(text: str) -> bool:
    """Whether a text begins as a table: a line of names, the step's among them."""
    lines = text.splitlines()
    header = lines[_header(lines)]
    cells, _ = _split(header)
    return (
        bool(ranked(cells, STEP + EPOCH)) and len(cells) > 1 and not any(re.match(r"[-+.]?\d", cell) for cell in cells)
    )


def of_text(file: Path, text: str) -> Table:
    """The table in a text; lines that begin with # before its header are comments.

    Raises:
        LawError: it has no rows, a row has more cells than the header, or a second header follows.
    """
    lines = text.splitlines(keepends=True)
    first = _header(lines)
    _, separator = _split(lines[first])
    rest = lines[first].lstrip().removeprefix("#").lstrip() + "".join(lines[first + 1 :])
    if lines[first].lstrip()[:1] != "#":
        rest = "".join(lines[first:])
    records = _records(file, rest, separator, first)
    _, names = next(records, (0, []))
    names = [name.strip() for name in names]
    seen = Counter(names)
    columns = [
        again(name, place) if name and names.index(name) < place - 1 else name for place, name in enumerate(names, 1)
    ]
    measured = ranked(columns, _NAMES)
    notes = [f"{seen[name]} columns are named {name!r}" for name in seen if name and seen[name] > 1]
    rows, short = [], 0
    for line, cells in records:
        notes += _swallowed(line, cells, separator, len(names))
        if not any(cell.strip() for cell in cells) or [cell.strip() for cell in cells] == names:
            continue
        if any(cell.strip() for cell in cells[len(names) :]):
            if cells[0].lstrip()[:1] == "#":
                continue
            raise LawError(
                f"{file}, line {line}: {len(cells)} cells under a header of {len(names)}: give a cell for each column "
                "(where commas separate cells, write numbers with a point, and quotes around a schedule with commas)"
            )
        row = dict(zip(columns, cells, strict=False))
        numbers = any(math.isfinite(number(row.get(name))) for name in measured)
        if not numbers and len(set(map(normal, cells)) & set(_NAMES)) > 1 and ranked(cells, STEP):
            raise LawError(f"{file}, line {line}: a second header: give each table a file of its own")
        short += len(cells) < len(names)
        rows.append(row if separator == "," else {name: _with_point(cell) for name, cell in row.items()})
        for name in measured if separator == "," else []:
            if _DECIMAL_COMMA.fullmatch(row.get(name, "").strip()):
                raise LawError(f"{file}, line {line}: {row[name]!r} in the column {name!r}: write numbers with a point")
    if not rows:
        raise LawError(f"{file} has no rows under its header")
    if short:
        notes.append(f"{short} row{'s have' if short > 1 else ' has'} fewer cells than the header")
    return Table(tuple(columns), rows, tuple(notes))


def _swallowed(line: int, cells: list[str], separator: str, columns: int) -> list[str]:
    """A note on a cell that holds whole rows, since a quote before them isn't closed."""
    lines = [part for cell in cells if "\n" in cell for part in cell.split("\n")[1:]]
    if not any(part.count(separator) >= columns - 1 for part in lines):
        return []
    number = sum(bool(part.strip()) for part in lines)
    return [f"line {line - len(lines) + (not lines[-1])}: a quote isn't closed in its row, and what follows up to line "
            f"{line}, {number} row{'s' if number > 1 else ''}, is in one cell and not read"]  # fmt: skip


def _records(file: Path, text: str, separator: str, before: int) -> Iterator[tuple[int, list[str]]]:
    """The records of a text with the lines that they end on."""
    if separator == " ":
        yield from ((before + i, line.split()) for i, line in enumerate(text.splitlines(), 1))
        return
    reader = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
    try:
        for cells in reader:
            yield before + reader.line_num, cells
    except csv.Error as error:
        raise LawError(f"{file} can't be read: {error}") from None


def _header(lines: list[str]) -> int:
    """The line of the header: the first that is no comment, or a comment before it, if only that names the step."""
    written = [i for i, line in enumerate(lines) if line.strip()]
    first = next((i for i in written if lines[i].lstrip()[:1] != "#"), written[0])
    if ranked(_split(lines[first])[0], STEP + EPOCH):
        return first
    comments = [i for i in written if i < first and ranked(_split(lines[i])[0], STEP)]
    return comments[-1] if comments else first


def _split(line: str) -> tuple[list[str], str]:
    """The names in a header, and what separates them: what gives the most names that are known, then the most."""
    line = line.strip().removeprefix("#").strip()
    best: tuple[tuple[int, int], list[str], str] = ((-1, 0), line.split(), " ")
    for separator in _SEPARATORS if any(sign in line for sign in _SEPARATORS) else ():
        try:
            cells = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
        except csv.Error:
            continue
        known = ranked([cell.rpartition(" - ")[2] for cell in cells], _NAMES)  # of a chart's, the metric
        if (len(known), len(cells)) > best[0]:
            best = (len(known), len(cells)), [cell.strip() for cell in cells], separator
    return best[1], best[2]


def _with_point(cell: str) -> str:
    return cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell.strip()) else cell
