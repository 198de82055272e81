"""The kinds of law that a file may hold, by the key that each has."""

from __future__ import annotations

from pathlib import Path

from glideslope.errors import LawError

ONE_SIZE, SIZES, LOSSES = "glideslope_law", "glideslope_size_law", "glideslope_table_law"
_KINDS = {
    ONE_SIZE: "a law of one size: design takes it with --steps, predict and rank as it is; laws.load reads it",
    SIZES: "a law over sizes: design takes it with --params and --tokens, rank as it is; laws.load_sizes reads it, and "
    "its .at(params) is the law of a size",
    LOSSES: "a law of final losses: design takes it with --params and --tokens, rank too; laws.load_table reads it",
}
_BEGIN = 1000  # bytes of a file, among which the key is


def kind_of(path: Path | str) -> str:
    """The key of the law in a file; none if it can't be read or holds no law."""
    try:
        with Path(path).open("rb") as file:
            return _kind(file.read(_BEGIN))
    except (OSError, TypeError, ValueError):
        return ""


def check_kind(path: Path | str, content: bytes, wanted: str = "") -> None:
    """Raises a LawError where the content of a file is that of a law, but not of the kind wanted; or of no law."""
    if wanted and content.strip()[:1] != b"{":
        raise LawError(f"{path} is no law: fit one on your logs, or on a table of final losses, by glideslope fit")
    if (kind := _kind(content[:_BEGIN])) not in ("", wanted):
        raise LawError(f"{path} {'is' if wanted else 'holds no runs, but'} {_KINDS[kind]}")


def _kind(begin: bytes) -> str:
    return next((kind for kind in _KINDS if f'"{kind}"'.encode() in begin), "")
