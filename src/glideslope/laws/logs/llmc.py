"""The logs of llm.c: its main.log, and what it prints."""

from __future__ import annotations

import re

from glideslope.laws.logs.format import Format
from glideslope.laws.logs.printed import NUMBER, lines_of
from glideslope.laws.logs.source import Source
from glideslope.laws.logs.table import Row, Table, of_rows

_LOGGED = re.compile(rf"s:(\d+)((?: +\w+:{NUMBER})+)")
_PRINTED = re.compile(rf"step +(\d+)/\d+ \| (?:train )?loss:? ({NUMBER}).*?\| lr:? ({NUMBER})")
_VALIDATION = re.compile(rf"val(?:idation)? loss:? ({NUMBER})")
_NAMES = {"trl": "train loss", "tel": "val loss", "eval": "hellaswag"}


def _tables(source: Source) -> list[Table] | None:
    rows: list[Row] = []
    step = 0
    for line in lines_of(source):
        if match := _LOGGED.fullmatch(line):
            cells = dict(cell.split(":") for cell in match[2].split())
            rows.append({"step": match[1]} | {_NAMES.get(name, name): value for name, value in cells.items()})
        elif match := _PRINTED.match(line):
            step = int(match[1])
            rows.append({"step": step, "train loss": match[2], "lr": match[3]})
        elif match := _VALIDATION.fullmatch(line):  # after the updates that were printed
            rows.append({"step": step, "val loss": match[1]})
    return [of_rows(rows)] if any("train loss" in row for row in rows) else None


FORMAT = Format("logs of llm.c", _tables)
