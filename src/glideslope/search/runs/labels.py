"""How a search names what a rate follows: by its text, or where it has none by its type and a number."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from glideslope.batches import Growth
from glideslope.errors import GlideslopeError
from glideslope.feedback import Controlled

_WITHOUT_TEXT: list[Any] = []
"""Every value without a text that this process has named; kept, so that none takes the name of another."""

_PROCESS = uuid4().hex[:8]


def has_text(value: Any) -> bool:
    """Whether a schedule or a feedback has a text form."""
    return bool(_text(value))


def _text(value: Any) -> str:
    try:
        return str(value)
    except GlideslopeError:
        return ""


def label(value: Any) -> str:
    """The text of a schedule or a feedback; where it has none, its type and a number of this process.

    >>> import glideslope as gs
    >>> label(gs.cosine() * gs.plateau())
    'cosine() * plateau()'
    """
    if text := _text(value):
        return text
    if isinstance(value, Controlled):
        return " * ".join(map(label, (value.schedule, *value.feedbacks)))
    if isinstance(value, Growth):
        return f"{label(value.schedule)} * {value.growing}"
    if not any(item is value for item in _WITHOUT_TEXT):
        _WITHOUT_TEXT.append(value)
    number = next(i for i, item in enumerate(_WITHOUT_TEXT) if item is value)
    return f"<{type(value).__name__} {number + 1}>"


def key(value: Any) -> str:
    """What a memory knows a schedule by: its label, and where that isn't its text, the process that gave it."""
    return label(value) if has_text(value) else f"{label(value)} of process {_PROCESS}"
