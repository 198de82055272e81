"""The state of a job as a worker sends it: in the safe form of files, or pickled like all else that it sends."""

from __future__ import annotations

import pickle
from typing import Any

from glideslope.errors import DocumentError
from glideslope.search.storage import states

Sent = states.Packed | bytes


def packed(state: Any) -> Sent | None:
    """A state, to be sent; None where it can't be pickled either."""
    try:
        return states.packed(state)
    except DocumentError:
        pass
    try:
        return pickle.dumps(state)
    except Exception:  # of a method of the state, whatever it trips over
        return None


def unpacked(sent: Sent, like: Any) -> Any:
    """The state that a worker of this search sent, with the classes of `like`, a state of the same job; None where this
    process lacks a class."""
    try:
        return pickle.loads(sent) if isinstance(sent, bytes) else states.unpacked(sent, like)
    except Exception:  # what a class of it raises
        return None
