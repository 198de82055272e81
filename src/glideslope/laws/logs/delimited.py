"""Tables in files: a row for each measurement, whatever separates its cells."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from glideslope.errors import LawError
from glideslope.laws.logs.names import ROLES, again, named, number, ranked
from glideslope.laws.logs.source import Labels, Source
from glideslope.laws.logs.table import Format, Row, Table, of_rows

_SEPARATORS = (",", "\t", ";", "|")
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+([eE][-+]?\d+)?")
_DECIMAL_POINT = re.compile(r"[-+]?\d*\.\d+([eE][-+]?\d+)?")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}([,.' _\u00a0\u2009\u202f])\d{3}(?:\1\d{3})*")
"""A whole number whose thousands are apart."""
_NAME = re.compile(r"[A-Za-z_#][\w ./#%()\[\]-]*")
_MEASURED = re.compile(r"[:=]\s*[-+.]?\d|\[\d+/\d+\]")  # what no header has: a value beside its name
_JSON = re.compile(r'\s*[\[{][\[{\s]*"')
_OF_LINES = re.compile(r"[-+:| =]+")


def table(source: Source) -> Table:
    """The table in a file; lines that begin with # before its header are comments, and those after it are skipped.
    Raises a LawError if it has no rows, a row has more cells than the header, or a second header follows."""
    file, lines = source.path, source.lines
    first = _header(lines, source.labels)
    names, separator = _split(lines[first], source.labels)
    if all(math.isfinite(number(name)) for name in names):
        raise LawError(f"{file} has no header: begin it with a line of names, such as step,lr,loss")
    records = list(_records(source, "\n".join(lines[first + 1 :]), separator, first + 1))
    filled = [len(cells) for _, cells in records if any(map(str.strip, cells))]
    if separator == " " and filled and set(filled) == {len(names) + 1}:
        names = ["", *names]  # what pandas prints has no name over its index
    seen = Counter(names)
    columns = [
        again(name, place) if name and names.index(name) < place - 1 else name for place, name in enumerate(names, 1)
    ]
    measured = [
        *ranked(columns, *ROLES),
        *(name for label in _labelled(source.labels) for name in named(columns, label)),
    ]
    notes = [f"{seen[name]} columns are named {name!r}" for name in seen if name and seen[name] > 1]
    rows: list[Row] = []
    short = 0
    for line, cells in records:
        notes += _swallowed(line, cells, separator, len(names))
        stripped = [cell.strip() for cell in cells]
        if not any(stripped) or stripped == names or (len(cells) != len(names) and stripped[0][:1] == "#"):
            continue
        if separator == "|" and all(_OF_LINES.fullmatch(cell) for cell in stripped if cell):
            continue
        if any(stripped[len(names) :]):
            raise LawError(
                f"{file}, line {line}: {len(cells)} cells under a header of {len(names)}: give a cell for each column "
                "(where commas separate cells, write numbers with a point, and quotes around a schedule with commas)"
            )
        row: Row = dict(zip(columns, cells, strict=False))
        numbers = any(math.isfinite(number(row.get(name))) for name in measured)
        if not numbers and len(ranked(stripped, *ROLES)) > 1 and ranked(stripped, "step"):
            raise LawError(f"{file}, line {line}: a second header: give each table a file of its own")
        short += len(cells) < len(names)
        rows.append(row | {" line": line})
    if not rows:
        raise LawError(f"{file} has no rows under its header")
    if short:
        notes.append(f"{short} row{'s have' if short > 1 else ' has'} fewer cells than the header")
    _write_points(source, rows, measured, separator)
    read = of_rows([{name: row.get(name) for name in columns} for row in rows], tuple(notes))
    return replace(read, lines=tuple(row[" line"] for row in rows))


def header(source: Source) -> list[str]:
    """The names in the header of a table; those of any line, where the file is none."""
    return _split(source.lines[_header(source.lines, source.labels)], source.labels)[0]


def _write_points(source: Source, rows: list[Row], measured: list[str], separator: str) -> None:
    """Writes a table's numbers with a point. Raises a LawError if it doesn't show which of , and . that is."""
    steps = [*ranked(measured, "step"), *filter(source.labels.is_step, measured)]
    cells = [(row, name, row[name].strip()) for row in rows for name in row if isinstance(row[name], str)]
    signs = {
        sign
        for _, _, cell in cells
        for sign, form in ((",", _DECIMAL_COMMA), (".", _DECIMAL_POINT))
        if form.fullmatch(cell) and not _THOUSANDS.fullmatch(cell)
    }
    decimal = "" if len(signs) != 1 else signs.pop()
    for row, name, cell in cells:
        thousands = _THOUSANDS.fullmatch(cell)
        if name in steps and thousands and thousands[1] != (decimal or "."):
            if thousands[1] == "," and not decimal:
                raise LawError(
                    f"{source.path}, line {row[' line']}: {cell!r} in the column {name!r} may be a thousand or a "
                    "decimal: write numbers with a point, and steps without separators"
                )
            row[name] = cell.replace(thousands[1], "")
        elif _DECIMAL_COMMA.fullmatch(cell) and separator != ",":
            row[name] = cell.replace(",", ".") if decimal != "." or not thousands else cell.replace(",", "")
        elif _DECIMAL_COMMA.fullmatch(cell) and name in measured:
            raise LawError(
                f"{source.path}, line {row[' line']}: {cell!r} in the column {name!r}: write numbers with a point"
            )


def _labelled(columns: Labels) -> list[str]:
    return [name for name in (columns.step, *columns.steps, columns.lr, columns.loss) if name]


def _swallowed(line: int, cells: list[str], separator: str, columns: int) -> list[str]:
    """A note on a cell that holds whole rows, since a quote before them isn't closed."""
    lines = [part for cell in cells if "\n" in cell for part in cell.split("\n")[1:]]
    if not any(part.count(separator) >= columns - 1 for part in lines):
        return []
    number = sum(bool(part.strip()) for part in lines)
    return [f"line {line - len(lines) + (not lines[-1])}: a quote isn't closed in its row, and what follows up to line "
            f"{line}, {number} row{'s' if number > 1 else ''}, is in one cell and not read"]  # fmt: skip


def _records(source: Source, text: str, separator: str, before: int) -> Iterator[tuple[int, list[str]]]:
    """The records of a text with the lines that they end on."""
    if separator == " ":
        yield from ((before + i, line.split()) for i, line in enumerate(text.split("\n"), 1))
        return
    reader = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
    try:
        for cells in reader:
            yield before + reader.line_num, cells
    except csv.Error as error:
        raise LawError(f"{source.path} can't be read: {error}") from None


def _header(lines: list[str], labels: Labels) -> int:
    """The line of the header: the first that is no comment, or a comment before it, if only that names the step."""
    written = [i for i, line in enumerate(lines) if line.strip() and not re.fullmatch(r"sep=.", line.strip())]
    first = next((i for i in written if lines[i].lstrip()[:1] != "#"), written[0])
    if _has_steps(_split(lines[first], labels)[0], labels):
        return first
    comments = [i for i in written if i < first and _has_steps(_split(lines[i], labels)[0], labels, "step")]
    return comments[-1] if comments else first


def _has_steps(cells: list[str], labels: Labels, *roles: str) -> bool:
    return bool(ranked(cells, *(roles or ("step", "epoch"))) or any(map(labels.is_step, cells)))


def _split(line: str, labels: Labels) -> tuple[list[str], str]:
    """The names in a header, and what separates them: what gives the most names that are known, then the most. The line
    of a JSON file is no header, and may be all of it."""
    if _JSON.match(line):
        return [line.strip()], " "
    line = line.strip("\ufeff ").removeprefix("#").strip(" ") if line.lstrip()[:1] == "#" else line
    best: tuple[tuple[int, int], list[str], str] = ((-1, 0), line.split(), " ")
    for separator in _SEPARATORS if any(sign in line for sign in _SEPARATORS) else ():
        try:
            cells = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
        except csv.Error:
            continue
        metrics = [cell.rpartition(" - ")[2] for cell in cells]  # of a chart's, the metric
        known = len(ranked(metrics, *ROLES)) + sum(bool(named(metrics, name)) for name in _labelled(labels))
        if (known, len(cells)) > best[0]:
            best = (known, len(cells)), [cell.strip() for cell in cells], separator
    return best[1], best[2]


def _with_header(source: Source) -> list[Table] | None:
    """The table in a file that is called one, or begins with a line of names, the step's among them."""
    cells = header(source)
    numbers = any(re.match(r"[-+.]?\d", cell) or _MEASURED.search(cell) for cell in cells)
    names = _has_steps(cells, source.labels) and len(cells) > 1 and not numbers
    return [table(source)] if names or source.ending in (".csv", ".tsv") else None


def _even(source: Source) -> list[Table] | None:
    """The table in a file whose first line has names, and whose next lines have as many numbers."""
    first = _header(source.lines, source.labels)
    names, separator = _split(source.lines[first], source.labels)
    below = [line for line in source.lines[first + 1 : first + 6] if line.strip()]
    cells = [line.split(None if separator == " " else separator) for line in below]
    of_numbers = all(sum(math.isfinite(number(cell)) for cell in row) * 2 >= len(names) == len(row) for row in cells)
    named_all = all(_NAME.fullmatch(name) for name in names)
    return [table(source)] if len(names) > 1 and cells and of_numbers and named_all else None


TABLES = "tables (CSV, or with tabs, semicolons, bars or spaces)"
WITH_HEADER = Format(TABLES, _with_header)
FORMAT = Format(TABLES, _even)
