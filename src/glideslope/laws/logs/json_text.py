"""JSON: the state of Transformers' Trainer, a list of objects, an object of lists, or an object a line."""

from __future__ import annotations

import ast
import json
import warnings
from typing import Any

from glideslope.errors import LawError
from glideslope.laws.kinds import check_kind
from glideslope.laws.logs.names import ranked
from glideslope.laws.logs.source import Source
from glideslope.laws.logs.table import Format, Row, Table, of_rows


def flat(entry: dict[Any, Any], before: str = "") -> Row:
    """An object's values, those of objects and lists in it by both names.

    >>> flat({"step": 1, "train": {"loss": 3.2}, "lr": [0.1, 0.2]})
    {'step': 1, 'train/loss': 3.2, 'lr/0': 0.1, 'lr/1': 0.2}
    """
    row: Row = {}
    for name, value in entry.items():
        if isinstance(value, list) and len(value) <= 16:
            value = dict(enumerate(value)) if len(value) != 1 else value[0]
        if isinstance(value, dict):
            row |= flat(value, f"{before}{name}/")
        else:
            row[f"{before}{name}"] = value
    return row


def object_of(text: str) -> Row | None:
    """The object that a text is, in JSON or as Python prints it."""
    for parse in (json.loads, ast.literal_eval):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)  # of text that is no Python
                entry = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        return flat(entry) if isinstance(entry, dict) else None
    return None


def _tables(source: Source) -> list[Table] | None:
    """Raises a LawError if a document has no rows, or is a law."""
    if source.text.lstrip()[0] not in "{[":
        return None
    check_kind(source.path, source.content)
    try:
        document = json.loads(source.text)
    except (ValueError, RecursionError):
        text = source.text
        lines = [line.strip().rstrip(",") for line in text.split("\n") if line.strip() and line.strip() not in "[]"]
        rows = [row for line in lines if (row := object_of(line)) is not None]
        return [of_rows(rows, _skipped(len(lines) - len(rows)))] if 2 * len(rows) > len(lines) else _in_a_row(text)
    document = _history(document)
    if isinstance(document, dict) and document and all(isinstance(value, list) for value in document.values()):
        document = _of_lists(source, document)
    if isinstance(document, dict):
        document = [document]
    rows = [flat(entry) for entry in document if isinstance(entry, dict)] if isinstance(document, list) else []
    if not rows:
        raise LawError(f"{source.path} has no rows: give a list of objects, such as the log_history of Transformers")
    return [of_rows(rows, _skipped(len(document) - len(rows)))]


def _history(document: Any) -> Any:
    """What a document has of measurements: the only list of objects in it, or the only object of lists."""
    if not isinstance(document, dict) or isinstance(document.get("log_history"), list):
        return document["log_history"] if isinstance(document, dict) else document
    lists = [value for value in document.values() if isinstance(value, list) and value and isinstance(value[0], dict)]
    objects = [value for value in document.values() if isinstance(value, dict) and value and
               all(isinstance(entry, list) for entry in value.values())]  # fmt: skip
    return (lists + objects)[0] if len(lists + objects) == 1 else document


def _of_lists(source: Source, document: dict[str, list[Any]]) -> list[Any]:
    longest = max(map(len, document.values()))
    if any(len(value) != longest for value in document.values()):
        raise LawError(f"{source.path}: its lists are of different lengths")
    if not ranked(document, "step", "epoch"):  # as in the history that Keras returns
        document = {"epoch": list(range(1, longest + 1))} | document
    return [dict(zip(document, values, strict=True)) for values in zip(*document.values(), strict=True)]


def _in_a_row(text: str) -> list[Table] | None:
    """Objects one after the other, each over several lines."""
    rows, place, decoder = [], 0, json.JSONDecoder()
    try:
        while place < len(text.rstrip()):
            place += len(text[place:]) - len(text[place:].lstrip())
            entry, place = decoder.raw_decode(text, place)
            rows.append(flat(entry))
    except (ValueError, RecursionError, AttributeError):
        return None
    return [of_rows(rows)] if rows else None


def _skipped(lines: int) -> tuple[str, ...]:
    return (f"{lines} line{'s that are' if lines > 1 else ' that is'} no object skipped",) if lines else ()


FORMAT = Format("JSON (trainer_state.json of Transformers, a list of objects, or an object a line)", _tables)
