"""The checkpoints of a run: when one is due, and which are kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec

from glideslope.documents import checked, sealed, unsealed
from glideslope.errors import DocumentError, FileError
from glideslope.search.runs import preemption
from glideslope.search.runs.position import Position
from glideslope.search.storage import places, states, stored
from glideslope.search.storage.lock import Lock
from glideslope.search.storage.places import Place
from glideslope.warning import warn

LEAST_SPACING = 50.0
"""How many times what a checkpoint costs lies between two of them at least: so they take under 2% of the time."""
BYTES_A_SECOND = 1e8  # how fast the first is thought to be written; after that it is measured
_LAST = 2


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    position: Position
    state: str
    digest: stored.Identifier


class Checkpoints:
    """The last two checkpoints of a run, `every` seconds apart at least: each is the states, and then a document with
    the position and the checksum of the states. `lock` is that of the run directory that the place is in, if any;
    `initial` is the job's state at the start of the run; `give_up` is called where the job's state has no safe form."""

    def __init__(
        self, place: Place, stem: str, key: str, every: float, lock: Lock | None, initial: Any,
        give_up: Callable[[DocumentError], None],
    ) -> None:  # fmt: skip
        self._place, self._stem, self._key, self._every, self._lock = place, stem, key, every, lock
        self._initial, self._give_up = initial, give_up
        self.before: Callable[[], object] = lambda: None  #: is called before one is kept
        self._form: states.Form | None = None
        self._cost = states.size(initial) / BYTES_A_SECOND
        self._due = math.inf
        self._schedule()

    def due(self) -> bool:
        """Whether it is time for another: by the clock, or since the process shall leave."""
        return time.monotonic() >= self._due or preemption.asked()

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Measures what a checkpoint costs; the next one is due by that."""
        began = time.monotonic()
        yield
        self._cost = time.monotonic() - began
        if self._due < math.inf:
            self._schedule()

    def save(self, position: Position, content: Any) -> None:
        """Keeps a checkpoint: where the run stands, and the states. Where it can't, warns, and none is due any more."""
        self.before()
        try:
            self._form = self._form or states.form_of(content["job"])
            self._write(position, content, self._form)
        except DocumentError as error:
            self._due = math.inf
            self._give_up(error)
        except FileError as error:
            self._due = math.inf
            warn(f"this run can't be checkpointed, and goes on without: {error}; killed, it would begin anew")

    def latest(self) -> tuple[Position, Any] | None:
        """The position and the states of the last one that is whole; None where there is none."""
        try:
            documents = _documents(self._place, self._stem)
        except FileError as error:
            warn(f"no checkpoint can be read, so the run begins anew: {error}")
            return None
        for document in reversed(documents):
            try:
                position, content = self._read(document)
            except DocumentError as error:
                warn(f"the checkpoint {document} is damaged ({error}): the run goes on from before")
                continue
            return position, content
        return None

    def _schedule(self) -> None:
        self._due = time.monotonic() + max(self._every, LEAST_SPACING * self._cost)

    def _write(self, position: Position, content: Any, form: states.Form) -> None:
        former = _documents(self._place, self._stem)
        number = int(former[-1].removesuffix(".json").rpartition("-")[2]) + 1 if former else 0
        document = f"{self._stem}-{number:06d}.json"
        state = f"{self._stem}-{number:06d}.{form}"
        self._check_held()
        digest = self._place.write(state, lambda file: states.write(content, form, file))
        text = sealed(stored.strict(msgspec.to_builtins(_Document(self._key, position, state, digest))))
        self._check_held()
        self._place.write(document, lambda file: file.write(text.encode()))
        for outdated in former[: 1 - _LAST]:
            self._place.delete(_files(outdated))

    def _check_held(self) -> None:
        if self._lock is not None:
            self._lock.check_held()

    def _read(self, document: str) -> tuple[Position, Any]:
        value = _document(self._place, document)
        whole = value.key == self._key and value.state in _files(document)
        if not whole or places.digest(self._place, value.state) != value.digest:
            raise DocumentError("its states aren't those that were written")
        kept = [[0, {}, (self._initial, None)]] * value.position.snapshots
        like = {"job": self._initial, "guard": {"ring": {"kept": kept}}}
        with self._place.open(value.state) as file:
            content = states.read(file, value.state.rpartition(".")[2], like, value.state)
        if not isinstance(content, dict) or content.keys() != {"job", "guard"}:
            raise DocumentError("it has no states of a run")
        value.position.check()
        return value.position, content


def _files(document: str) -> list[str]:
    """The files of a checkpoint: the document is deleted first, so that none without its states is left."""
    return [document, *(document.removesuffix("json") + form for form in states.FORMS)]


def latest_positions(address: str, search: str) -> dict[str, Position]:
    """Where each unfinished run of a search, by its id, stood at its last whole checkpoint, by its key."""
    positions: dict[str, Position] = {}
    place = places.place_at(address)
    for name in _documents(place, stored.any_run(search)):
        with suppress(DocumentError):  # half of a checkpoint, or one that has just been deleted
            document = _document(place, name)
            document.position.check()
            positions[document.key] = document.position
    return positions


def _documents(place: Place, stem: str) -> list[str]:
    """The documents whose names begin so, by a pattern; those of a run in the order of their numbers, which have six
    digits, and more from a million on."""
    names = place.names(stored.checkpoint_names(stem))
    return sorted((name for name in names if name.endswith(".json")), key=len)


def _document(place: Place, name: str) -> _Document:
    return checked(stored.loose(unsealed(places.read(place, name))), _Document)
