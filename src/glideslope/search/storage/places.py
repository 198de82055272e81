"""Where checkpoints lie: a folder, or an address of fsspec such as s3://bucket/folder."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import urlparse
from urllib.request import url2pathname

from glideslope.documents import shown
from glideslope.errors import DocumentError, FileError, RunDirectoryError
from glideslope.files import checked_path, digest_of
from glideslope.search.jobs.calls import one_line
from glideslope.search.storage import run_files


class Place(Protocol):
    """Holds files by their names."""

    def names(self, pattern: re.Pattern[str]) -> list[str]:
        """The names of the files that match a pattern, sorted; none where there is no such place yet. Raises a
        FileError if the place can't be reached."""

    def write(self, name: str, content: Callable[[BinaryIO], object]) -> str:
        """Writes a file; returns its checksum. Raises a FileError if it can't be written."""

    def open(self, name: str) -> BinaryIO:
        """A file, to be read. Raises a DocumentError if there is none, or it can't be read."""

    def delete(self, names: Iterable[str]) -> None:
        """Deletes files, those that are there. Raises a FileError if that can't be done."""


class Folder:
    """A folder of this machine, made on the first write; files are whole or absent."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self, pattern: re.Pattern[str]) -> list[str]:
        try:
            return [file.name for file in run_files.matching(self.folder, pattern)]
        except RunDirectoryError as error:
            raise FileError(str(error)) from error

    def write(self, name: str, content: Callable[[BinaryIO], object]) -> str:
        return run_files.write(self.folder / name, content)

    def open(self, name: str) -> BinaryIO:
        file = self.folder / name
        try:
            if not stat.S_ISREG(os.lstat(file).st_mode):
                raise DocumentError(f"{name} isn't a regular file")
            return file.open("rb")
        except OSError as error:
            raise DocumentError(f"{name} can't be read: {error.strerror}") from error

    def delete(self, names: Iterable[str]) -> None:
        try:
            run_files.delete(self.folder / name for name in names)
        except RunDirectoryError as error:
            raise FileError(str(error)) from error


class Address:
    """A folder that fsspec reaches, such as `s3://bucket/folder`. A file may be there in part, so what reads it checks
    it. Raises a RunDirectoryError if fsspec, or what it needs for this address, isn't installed."""

    def __init__(self, address: str) -> None:
        try:
            from fsspec.core import url_to_fs

            self._files, self._folder = url_to_fs(address)
        except (ImportError, ValueError, OSError) as error:
            raise RunDirectoryError(
                f"checkpoints can't lie at {address}: {one_line(error)}; give a folder, or an address for which fsspec "
                "is installed"
            ) from error

    def names(self, pattern: re.Pattern[str]) -> list[str]:
        with suppress(FileNotFoundError):
            self._files.invalidate_cache(self._folder)
            names = (file.rpartition("/")[2] for file in self._reached(self._files.ls, self._folder, detail=False))
            return sorted(name for name in names if pattern.fullmatch(name))
        return []

    def write(self, name: str, content: Callable[[BinaryIO], object]) -> str:
        with tempfile.TemporaryFile() as whole:
            content(whole)
            whole.seek(0)
            digest = digest_of(whole)
            whole.seek(0)
            try:
                self._files.makedirs(self._folder, exist_ok=True)
                with self._files.open(f"{self._folder}/{name}", "wb") as file:
                    shutil.copyfileobj(whole, file, 1 << 20)
            except Exception as error:  # of the service, whatever its library raises
                raise FileError(f"{self._folder}/{name} can't be written: {one_line(error)}") from error
        return digest

    def open(self, name: str) -> BinaryIO:
        try:
            return self._files.open(f"{self._folder}/{name}", "rb")  # type: ignore[no-any-return]
        except Exception as error:
            raise DocumentError(f"{name} can't be read: {one_line(error)}") from error

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            with suppress(FileNotFoundError):
                self._reached(self._files.rm_file, f"{self._folder}/{name}")

    def _reached(self, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        try:
            return call(*args, **options)
        except FileNotFoundError:
            raise
        except Exception as error:
            raise FileError(f"{self._folder} can't be reached: {one_line(error)}") from error


def absolute(address: Any) -> str:
    """The address of a place, whatever the working directory becomes. Raises a RunDirectoryError if it is no address,
    or names no folder.

    >>> absolute("s3://bucket/search"), absolute("/data/../checkpoints")
    ('s3://bucket/search', '/data/../checkpoints')
    """
    if not isinstance(address, str | os.PathLike):
        raise RunDirectoryError(f"checkpoints={shown(address, 80)}: give a folder, or an address as s3://bucket/folder")
    address = os.fspath(address)
    kind, is_url, rest = address.partition("://")
    if not address.strip() or (is_url and (not kind or (kind == "file" and not rest))):
        raise RunDirectoryError(
            f"the address of the checkpoints, {address!r}, names no folder: leave it out for the run directory"
        )
    path = checked_path(url2pathname(urlparse(address).path) if kind == "file" else address)
    return address if is_url and kind != "file" else str(path.expanduser().absolute())


def place_at(address: str) -> Place:
    """The place of an address: a path, or a URL, of which `file://` is a path too. Raises a RunDirectoryError if it
    can't be reached.

    >>> place_at("file:///data/checkpoints").folder.as_posix()
    '/data/checkpoints'
    """
    if address.startswith("file://"):
        return Folder(Path(url2pathname(urlparse(address).path)))
    return Address(address) if "://" in address else Folder(Path(address).absolute())


def read(place: Place, name: str) -> bytes:
    """The content of a small file. Raises a DocumentError if there is none, or it can't be read."""
    with place.open(name) as file:
        try:
            return file.read(1 << 28)
        except Exception as error:  # of the service, whatever its library raises
            raise DocumentError(f"{name} can't be read: {one_line(error)}") from error


def digest(place: Place, name: str) -> str:
    """The checksum of a file. Raises a DocumentError if there is none, or it can't be read."""
    with place.open(name) as file:
        return digest_of(file)
