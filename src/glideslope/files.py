"""Files that are either whole or not there."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Callable
from os import replace  # a job may replace that of the module
from pathlib import Path
from typing import BinaryIO

from glideslope.errors import FileError

_TRIES = 5


def checked_path(path: str | os.PathLike[str]) -> Path:
    """A path. Raises a FileError if no file can have it: it is too long, or has half a character or a zero byte.

    >>> checked_path("runs/out").name
    'out'
    """
    if not isinstance(path, str | os.PathLike):
        raise FileError(f"{path!r:.80} isn't the path of a file")
    try:
        os.stat(path)
    except ValueError:
        raise FileError(f"{os.fspath(path)!a} can't be the name of a file: leave out what isn't a character") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise FileError(f"{os.fspath(path)[:80]!r}... is too long for the name of a file: shorten it") from None
    return Path(path)


def digest(content: bytes) -> str:
    """The first 16 hexadecimal digits of the SHA-256."""
    return hashlib.sha256(content).hexdigest()[:16]


def digest_of(file: BinaryIO) -> str:
    """The same digest of the content of an open file, from its position on."""
    return hashlib.file_digest(file, "sha256").hexdigest()[:16]  # type: ignore[arg-type]


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes a file of which nobody ever sees half; a device or a pipe as it is. Raises a FileError if it can't."""
    try:
        _write(path, content)
    except (OSError, ValueError) as error:  # a name that no file can have
        raise _unwritten(path, error) from error


def write_in_place(path: Path, write: Callable[[BinaryIO], object], before: Callable[[Path], object]) -> None:
    """Writes a file in one step: `write` writes a temporary file beside it, which `before` gets. Raises a FileError."""
    try:
        _replace(path, write, before)
    except (OSError, ValueError) as error:
        raise _unwritten(path, error) from error


def _unwritten(path: Path, error: OSError | ValueError) -> FileError:
    if isinstance(error, FileExistsError | NotADirectoryError):
        file = next((one for one in path.parents if one.exists() and not one.is_dir()), path.parent)
        return FileError(f"{path} can't be written: {file} is a file, and no folder")
    return FileError(f"{path} can't be written: {getattr(error, 'strerror', None) or error}")


def _write(path: Path, content: str | bytes) -> None:
    data = content.encode() if isinstance(content, str) else content
    if path.exists() and not path.is_file() and not path.is_dir():
        with path.open("wb") as device:
            device.write(data)
        return
    _replace(path, lambda file: file.write(data), lambda temporary: None)


def _replace(path: Path, write: Callable[[BinaryIO], object], before: Callable[[Path], object]) -> None:
    file, temporary = _temporary(path)
    try:
        with file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        before(temporary)
        replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _temporary(path: Path) -> tuple[BinaryIO, Path]:
    """An open temporary file beside a path. Its mode follows the umask, unlike that of a file of `tempfile`; its folder
    is made again where another process removes it meanwhile."""
    for attempt in range(_TRIES):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}.tmp"
        try:
            return temporary.open("x+b"), temporary
        except (FileExistsError, FileNotFoundError):
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("the last attempt returns or raises")
