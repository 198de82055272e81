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
