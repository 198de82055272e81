"""What this library warns of: where it points to, and how a command says it."""

from __future__ import annotations

import warnings
from typing import Any

from glideslope.callers import callers
from glideslope.errors import GlideslopeWarning
from glideslope.escape import lines, visible


def warn(message: str, *libraries: str) -> None:
    """Warns, at the line of the nearest caller outside this library and others."""
    names = [frame.f_globals.get("__name__", "").partition(".")[0] for frame in callers()]
    inside = {__name__.partition(".")[0], *libraries}
    level = next((level for level, name in enumerate(names) if name not in inside), len(names) - 1)
    warnings.warn(message, GlideslopeWarning, stacklevel=level + 1)


def print_as_lines() -> None:
    """Has this process, a command's, print each warning of this library as one line, `warning: ...`: it points to no
    line of the user's. Those of other libraries stay as they are; what can't be seen is printed as its escape."""
    printed = warnings.formatwarning

    def line(message: Any, category: type[Warning], *place: Any, **options: Any) -> str:
        if issubclass(category, GlideslopeWarning):
            return f"warning: {visible(str(message))}\n"
        return lines(printed(message, category, *place, **options))

    warnings.formatwarning = line
