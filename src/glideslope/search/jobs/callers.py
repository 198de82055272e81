"""Where a warning points to: the line outside Glideslope that called it."""

from __future__ import annotations

import sys


def caller_level() -> int:
    """The `stacklevel` of a warning, for the frame nearest outside this package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == __name__.partition(".")[0]:
        frame, level = frame.f_back, level + 1
    return level
