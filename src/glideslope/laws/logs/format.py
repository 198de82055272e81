"""A format of logs: how a file of it is recognised, and read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from glideslope.laws.logs.source import Source
from glideslope.laws.logs.table import Table


@dataclass(frozen=True)
class Format:
    """A format of logs. A new one is such a value, in `formats.FORMATS` or `scripts.FORMATS`."""

    name: str  # what it is called in messages
    tables: Callable[[Source], list[Table] | None]
    """The named columns in a file of it; None where what the file holds shows that it is of another format."""
