"""Logs that are no tables: JSON, and the lines that training scripts print."""

from __future__ import annotations

import ast
import json
import re
import warnings
from pathlib import Path
from typing import Any

from glideslope.errors import LawError
from glideslope.laws.names import EPOCH, STEP, normal, ranked
from glideslope.laws.tables import Row, Table

_NUMBER = r"[-+]?(?:\d+(?:,\d+)*\.?\d*(?:[eE][-+]?\d+)?|\.\d+|(?i:nan|inf)\b)"
_WORD = r"(?!(?i:nan|inf)\b)[A-Za-z_][\w./-]*"
_NAME = rf"(?<![\w./-]){_WORD}(?: (?:{_WORD}|\([\w ]*\)))*"
_PAIR = re.compile(rf"({_NAME})\s*[:= ]\s*\[?({_NUMBER})(?!\w)|(?<![\w./-])({_WORD})[:=]({_NUMBER})")
_LONGEST = 4000
"""A longer line is no measurement that a script printed."""
_SHORT = re.compile(rf"(\d+) (train|val|hella) ({_NUMBER})")  # build-nanogpt's
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+")
_LEVELS = re.compile(r"(?:(?:info|debug|warning|train|training|at) )+", re.IGNORECASE)
_LLMC = {"s": "step", "trl": "train loss", "tel": "val loss"}
_MEGATRON = "validation loss at iteration"


def of_json(file: Path, text: str) -> Table | None:
    """The rows in a JSON text: a list of objects, an object with such a list under `log_history`, as Transformers has
    it, an object of lists, or an object a line; None if it is none of these.

    Raises:
        LawError: an object has no rows.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return _of_json_lines(text)
    if isinstance(document, dict) and isinstance(document.get("log_history"), list):
        document = document["log_history"]
    if isinstance(document, dict) and document and all(isinstance(value, list) for value in document.values()):
        longest = max(map(len, document.values()))
        if any(len(value) != longest for value in document.values()):
            raise LawError(f"{file}: its lists are of different lengths")
        document = [dict(zip(document, values, strict=True)) for values in zip(*document.values(), strict=True)]
    if isinstance(document, dict):
        document = [document]
    rows = [_flat(entry) for entry in document if isinstance(entry, dict)] if isinstance(document, list) else []
    if not rows:
        raise LawError(f"{file} has no rows: give a list of objects, such as the log_history of Transformers")
    return _table(rows, len(document) - len(rows))


def of_lines(text: str) -> Table | None:
    """The rows in the lines that a script printed: those with a step and another number; None if there are none."""
    rows = [row for line in _COLOURS.sub("", text).splitlines() if (row := _of_line(line.strip()))]
    return _table(rows, 0) if rows else None


def _of_json_lines(text: str) -> Table | None:
    lines = [line for line in text.splitlines() if line.strip()]
    rows = [row for line in lines if (row := _object(line.strip())) is not None]
    return _table(rows, len(lines) - len(rows)) if 2 * len(rows) > len(lines) else None


def _table(rows: list[Row], skipped: int) -> Table:
    columns = dict.fromkeys(name for row in rows for name in row)
    notes = (f"{skipped} line{'s' if skipped > 1 else ''} that {'are' if skipped > 1 else 'is'} no object skipped",)
    return Table(tuple(columns), rows, notes if skipped else ())


def _object(text: str) -> Row | None:
    """The object that a text is, in JSON or as Python prints it."""
    for parse in (json.loads, ast.literal_eval):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)  # of text that is no Python
                entry = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return _flat(entry) if isinstance(entry, dict) else None
    return None


def _flat(entry: dict[Any, Any], before: str = "") -> Row:
    """An object's values, those of objects in it by both names."""
    row: Row = {}
    for name, value in entry.items():
        if isinstance(value, dict):
            row |= _flat(value, f"{before}{name}/")
        else:
            row[f"{before}{name}"] = value
    return row


def _of_line(line: str) -> Row | None:
    if match := _SHORT.fullmatch(line):
        return {"step": match[1], f"{match[2]} loss" if match[2] != "hella" else "hellaswag": match[3]}
    if "{" in line and line.endswith("}") and (row := _object(line[line.index("{") :])):
        for name in [name for name in row if name.endswith("_num_updates")]:  # fairseq's, for each kind of line
            row["num_updates"] = row.pop(name)
        return row if ranked(row, STEP + EPOCH) else None
    pairs: Row = {}
    if len(line) > _LONGEST:
        return None
    for name, value, name_after, value_after in _PAIR.findall(line):
        short = _LEVELS.sub("", name or name_after) if ranked([_LEVELS.sub("", name or name_after)], STEP) else ""
        pairs.setdefault(_LLMC.get(name or name_after, short or name or name_after), value or value_after)
    if _MEGATRON in pairs:
        pairs["step"] = pairs.pop(_MEGATRON)
    steps = ranked(pairs, STEP)
    if not steps or len(pairs) < 2:
        return None
    # A script names the step anew in each kind of line, so that no column has it in all of them.
    step = str(pairs[steps[0]])
    step = step.replace(",", "") if _THOUSANDS.fullmatch(step) else step
    return {"step": step} | {name: value for name, value in pairs.items() if normal(name) not in STEP}
