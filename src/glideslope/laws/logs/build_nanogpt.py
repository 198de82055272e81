"""The log.txt of build-nanogpt: `100 train 3.25`."""

from __future__ import annotations

import re

from glideslope.laws.logs.format import Format
from glideslope.laws.logs.modded_nanogpt import FORMAT as NANOGPT
from glideslope.laws.logs.printed import NUMBER, lines_of
from glideslope.laws.logs.source import Source
from glideslope.laws.logs.table import Table, of_rows

_LINE = re.compile(rf"(\d+) (train|val) ({NUMBER})")


def _tables(source: Source) -> list[Table] | None:
    matches = [match for line in lines_of(source) if (match := _LINE.fullmatch(line))]
    return [of_rows([{"step": match[1], f"{match[2]} loss": match[3]} for match in matches])] if matches else None


FORMAT = Format(NANOGPT.name, _tables)
