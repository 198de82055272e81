"""States with a checksum that any way of storing them leaves right: JSON, pickle, tensors of single precision."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from glideslope.documents import checksum
from glideslope.errors import DocumentError

SEAL = "checksum"
_DEEPEST = 4
_COUNTS = ("step", "times")


def sealed(state: dict[str, Any]) -> dict[str, Any]:
    """A state with the checksum of its parts.

    >>> sealed({"best": 0.5})
    {'best': 0.5, 'checksum': 'b40a27024217a2e7'}
    """
    return {**state, SEAL: checksum(_canonical(plain(state)))}


def check_seal(state: Mapping[str, Any], seal: Any) -> None:
    """Raises a DocumentError if the parts of a state, its checksum aside, aren't those that were saved together."""
    parts = _canonical({name: value for name, value in state.items() if name != SEAL})
    if not isinstance(seal, str) or checksum(parts) != seal:
        raise DocumentError(
            "its checksum doesn't match: a part was damaged, or changed by hand, or the parts are of two states "
            f"(a change on purpose is loaded without {SEAL!r})"
        )


def plain(value: Any, depth: int = 0) -> Any:
    """A state as Python's own numbers, lists and dictionaries. Raises a DocumentError if it holds else, or too deep."""
    if depth > _DEEPEST:
        raise DocumentError("it is nested too deep")
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise DocumentError("a key in it isn't a string")
        return {str(name): plain(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value]
    if hasattr(value, "tolist") and hasattr(value, "ndim"):
        return plain(value.tolist(), depth + 1)
    raise DocumentError(f"it holds a {type(value).__name__}")


def _canonical(value: Any, key: str = "") -> Any:
    """Plain data whose checksum stays the same: numbers as text, counts in full, others in single precision."""
    if isinstance(value, dict):
        return {name: _canonical(item, key or name) for name, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item, key) for item in value]
    if not isinstance(value, int | float):
        return value
    if key in _COUNTS or not math.isfinite(value):
        return repr(float(value))
    mantissa, exponent = math.frexp(value)
    return repr(math.ldexp(round(mantissa * 2**24), exponent - 24))
