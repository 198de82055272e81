"""How far a run is, in a file beside its checkpoints: for whoever looks, and for the run that goes on after a loss."""

from __future__ import annotations

import os
import re
import socket
import time
from contextlib import suppress
from itertools import pairwise

import msgspec

from glideslope.documents import checked, sealed, unsealed
from glideslope.errors import DocumentError, GlideslopeError
from glideslope.search.runs.unfinished import Saving
from glideslope.search.storage import places, stored

EVERY = 1.0  # the least seconds between two notes
SPACING = 100.0
"""How many times what a note costs lies between two of them at least: so they take under 1% of the time."""
MOST_POINTS = 200  # the losses of a run that a note has, at most: of more, every second is left out


class Running(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How far a run is."""

    key: str  # the run
    what: str  # its name
    stage: str  # what it is for
    done: stored.Count  # updates made of it
    of: stored.Count  # updates that it will make
    made: stored.Count  # updates made for it, those lost with a process too
    loss: float  # the last training loss
    host: str  # the machine
    pid: int  # the number of the process
    at: float  # the time, in seconds since 1970
    course: tuple[tuple[stored.Count, float], ...] = ()  # some of the updates, and the training losses of these


class Notes:
    """Writes how far a run is, now and then, of the updates that it will make (`of`). `before` are the updates that
    earlier processes are known to have made of the run."""

    def __init__(self, saving: Saving, what: str, stage: str, of: int) -> None:
        self._saving, self._what, self._stage, self._of = saving, what, stage, of
        former = noted(saving)
        self.before = former.made if former else 0
        self._course = list(former.course) if former else []
        self._apart = 1
        self._began: int | None = None
        self._due = time.monotonic() + EVERY

    def begins(self, done: int) -> None:
        """The run goes on after so many updates."""
        self._began, self.before = done, max(self.before, done)
        self._course = [point for point in self._course if point[0] <= done]

    def see(self, done: int, loss: float) -> None:
        """Keeps a loss, and writes a note where it is time; where that can't be done, never again."""
        self._keep(done, loss)
        if (began := time.monotonic()) < self._due:
            return
        updates = self.before + max(done - (self._began or 0), 0)
        host = socket.gethostname()
        note = Running(
            self._saving.key, self._what, self._stage, done, self._of, updates, loss, host, os.getpid(), time.time(),
            tuple(self._course),
        )  # fmt: skip
        text = sealed(stored.strict(msgspec.to_builtins(note)))
        try:
            self._saving.place.write(_name(self._saving), lambda file: file.write(text.encode()))
        except GlideslopeError:
            self._due = float("inf")
            return
        now = time.monotonic()
        self._due = now + max(EVERY, SPACING * (now - began))

    def _keep(self, done: int, loss: float) -> None:
        """Adds a loss to those that a note has; where there are too many, they are taken further apart."""
        if self._course and done < self._course[-1][0] + self._apart:
            return
        self._course.append((done, loss))
        if len(self._course) > MOST_POINTS:
            del self._course[1::2]
            self._apart = 2 * max(self._apart, min(b - a for (a, _), (b, _) in pairwise(self._course)) // 2)


def noted(saving: Saving) -> Running | None:
    """How far a run was at its last note; None where there is none that is whole."""
    with suppress(DocumentError):
        return running_of(places.read(saving.place, _name(saving)))
    return None


def running_of(text: bytes) -> Running:
    """How far a run is, by the text of such a file. Raises a DocumentError if it is damaged."""
    return checked(stored.loose(unsealed(text)), Running)


def notes_in(address: str, search: str) -> tuple[Running, ...]:
    """How far the runs of a search, by its id, say that they are, at the address where they are checkpointed."""
    place, notes = places.place_at(address), []
    for name in place.names(re.compile(rf"{stored.any_run(search)}-progress\.json")):
        with suppress(DocumentError):  # deleted meanwhile, or damaged
            notes.append(running_of(places.read(place, name)))
    return tuple(notes)


def _name(saving: Saving) -> str:
    return f"{saving.stem}-progress.json"
