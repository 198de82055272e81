"""The logs of nanoGPT's descendants: modded-nanogpt's, below its source, and build-nanogpt's `100 train 3.25`."""

from __future__ import annotations

import re

from glideslope.laws.logs.format import Format
from glideslope.laws.logs.printed import NUMBER, lines_of
from glideslope.laws.logs.source import Source
from glideslope.laws.logs.table import Table, of_rows

_NAME = "logs of nanoGPT, build-nanogpt and modded-nanogpt"
_MODDED = re.compile(r"step:(\d+)/\d+((?: [a-z_]+:\S+)+)$")
_CELL = re.compile(rf"(train_loss|val_loss|loss|lr|learning_rate):({NUMBER})(?= |$)")
_BUILD = re.compile(rf"(\d+) (train|val) ({NUMBER})")


def _of_modded(source: Source) -> list[Table] | None:
    matches = [match for line in lines_of(source) if (match := _MODDED.search(line))]
    rows = [{"step": match[1]} | dict(_CELL.findall(match[2])) for match in matches]
    return [of_rows(rows)] if any(len(row) > 1 for row in rows) else None


def _of_build(source: Source) -> list[Table] | None:
    matches = [match for line in lines_of(source) if (match := _BUILD.fullmatch(line))]
    return [of_rows([{"step": match[1], f"{match[2]} loss": match[3]} for match in matches])] if matches else None


MODDED = Format(_NAME, _of_modded)
BUILD = Format(_NAME, _of_build)
