"""A guard at work on a run: its snapshots, the batches that are skipped, and the way back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from array_api_compat import array_namespace, is_array_api_obj

from glideslope.errors import SearchError
from glideslope.feedback import Controlled, Event, Guard, Places, Ring
from glideslope.feedback.events import Lost
from glideslope.feedback.feedback import State
from glideslope.feedback.guard import FARTHEST
from glideslope.search.jobs.job import Job

_SKIPPED = (1, 3, 8, 16)
"""Batches that are skipped at the first and each later try, before the rate is held to be at fault: as bad may be the
one before, whose gradient shows in the next loss, and those that follow."""


class Protection:
    """Snapshots of a run of a job, and which batches it goes without: bad ones, of a job with `skip()`."""

    def __init__(self, guard: Guard, job: Job) -> None:
        self.guard = guard
        skips = len(_SKIPPED) if hasattr(job, "skip") else 0
        self.ring: Ring[tuple[Any, Any]] = Ring(guard, skips=skips, every=10 * guard.every if guard.every else FARTHEST)
        self._job = job
        self._skips: Counter[int] = Counter()
        self._places = Places()
        self._besides: frozenset[str] | None = None
        self._damaged: tuple[int, frozenset[str]] = 0, frozenset()

    def find_damage(self, made: int, guard_state: State, others: Any) -> bool:
        """Takes a snapshot where one is due, with the guard's state and what else is to be known of the run there;
        returns whether arrays in it aren't finite that were before."""
        if not self.ring.due(made):
            return False
        state = self._job.state()
        places = not_finite(state)
        if self._besides is None:
            self._besides = places
        damaged = made, places - self._besides
        if damaged[1]:
            if damaged != self._damaged:
                self._damaged = damaged
                return True
            self._besides |= damaged[1]  # the same when made again, so it is as the job wants it
        is_first = not self.ring.has_any
        self.ring.wait(made, guard_state, (state, others))
        if is_first:
            self.ring.keep()
        return False

    def keep(self, made: int, state: State) -> None:
        """Keeps the snapshot that waits, where the loss of its weights was seen to be as ever."""
        waits = 0 if self.ring.waiting is None else made - self.ring.waiting.made
        if waits > 0 and not state["rough"] and (waits > self.ring.every or not self.guard.is_doubtful(state)):
            self.ring.keep()

    def back(self, update: int, guard_state: State, loss: float, rate: float) -> tuple[Event, State, tuple[Any, Any]]:
        """What is done, the guard's state from there on, and the snapshot to go back to."""
        snapshot, state = self.ring.back(Lost(update, guard_state, loss), rate, lambda snapshot: snapshot)
        event = self.ring.events[-1]
        if event.skipped:
            tries = self.ring.tries
            if tries == 1:
                self._places.note(self._drawn(update))
            self._skips[max(event.back_to, update + 1 - tries)] += _SKIPPED[tries - 1]
        return event, state, snapshot

    def skip(self, made: int) -> None:
        """Passes by the batches that the next update goes without."""
        for _ in range(self._skips[made]):
            self._job.skip()  # type: ignore[attr-defined]
        while self.ring.skips and self._places.following(drawn := self._drawn(made)) == drawn:
            self._places.note(drawn)
            self._skips[made] += 1
            self._job.skip()  # type: ignore[attr-defined]

    def next_skip(self, made: int, end: int) -> int:
        """The updates made before the next batch to be skipped, at most `end`."""
        bad = self._places.following(drawn := self._drawn(made))
        expected = [] if bad is None else [made + bad - drawn]
        return min([end, *expected, *(place for place in self._skips if place > made)])

    def saved(self) -> dict[str, Any]:
        """All that it knows but for the events of its ring, to go on from with `load`."""
        made, places = self._damaged
        return {
            "ring": self.ring.saved(), "skips": dict(self._skips), "places": dict(vars(self._places)),
            "besides": None if self._besides is None else sorted(self._besides), "damaged": [made, sorted(places)],
        }  # fmt: skip

    def load(self, saved: dict[str, Any], events: Iterable[Event]) -> None:
        """Goes on from what another saved, and the events of its ring."""
        self.ring.load(saved["ring"], events)
        self._skips.update(saved["skips"])
        vars(self._places).update(saved["places"])
        self._besides = None if saved["besides"] is None else frozenset(saved["besides"])
        self._damaged = saved["damaged"][0], frozenset(saved["damaged"][1])

    def _drawn(self, update: int) -> int:
        """The batches drawn before an update, and before the batches skipped there are known to be enough."""
        return update + sum(number for place, number in self._skips.items() if place <= update)


def protection_of(feedback: Controlled | None, job: Job) -> Protection | None:
    """What protects a run whose rate is times a guard. Raises a SearchError if another feedback takes each loss."""
    if feedback is None or feedback.guard is None:
        return None
    guard = feedback.feedbacks[feedback.guard]
    if not isinstance(guard, Guard):
        raise SearchError(f"a {type(guard).__name__} takes each loss and isn't a gs.guard: a search can't use it")
    return Protection(guard, job)


def not_finite(state: Any) -> frozenset[str]:
    """The places in nested containers where an array has a number that isn't finite.

    >>> import numpy as np
    >>> sorted(not_finite({"weights": [np.ones(2), np.array([np.nan])], "best": np.inf}))
    ['.weights.1']
    """
    return frozenset(place for place, array in _arrays(state, "") if not _is_finite(array))


def _arrays(state: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(state, dict | list | tuple):
        for key, value in state.items() if isinstance(state, dict) else enumerate(state):
            if not isinstance(value, int | float | str | bytes):
                yield from _arrays(value, f"{place}.{key}")
    elif is_array_api_obj(state):
        yield place, state


def _is_finite(array: Any) -> bool:
    try:
        xp = array_namespace(array)
        if not xp.isdtype(array.dtype, ("real floating", "complex floating")):
            return True
        return bool(xp.all(xp.isfinite(array)))
    except (TypeError, ValueError, RuntimeError, AttributeError):  # a type of numbers that has no such question
        return True
