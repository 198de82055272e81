"""What Megatron-LM and its relatives print."""

from __future__ import annotations

import re

from glideslope.laws.logs.format import Format
from glideslope.laws.logs.names import role
from glideslope.laws.logs.printed import NUMBER, lines_of
from glideslope.laws.logs.source import Source
from glideslope.laws.logs.table import Row, Table, of_rows

_TRAINING = re.compile(r"^(?!.*\bglobal_step\b).*\biteration +(\d+)/ *\d+ \|(.*)")  # NeMo prints both
_VALIDATION = re.compile(r"validation(?: loss)? at iteration (\d+)\b[^|]*\|(.*)")
_CELL = re.compile(rf"\s*([^:|]+): *({NUMBER})\s*(?:\||$)")


def _tables(source: Source) -> list[Table] | None:
    rows: list[Row] = []
    for line in lines_of(source):
        for form, before in ((_TRAINING, ""), (_VALIDATION, "val ")):
            if match := form.search(line):
                cells = {name.strip(): value for name, value in _CELL.findall(match[2])}
                rows.append({"step": match[1]} | {
                    before + name if role(name) == "training" else name: value
                    for name, value in cells.items() if role(name) not in (None, "step", "epoch")
                })  # fmt: skip
    return [of_rows(rows)] if any(len(row) > 1 for row in rows) else None


FORMAT = Format("logs of Megatron-LM", _tables)
