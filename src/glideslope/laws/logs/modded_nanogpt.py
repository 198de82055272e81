"""The logs of modded-nanogpt, which begin with the source of the program."""

from __future__ import annotations

import re

from glideslope.laws.logs.format import Format
from glideslope.laws.logs.printed import NUMBER, lines_of
from glideslope.laws.logs.source import Source
from glideslope.laws.logs.table import Table, of_rows

_LINE = re.compile(r"step:(\d+)/\d+((?: [a-z_]+:\S+)+)$")
_CELL = re.compile(rf"(train_loss|val_loss|loss|lr|learning_rate):({NUMBER})(?= |$)")


def _tables(source: Source) -> list[Table] | None:
    matches = [match for line in lines_of(source) if (match := _LINE.search(line))]
    rows = [{"step": match[1]} | dict(_CELL.findall(match[2])) for match in matches]
    return [of_rows(rows)] if any(len(row) > 1 for row in rows) else None


FORMAT = Format("logs of nanoGPT, build-nanogpt and modded-nanogpt", _tables)
