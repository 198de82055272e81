"""The checkpoints of a run: when one is due, and which are kept."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from glideslope.documents import checked, sealed, unsealed
from glideslope.errors import DocumentError, FileError
from glideslope.search import run_files, states, stored
from glideslope.search.callers import caller_level
from glideslope.search.lock import Lock
from glideslope.search.position import Position

LEAST_SPACING = 50.0
"""How many times what a checkpoint costs lies between two of them at least: so they take under 2% of the time."""
BYTES_A_SECOND = 1e8
"""How fast the first is thought to be written; after that it is measured."""
_LAST = 2


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    position: Position
    state: str
    digest: stored.Identifier


class Checkpoints:
    """The last two checkpoints of a run.

    Each is two files: the states, and then a document with the position and the checksum of the states.

    Args:
        folder: where.
        stem: how their names begin.
        key: what is run.
        every: the least seconds between two.
        lock: of the run directory.
        initial: the state of the job at the start of the run.
        give_up: is called where the job's state has no safe form.
    """

    def __init__(
        self, folder: Path, stem: str, key: str, every: float, lock: Lock, initial: Any,
        give_up: Callable[[DocumentError], None],
    ) -> None:  # fmt: skip
        self._folder, self._stem, self._key, self._every, self._lock = folder, stem, key, every, lock
        self._initial, self._give_up = initial, give_up
        self._form: states.Form | None = None
        self._cost = states.size(initial) / BYTES_A_SECOND
        self._due = math.inf
        self._schedule()

    def due(self) -> bool:
        """Whether it is time for another."""
        return time.monotonic() >= self._due

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Measures what a checkpoint costs; the next one is due by that."""
        began = time.monotonic()
        yield
        self._cost = time.monotonic() - began
        if self._due < math.inf:
            self._schedule()

    def save(self, position: Position, content: Any) -> None:
        """Keeps a checkpoint; where that can't be done it says so, and none is due any more.

        Args:
            position: where the run stands.
            content: the states of the job, there and at a guard's snapshots.
        """
        try:
            self._form = self._form or states.form_of(content["job"])
            self._write(position, content, self._form)
        except DocumentError as error:
            self._due = math.inf
            self._give_up(error)
        except FileError as error:
            self._due = math.inf
            warnings.warn(
                f"this run can't be checkpointed, and goes on without: {error}; killed, it would begin anew",
                stacklevel=caller_level(),
            )

    def latest(self) -> tuple[Position, Any] | None:
        """The position and the states of the last one that is whole; None where there is none."""
        for _, document in reversed(self._numbered()):
            try:
                position, content = self._read(document)
            except DocumentError as error:
                warnings.warn(
                    f"{document} is damaged ({error}): the run goes on from before", stacklevel=caller_level()
                )
                continue
            return position, content
        return None

    def delete(self) -> None:
        """Deletes all of them."""
        run_files.delete(run_files.matching(self._folder, stored.checkpoint_names(self._stem)))
        with suppress(OSError):
            self._folder.rmdir()

    def _schedule(self) -> None:
        self._due = time.monotonic() + max(self._every, LEAST_SPACING * self._cost)

    def _write(self, position: Position, content: Any, form: states.Form) -> None:
        number = max((number for number, _ in self._numbered()), default=-1) + 1
        document = self._folder / f"{self._stem}-{number:06d}.json"
        state = document.with_suffix(f".{form}")
        self._lock.check_held()
        digest = run_files.write(state, lambda file: states.write(content, form, file))
        text = msgspec.to_builtins(_Document(self._key, position, state.name, digest))
        self._lock.check_held()
        run_files.write(document, lambda file: file.write(sealed(stored.strict(text)).encode()))
        for _, former in self._numbered()[:-_LAST]:
            run_files.delete(self._files(former))

    def _read(self, document: Path) -> tuple[Position, Any]:
        value = _document(document)
        state = self._folder / value.state
        names = [file.name for file in self._files(document)]
        if value.key != self._key or value.state not in names or run_files.digest(state) != value.digest:
            raise DocumentError("its states aren't those that were written")
        kept = [[0, {}, (self._initial, None)]] * value.position.snapshots
        content = states.read(state, {"job": self._initial, "guard": {"ring": {"kept": kept}}})
        if not isinstance(content, dict) or content.keys() != {"job", "guard"}:
            raise DocumentError("it has no states of a run")
        value.position.check()
        return value.position, content

    def _numbered(self) -> list[tuple[int, Path]]:
        """The documents, by their number."""
        names = run_files.matching(self._folder, stored.checkpoint_names(self._stem))
        return [(int(file.stem.rpartition("-")[2]), file) for file in names if file.suffix == ".json"]

    @staticmethod
    def _files(document: Path) -> list[Path]:
        """The files of a checkpoint: the document is deleted first, so that none without its states is left."""
        return [document, *(document.with_suffix(f".{form}") for form in states.FORMS)]


def latest_positions(folder: Path, search: str) -> dict[str, Position]:
    """Where each unfinished run of a search stood at its last whole checkpoint, by its key; the job's state isn't read.

    Args:
        folder: where the checkpoints are.
        search: its id.
    """
    positions: dict[str, Position] = {}
    for file in run_files.matching(folder, stored.checkpoint_names(f"{search}-[0-9a-f]{{16}}")):
        if file.suffix != ".json":
            continue
        with suppress(DocumentError):  # half of a checkpoint, or one that has just been deleted
            document = _document(file)
            document.position.check()
            positions[document.key] = document.position  # files are in the order of their numbers
    return positions


def _document(file: Path) -> _Document:
    return checked(stored.loose(unsealed(stored.content_of(file) or b"")), _Document)
