"""The runs in the making of a search: where each is checkpointed, as a value that is sent to where it is made."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from glideslope.errors import DocumentError, FileError
from glideslope.search.runs.checkpoints import Checkpoints
from glideslope.search.storage import stored
from glideslope.search.storage.lock import Lock
from glideslope.search.storage.places import Place, place_at
from glideslope.warning import warn


@dataclass(frozen=True)
class Saving:
    """Where and how often a run is checkpointed, and says how far it is."""

    address: str  # of the place
    stem: str  # how the names of its files begin
    key: str  # what is run
    every: float  # the least seconds between two checkpoints, infinite for none
    lock: Lock | None  # of the run directory that the place is in; None for a place elsewhere

    @property
    def place(self) -> Place:
        """The place, as this process reaches it."""
        return place_at(self.address)

    @property
    def is_here(self) -> bool:
        """Whether the place is reached from here: a worker on another machine may not see the run directory."""
        return self.lock is None or self.lock.is_there

    def checkpoints(self, initial: Any, give_up: Callable[[DocumentError], None]) -> Checkpoints | None:
        """The run's checkpoints, None where there are none; `give_up` is called for a state without a safe form."""
        if math.isinf(self.every):
            return None
        return Checkpoints(self.place, self.stem, self.key, self.every, self.lock, initial, give_up)


class Unfinished:
    """The files of the runs in the making, at an address. A run is checkpointed every so many seconds at most, infinite
    for never; `lock` is that of the run directory that the files lie in, None for a place elsewhere."""

    def __init__(self, address: str, every: float, lock: Lock | None) -> None:
        self._address, self.every, self._lock = address, every, lock
        self._place = place_at(address)

    def saving(self, search: str, key: str) -> Saving:
        """Where a run of a search is checkpointed."""
        return Saving(self._address, stored.stem_of_run(search, key), key, self.every, self._lock)

    def has_any(self, search: str) -> bool:
        """Whether there is a checkpoint of a run of a search."""
        return bool(self._place.names(stored.checkpoint_names(stored.any_run(search))))

    def delete(self, stem: str) -> None:
        """Deletes the files whose names begin so, by a pattern. Raises a FileError if the place can't be reached."""
        if names := self._place.names(stored.unfinished_names(stem)):
            self._place.delete(names)

    def drop(self, stem: str) -> None:
        """The same of files that aren't needed any more: where it can't be done, warns."""
        try:
            self.delete(stem)
        except FileError as error:
            warn(f"checkpoints that aren't needed any more are left: {error}")
