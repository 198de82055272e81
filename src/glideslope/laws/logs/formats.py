"""The formats of logs that are read, and which of them a file is of."""

from __future__ import annotations

from glideslope.laws.logs import delimited, json_text, mlflow, numbers, printed, scripts, tensorboard, wandb_charts
from glideslope.laws.logs.source import Source, UnknownFormatError
from glideslope.laws.logs.table import Format, Table

FORMATS: tuple[Format, ...] = (
    mlflow.FOLDER, tensorboard.EVENTS, tensorboard.DOWNLOAD, numbers.FORMAT, wandb_charts.FORMAT, mlflow.EXPORT,
    json_text.FORMAT, *scripts.FORMATS, delimited.WITH_HEADER, printed.FORMAT, delimited.FORMAT,
)  # fmt: skip
"""In the order in which they are tried: the narrower before the wider."""


def tables_of(source: Source) -> list[Table]:
    """The named columns in a file. Raises a LawError if it can't be read, or that says what it looks like."""
    try:
        read = (form.tables(source) for form in FORMATS)
        tables = next((tables for tables in read if tables is not None), None)
        if tables is None:
            raise UnknownFormatError(source.path, _kind(source))
        return tables
    except UnknownFormatError as error:
        names = "; ".join(dict.fromkeys(form.name for form in FORMATS))
        raise UnknownFormatError(error.path, error.kind, names) from None


def _kind(source: Source) -> str:
    """What a text looks like that is of no format."""
    begin = source.text.lstrip()[:200].lower()
    for sign, kind in (("<!doctype html", "a web page"), ("<html", "a web page"), ("<", "XML"), ("{", "broken JSON"),
                       ("[", "broken JSON")):  # fmt: skip
        if begin.startswith(sign):
            return kind
    kinds = {".py": "a program", ".yaml": "a configuration", ".yml": "a configuration", ".toml": "a configuration"}
    return kinds.get(source.ending, "text in which no line has a step and a loss, and no header names them")
