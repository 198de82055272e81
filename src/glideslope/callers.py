"""The callers of a function: where a warning points to, and which object drives another."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import currentframe
from traceback import walk_stack
from types import FrameType


def callers() -> Iterator[FrameType]:
    """The frames of the caller and of its callers, from the innermost on."""
    frames = walk_stack(currentframe())
    next(frames)  # that of this function
    return (frame for frame, _ in frames)


def caller_level(*libraries: str) -> int:
    """The `stacklevel` of a warning that points to the nearest caller outside this library and others."""
    names = [frame.f_globals.get("__name__", "").partition(".")[0] for frame in callers()]
    inside = {__name__.partition(".")[0], *libraries}
    return next((level for level, name in enumerate(names) if name not in inside), len(names) - 1)
