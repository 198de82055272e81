"""JSON documents that are stored and read again: bounded, checked against a type, sealed with a checksum."""

from __future__ import annotations

import math
from json import dumps, loads  # a job may replace those of the module
from typing import Any, NoReturn, TypeVar

from glideslope.errors import DocumentError, GlideslopeError

MOST_BYTES = 256 * 2**20
DEEPEST = 200
_SEAL = "checksum"
T = TypeVar("T")


def sealed(document: dict[str, Any], indent: int | None = None) -> str:
    """The JSON text of a document with its checksum: a SHA-256 of the values, however they are spaced. Raises a
    DocumentError if a number in it isn't finite, or a value has no JSON form.

    >>> sealed({"lr": 0.1})
    '{"lr": 0.1, "checksum": "9c9ba942d8bb6213"}'
    """
    try:
        return dumps({**document, _SEAL: checksum(document)}, indent=indent, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise DocumentError(f"no JSON form: {error}") from None


def unsealed(text: str | bytes) -> dict[str, Any]:
    """The document of a text that `sealed` made, without its checksum. Raises a DocumentError if it isn't one, or was
    changed since.

    >>> unsealed('{"lr": 0.1, "checksum": "9c9ba942d8bb6213"}')
    {'lr': 0.1}
    """
    document = parsed(text)
    if not isinstance(document, dict) or _SEAL not in document:
        raise DocumentError("it has no checksum")
    seal = document.pop(_SEAL)
    if seal != checksum(document):
        raise DocumentError("its checksum doesn't match: it was damaged, or changed by hand")
    return document


def checksum(document: Any) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of plain data in JSON, its keys sorted."""
    import hashlib  # it costs as much as all schedules do

    text = dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def parsed(text: str | bytes) -> Any:
    """The data of a JSON text: at most 256 MiB, 200 levels, keys once, numbers finite. Raises a DocumentError."""
    if len(text) > MOST_BYTES:
        raise DocumentError(f"{len(text):,} bytes: more than {MOST_BYTES:,} aren't read")
    try:
        value = loads(text, object_pairs_hook=_without_doubles, parse_float=_finite, parse_constant=_not_finite)
    except RecursionError:
        raise DocumentError(f"nested more than {DEEPEST} deep") from None
    except DocumentError:
        raise
    except ValueError as error:  # also an integer of thousands of digits, and bytes that aren't UTF-8
        raise DocumentError(f"not JSON: {error}") from None
    _check_depth(value)
    return value


def checked(value: Any, kind: type[T]) -> T:
    """Plain data as a value of a type, msgspec structs inside. Raises a DocumentError that names what doesn't fit."""
    import msgspec

    _check_depth(value)
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, OverflowError, UnicodeEncodeError) as error:  # half a character too
        raise DocumentError(str(error)) from None


def check_kind(error: type[GlideslopeError], kind: Any, what: str, **given: object) -> None:
    """Raises an error unless each value is of a kind, or of one of several; `what` says what to give."""
    for name, value in given.items():
        if not isinstance(value, kind):
            raise error(f"{name}={shown(value, 80)}: give {what}")


def shown(value: Any, most: int = 300) -> str:
    """A value for a message: its start, on one line, whatever it is.

    >>> shown([1] * 300, 10)
    '[1, 1, 1, ...'
    """
    try:
        text = " ".join(line.strip() for line in repr(value).splitlines())
    except Exception:  # too deep, too long a number, or its own
        text = f"a {type(value).__name__}"
    return text if len(text) <= most else f"{text[:most]}..."


def _check_depth(value: Any) -> None:
    level, depth, number = [value], 0, 0
    while level := [item for each in level for item in _items(each)]:
        depth, number = depth + 1, number + len(level)
        if depth > DEEPEST or number > MOST_BYTES:  # a value within itself has no end
            raise DocumentError(f"nested more than {DEEPEST} deep")


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        keys = [key for key, _ in pairs]
        raise DocumentError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands twice")
    return document


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _not_finite(text)


def _not_finite(text: str) -> NoReturn:
    raise DocumentError(f"the number {text} isn't finite")
