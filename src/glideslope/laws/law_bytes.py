"""The content of a file that a law is kept in."""

from __future__ import annotations

from pathlib import Path

from glideslope.documents import MOST_BYTES
from glideslope.errors import LawError, reason


def law_bytes(path: Path | str) -> bytes:
    """The content of a file that may be a law's. Raises a LawError if it can't be read, or is too large for one."""
    try:
        if Path(path).stat().st_size > MOST_BYTES:
            raise LawError(f"{path} can't be read as a law: it is larger than {MOST_BYTES:,} bytes")
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        raise LawError(f"{path} can't be read as a law: {reason(error)}") from None
