"""A step, or an epoch, on one line and its measurements on the next, as OLMo, Composer and Keras print them."""

from __future__ import annotations

import re

from glideslope.laws.logs.format import Format
from glideslope.laws.logs.printed import lines_of, pairs
from glideslope.laws.logs.source import Source
from glideslope.laws.logs.table import Row, Table, of_rows

_HEADER = re.compile(r"\[(?:step|batch)=(\d+)(?:/\d+)?(?:,[^\]]*)?\]:?$|^Epoch (\d+)/\d+$")

_WHOLE = re.compile(r"(\d+)/\1(?=\s)")
"""The end of an epoch in a bar of Keras: 100/100."""
_OF_EXAMPLES = re.compile(r"/sample\b|\d[uµ]s/step\b")
"""What says that a bar may count examples, as it did in Keras before batches."""


def _tables(source: Source) -> list[Table] | None:
    rows: list[Row] = []
    for line in lines_of(source):
        if match := _HEADER.search(line):
            rows.append({"step": match[1]} if match[1] else {"epoch": match[2]})
        elif rows:
            measured = {name.removeprefix("Train "): value for name, value in pairs(line).items()}
            rows[-1] |= {name: value for name, value in measured.items() if source.labels.measures(name)}
            if "epoch" in rows[-1] and (whole := _WHOLE.match(line)):
                rows[-1]["part" if _OF_EXAMPLES.search(line) else "batch"] = whole[0]
    rows = [row for row in rows if len(row) > 1]
    return [of_rows(rows)] if rows else None


FORMAT = Format("lines below a step (OLMo, Composer) or an epoch (Keras)", _tables)
