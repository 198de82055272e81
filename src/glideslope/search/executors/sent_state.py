"""The state of a job as a worker sends it: in the safe form of files, or pickled like all else that it sends."""

from __future__ import annotations

import pickle
from contextlib import suppress
from io import BytesIO
from typing import Any

from glideslope.errors import DocumentError
from glideslope.search.storage import states

Sent = tuple[str, bytes]  # the form of a state's file, or "pickle", and the content


def packed(state: Any) -> Sent | None:
    """A state, to be sent; None where it can't be pickled either."""
    with suppress(DocumentError):
        form, file = states.form_of(state), BytesIO()
        states.write(state, form, file)
        return form, file.getvalue()
    try:
        return "pickle", pickle.dumps(state)
    except Exception:  # of a method of the state, whatever it trips over
        return None


def unpacked(sent: Sent, like: Any) -> Any:
    """The state that a worker sent, with the classes of `like`; None where this process lacks a class."""
    form, content = sent
    try:
        return pickle.loads(content) if form == "pickle" else states.read(BytesIO(content), form, like, "a sent state")
    except Exception:  # what a class of it raises
        return None
