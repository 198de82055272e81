"""The logs of fairseq, in JSON and as text."""

from __future__ import annotations

import re

from glideslope.laws.logs.format import Format
from glideslope.laws.logs.json_text import object_of
from glideslope.laws.logs.printed import NUMBER, lines_of
from glideslope.laws.logs.source import Source
from glideslope.laws.logs.table import Row, Table, of_rows

_SIGN = re.compile(r"\|\s*(?:epoch\s+\d+|train_inner|train|valid)\s*[|:].*num_updates")
_PAIR = re.compile(rf"([A-Za-z_]\w*)[= ]({NUMBER})(?=[,\s|]|$)")


def _row(line: str) -> Row | None:
    """A line's row: of the updates within an epoch ("train_inner"), of a validation, or None, as of a whole epoch's."""
    if "num_updates" not in line or not _SIGN.search(line):
        return None
    at = line.find("{")
    row = object_of(line[at:]) if at >= 0 and line.endswith("}") else dict(_PAIR.findall(line))
    if row is None:
        return None
    validation = bool(re.search(r"\|\s*valid\b|valid on ", line))
    of_an_epoch = not validation and bool(re.search(r"\|\s*train\s*\||epoch \d+ \|", line))
    short = {re.sub(r"^(train|valid)_", "", name): value for name, value in row.items()}
    name = "val_loss" if validation else "train_loss_epoch" if of_an_epoch else "loss"
    kept = {"step": short.get("num_updates"), name: short.get("loss"), "lr": None if validation else short.get("lr")}
    return {name: value for name, value in kept.items() if value is not None}


def _tables(source: Source) -> list[Table] | None:
    rows = [row for line in lines_of(source) if (row := _row(line))]
    return [of_rows(rows)] if rows else None


FORMAT = Format("logs of fairseq", _tables)
