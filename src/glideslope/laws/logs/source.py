"""A file as it is read: its bytes without compression, its text, and what it looks like."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from glideslope.errors import LawError, reason
from glideslope.laws.logs.names import named, role

COMPRESSED = (".gz", ".bz2", ".xz")  # endings of compressed files
_COMPRESSED = {b"\x1f\x8b": gzip.decompress, b"BZh": bz2.decompress, b"\xfd7zXZ": lzma.decompress}
_BINARY = {
    b"PK\x03\x04": "a ZIP archive (an .xlsx or .npz file, or a checkpoint of torch)", b"%PDF": "a PDF document",
    b"\x89PNG": "a picture", b"\xff\xd8\xff": "a picture", b"GIF8": "a picture", b"PAR1": "a Parquet file",
    b"\x89HDF": "an HDF5 file", b"SQLite format 3": "an SQLite database", b":W&B": "a run file of W&B",
    b"\x93NUMPY": "an array of NumPy", b"\x80\x02": "a pickle", b"\x80\x03": "a pickle", b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle", b"ARROW1": "an Arrow file", b"\x28\xb5\x2f\xfd": "a file compressed by Zstandard",
}  # fmt: skip
_ADVICE = {"a run file of W&B": ": give run.history() or an export of its charts as CSV"}


class UnknownFormatError(LawError):
    """A file is of no format that is read, of which `names` are; `kind` is what it looks like."""

    def __init__(self, path: Path, kind: str, names: str = "") -> None:
        self.path, self.kind = path, kind
        read = f". What is read: {names}" if names else ""
        super().__init__(f"{path} can't be read: it looks like {kind}{_ADVICE.get(kind, '')}{read}")


@dataclass(frozen=True)
class Labels:
    """The names that the caller gives to columns or tags, and the length of an epoch."""

    step: str | None = None
    """The column of the updates made, or several with commas between them; None for one of the usual names."""
    lr: str | None = None  # the column of the rate
    loss: str | None = None  # the column of the loss
    steps_per_epoch: float | None = None  # updates in an epoch, for logs that count epochs only

    @property
    def steps(self) -> list[str]:
        """The names of the step's columns, each."""
        return [name.strip() for name in (self.step or "").split(",") if name.strip()]

    def is_step(self, name: str) -> bool:
        """Whether the caller gives a name to the step."""
        return any(named([name], label) for label in {self.step or "", *self.steps} - {""})

    def measures(self, name: str) -> bool:
        """Whether a name is of a rate, a loss or a batch size, or one that the caller gives."""
        return role(name) in ("rate", "training", "validation", "final", "batch") or any(
            label is not None and bool(named([name], label)) for label in (self.lr, self.loss)
        )


@dataclass(frozen=True)
class Source:
    """A file that is to be read, or a folder of event files."""

    path: Path  # where it is
    labels: Labels = Labels()  # the names that the caller gives

    @cached_property
    def content(self) -> bytes:
        """The bytes of the file, decompressed where it is compressed. Raises a LawError if it can't be read."""
        try:
            content = self.path.read_bytes()
            for magic, decompress in _COMPRESSED.items():
                if content.startswith(magic):
                    return decompress(content)
        except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
            raise LawError(f"{self.path} can't be read: {reason(error)}") from None
        return content

    @cached_property
    def text(self) -> str:
        """The text of the file, UTF-8 or UTF-16, with line feeds. Raises a LawError if it can't be read, or is none."""
        content = self.content
        encoding = "utf-8-sig"
        if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
            encoding = "utf-16"
        elif content[:1] == b"\0" or content[1:2] == b"\0":
            encoding = "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
        kind = next((kind for magic, kind in _BINARY.items() if content.startswith(magic)), None)
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError as error:
            if encoding != "utf-8-sig" or kind or b"\0" in content:
                raise UnknownFormatError(self.path, kind or f"no text ({error})") from None
            text = content.decode("cp1252", errors="replace")  # words of another language: numbers are in ASCII
        if kind or "\0" in text:
            raise UnknownFormatError(self.path, kind or "no text")
        if not text.strip():
            raise LawError(f"{self.path} is empty")
        return text.replace("\r\n", "\n").replace("\r", "\n")

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text."""
        return self.text.split("\n")

    @property
    def ending(self) -> str:
        """The ending of the file's name, in lower case, without that of a compression."""
        path = self.path
        return (path.with_suffix("") if path.suffix.lower() in COMPRESSED else path).suffix.lower()
