"""What a run directory's files hold: the record of its search, and the results of finished runs."""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from glideslope.documents import MOST_BYTES, checked, parsed, sealed, unsealed
from glideslope.errors import DocumentError
from glideslope.feedback import Event
from glideslope.files import digest

_NOT_FINITE = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}
T = TypeVar("T")
_ID = "[0-9a-f]{16}"
Identifier = Annotated[str, msgspec.Meta(pattern=f"^{_ID}$")]
Count = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[float, msgspec.Meta(gt=0)]


class Record(msgspec.Struct, forbid_unknown_fields=True):
    """The search that a run directory belongs to, and the files that it made there."""

    format: Literal[2]  # of the files; the first had no checksums
    id: Identifier  # of the search, random; finished runs have it in their names
    search: dict[str, Any]  # its identity
    files: dict[str, list[Identifier]] = {}  # the checksums that each file may have: of before and after it is written
    former: list[Identifier] = []  # the ids of searches before it, whose finished runs are to be deleted
    accepted: list[str] = []  # differences between identities with which it went on
    checkpoints: str = ""  # where those of unfinished runs lie; "" in the folder
    kept: list[str] = []  # folders that were there before, which are the user's
    folder: str = ""  # of the job, or of the function that makes it
    used: dict[str, str] = {}  # the files there that results depend on, and what tells their content
    versions: dict[str, str] = {}  # of Glideslope and of the frameworks


class Sweep(msgspec.Struct, forbid_unknown_fields=True):
    """A sweep of a range test, as `range_test` remembers it."""

    rates: list[Positive]
    losses: list[float]


class Finished(msgspec.Struct, forbid_unknown_fields=True):
    """A run, as `Run.plain` gives it, what it was made for, and the updates made again after a process was lost."""

    schedule: str
    peak: Positive
    optimizer: str | None
    average: str | None
    steps: Annotated[int, msgspec.Meta(ge=1)]
    seed: int
    losses: list[float]
    evaluations: list[tuple[Count, float]]
    final_loss: float
    scales: list[tuple[Count, float]]
    events: list[Event]
    problem: str
    made: Count
    untrained: float
    settings: dict[str, float] = {}
    batch: Positive = 1.0
    wasted: Count = 0
    stage: str = ""


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    search: Identifier
    key: str
    result: dict[str, Any]


def text_of_record(record: Record) -> str:
    """The text of search.json."""
    document = msgspec.to_builtins(record)
    return sealed({**document, "search": strict(document["search"])}, indent=1) + "\n"


def record_of(text: bytes) -> Record:
    """The record of such a text. Raises a DocumentError if it is damaged, or of another format."""
    document = unsealed(text)
    record = checked(document, Record)
    record.search = loose(record.search)
    if "used" not in document:  # of before files were noted as they are used
        taken = [record.search.pop(name, {}) for name in ("code", "data files", "versions")]
        record.used, record.versions = {**taken[0], **taken[1]}, taken[2]
    return record


def is_of_first_format(text: bytes) -> bool:
    """Whether a text is a search.json of the format before this one, which had neither a checksum nor a version."""
    try:
        old = parsed(text)
    except DocumentError:
        return False
    return isinstance(old, dict) and "command" in old and not old.keys() & {"checksum", "format"}


def text_of_run(search: str, key: str, result: dict[str, Any]) -> str:
    """The text of a file with the result of a finished run."""
    return sealed({"search": search, "key": key, "result": strict(result)})


def run_of(text: bytes, search: str, name: str) -> tuple[str, dict[str, Any]]:
    """The key and the result in a text. Raises a DocumentError if it is damaged, or of another search or name."""
    entry = checked(unsealed(text), _Entry)
    if entry.search != search or name_of_run(search, entry.key) != name:
        raise DocumentError("it is of another run, renamed")
    result = loose(entry.result)
    checked(named_now(result), Sweep if "rates" in result else Finished)
    return entry.key, result


def named_now(result: dict[str, Any]) -> dict[str, Any]:
    """A result with the names that its numbers have now: the peak was called `peak_lr`."""
    return {"peak" if name == "peak_lr" else name: value for name, value in result.items()}


def name_of_run(search: str, key: str) -> str:
    """The name of the file of a finished run."""
    return f"{stem_of_run(search, key)}.json"


def stem_of_run(search: str, key: str) -> str:
    """How the names of the checkpoints of a run begin."""
    return f"{search}-{digest(key.encode(errors='surrogatepass'))}"


def run_names(search: str) -> re.Pattern[str]:
    """The names of the files of a search's finished runs."""
    return re.compile(rf"{search}-{_ID}\.json")


def any_run(search: str) -> str:
    """How the names of the files of any unfinished run of a search begin, a pattern."""
    return f"{search}-{_ID}"


def checkpoint_names(stem: str) -> re.Pattern[str]:
    """The names of the files of checkpoints, by a pattern of how they begin."""
    return re.compile(rf"{stem}-[0-9]{{6,9}}\.(?:json|pt|npz)")


def unfinished_names(stem: str) -> re.Pattern[str]:
    """The names of all files of runs in the making, by a pattern of how they begin."""
    return re.compile(rf"{stem}-(?:[0-9]{{6,9}}\.(?:json|pt|npz)|best\.(?:json|pt|npz)|progress\.json)")


def content_of(file: Path) -> bytes | None:
    """The content of a regular file, None where there is nothing. Raises a DocumentError for anything else there."""

    def content(opened: BufferedReader) -> bytes:
        if (size := os.fstat(opened.fileno()).st_size) > MOST_BYTES:
            raise DocumentError(f"{size:,} bytes: more than {MOST_BYTES:,} aren't read")
        return opened.read()

    return regular(file, content)


def regular(file: Path, read: Callable[[BufferedReader], T]) -> T | None:
    """What is read of a regular file, None where there is nothing. Raises a DocumentError for anything else there."""
    try:
        if not stat.S_ISREG(os.lstat(file).st_mode):
            raise DocumentError("it isn't a regular file")
        with file.open("rb") as opened:
            return read(opened)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DocumentError(f"it can't be read: {error.strerror}") from error


def strict(value: Any, named: bool = True) -> Any:
    """Data that strict JSON holds: numbers that aren't finite by their names, or as None."""
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN") if named else None
    if isinstance(value, dict):
        return {key: strict(item, named) for key, item in value.items()}
    return [strict(item, named) for item in value] if isinstance(value, list | tuple) else value


def loose(value: Any) -> Any:
    """The data that `strict` was given, tuples as lists."""
    if isinstance(value, str):
        return _NOT_FINITE.get(value, value)
    if isinstance(value, dict):
        return {key: loose(item) for key, item in value.items()}
    return [loose(item) for item in value] if isinstance(value, list) else value
