"""The last snapshots of a training, and the graded answers to its being lost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from glideslope.errors import DivergenceError, FileError
from glideslope.feedback.events import Event, Lost
from glideslope.feedback.feedback import State
from glideslope.feedback.guard import FARTHEST, VERDICTS, Guard
from glideslope.plural import plural

Snapshot = TypeVar("Snapshot")
Content = TypeVar("Content")

APART = 10
"""How many times as far as the last ones the older snapshots are apart: what is noticed late began long before."""
_DAMAGED = 2  # times that damage to the weights is no fault of the rate
_AGAIN, _NEXT = 10, 2
"""Updates past a place within which a second loss of the training has the same cause; where the batch was skipped."""
_MANY, _WITHIN = 3, 100  # times within so many updates, after which single batches are no longer the likely cause
_BAD_BATCHES = 40
"""Updates in a row that may be lost again at once after going back: the batches are bad, and not the rate."""
_HELPLESS = 1.001
"""Of the rate lowered twice, where weights hardly move: losses are high for good, as where labels are smoothed."""
_SHOWS = 20  # updates in which damage, or a run of bad batches, shows as a growth of the level


@dataclass(frozen=True)
class Kept(Generic[Snapshot]):
    """A snapshot of a training, with the updates made before it and the guard's state there."""

    made: int
    state: State
    snapshot: Snapshot


class Ring(Generic[Snapshot]):
    """The last snapshots of a training, `every` so many updates, and which of them to go back to.

    A snapshot is `waiting` until a loss of the weights in it was seen; only then does it replace an older one. `drop`
    is called with each that is kept no longer. At most `skips` batches are skipped for one place, 0 where data can't
    be gone through again. `tries` is how often it went back for the last place, `resumed` the updates made where
    the training went on after that.
    """

    def __init__(
        self, guard: Guard, drop: Callable[[Snapshot], object] = lambda snapshot: None, skips: int = 0,
        every: int = FARTHEST,
    ) -> None:  # fmt: skip
        self.guard = guard
        self.waiting: Kept[Snapshot] | None = None
        self.events: list[Event] = []
        self._drop = drop
        self.skips = skips
        self.every = every
        self._kept: list[Kept[Snapshot]] = []
        self._place = self._low = -math.inf
        self.tries = 0
        self._lowered = False
        self._before: list[int] = []
        self.resumed = self._first = -1

    @property
    def has_any(self) -> bool:
        """Whether a snapshot is kept."""
        return bool(self._kept)

    @property
    def last(self) -> Kept[Snapshot]:
        """The newest snapshot that is kept."""
        return self._kept[-1]

    def due(self, updates_made: int) -> bool:
        """Whether a snapshot should be taken after so many updates."""
        return self.waiting is None and (not self._kept or updates_made >= self.last.made + self.every)

    def wait(self, updates_made: int, state: State, snapshot: Snapshot) -> None:
        """Takes a snapshot after so many updates, to be kept when the loss of the next has been seen."""
        self.withdraw()
        self.waiting = Kept(updates_made, state, snapshot)

    def keep(self) -> None:
        """Keeps the snapshot that waits; of those before, the last two and some further apart."""
        assert self.waiting is not None
        kept = self._kept
        kept.append(self.waiting)
        self.waiting = None
        if len(kept) > self.guard.kept:
            thin = max(len(kept) - 3, 1)
            near = len(kept) > 2 and kept[thin].made - kept[thin - 1].made < APART * self.every
            self._drop(kept.pop(thin if near else 0).snapshot)

    def withdraw(self) -> None:
        """Drops the snapshot that waits."""
        if self.waiting is not None:
            self._drop(self.waiting.snapshot)
            self.waiting = None

    def saved(self) -> dict[str, Any]:
        """All that it knows but for the events, to go on from with `load`: plain data around the snapshots."""
        kept = [*self._kept, *([self.waiting] if self.waiting else [])]
        return {
            "kept": [[one.made, one.state, one.snapshot] for one in kept], "waits": self.waiting is not None,
            "place": self._place, "low": self._low, "tries": self.tries, "lowered": self._lowered,
            "before": list(self._before),
        }  # fmt: skip

    def load(self, saved: dict[str, Any], events: Iterable[Event]) -> None:
        """Goes on from the saved data of another ring, and its events."""
        self._kept = [Kept(*one) for one in saved["kept"]]
        self.waiting = self._kept.pop() if saved["waits"] else None
        self._place, self._low, self.tries = saved["place"], saved["low"], saved["tries"]
        self._lowered, self._before = saved["lowered"], list(saved["before"])
        self.events[:] = events

    def clear(self) -> None:
        """Keeps none of them."""
        self.withdraw()
        while self._kept:
            self._drop(self._kept.pop().snapshot)

    def note(self, update: int, verdict: float, loss: float, answer: str) -> None:
        """Notes an answer that undid nothing."""
        self.events.append(Event(update, VERDICTS[int(verdict)], loss, update, 1.0, answer == "skipped", answer))

    def back(
        self, lost: Lost, rate: float, read: Callable[[Snapshot], Content], outside: bool = False, alone: bool = False
    ) -> tuple[Content, State]:
        """The training to go back to, and the guard's state from there on; the last of `events` says how.

        `rate` is the rate there; `read` reads a snapshot, and where it raises a FileError an older one is taken;
        `outside` says that something else than the updates changed the training, and `alone` that a single batch is
        an outlier, both of which no rate helps. Raises a DivergenceError, with a diagnosis, if it was done too often
        for this place.
        """
        guard, update, verdict = self.guard, lost.update, lost.state["verdict"]
        self.withdraw()
        batches = again = self._are_batches(lost) or alone
        if not batches:
            again = update <= self._place + 1 if outside else self._comes_again(update, verdict)
            self.tries = self.tries + 1 if again else 1
        self._place = max(self._place, update) if again else update
        if self.tries > guard.times or not self._kept:
            raise DivergenceError(self._diagnosis(lost, rate))
        was_lowered = self._lowered and again
        lowers = verdict == 3.0 or self.tries > (1 if verdict == 2.0 else max(self.skips, _DAMAGED))
        skipped = self.skips > 0 and verdict in (1.0, 2.0) and not lowers
        if outside or batches:
            factor, answer = lost.state["factor"] if outside or alone else 1.0, "back"
        elif verdict in (2.0, 3.0) and lost.state["factor"] <= _HELPLESS * guard.multiplier**2:
            factor, answer, self._lowered = 1.0, "accepted", False
        else:
            if was_lowered and len(self._kept) > 1:  # so the last one may be of a training already lost
                self._drop(self._kept.pop().snapshot)
            while verdict == 3.0 and len(self._kept) > 1 and self._kept[-1].made > update - _SHOWS:
                self._drop(self._kept.pop().snapshot)
            factor = guard.multiplier * (lost.state["factor"] if was_lowered else 1.0) if lowers else 1.0
            answer = "skipped" if skipped else "lowered" if lowers else "back"
            self._lowered = lowers
        content = self._newest(read)
        kept = self._kept[-1]
        if answer == "accepted":
            for each in self._kept[:-1]:
                self._drop(each.snapshot)
            self._kept = [kept := Kept(kept.made, guard.init(), kept.snapshot)]
        self.events.append(
            Event(update, VERDICTS[int(verdict)], lost.loss, kept.made, factor, answer == "skipped", answer)
        )
        return content, guard.lowered(kept.state, factor, self._place - kept.made + guard.rest)

    def _newest(self, read: Callable[[Snapshot], Content]) -> Content:
        """The newest snapshot that can be read."""
        while True:
            try:
                return read(self._kept[-1].snapshot)
            except FileError as error:
                self._drop(self._kept.pop().snapshot)
                if not self._kept:
                    raise DivergenceError(f"the training was lost, and no snapshot can be read: {error}") from error

    def _are_batches(self, lost: Lost) -> bool:
        """Whether the batches since it last went back are bad, and not too many. One whose loss isn't finite may be
        bad at any rate, and is left out before it comes to this."""
        verdict = lost.state["verdict"]
        most = {2.0: lost.update - lost.first, 3.0: _SHOWS}.get(verdict)
        at_once = most is not None and lost.update <= self.resumed + most
        if not at_once:
            self._first = lost.first
        return at_once and lost.update < self._first + _BAD_BATCHES

    def _comes_again(self, update: int, verdict: float) -> bool:
        """Whether the training is lost at the place where it was before, or so often that it is the same cause."""
        if self._lowered:
            return update <= self._place + 1.5 * self.guard.rest
        if self.skips and verdict == 1.0:
            return update <= self._place + _NEXT
        self._before = [before for before in self._before if update - _WITHIN < before < update]
        many = len(self._before) >= _MANY
        self._before.append(update)
        return update <= self._place + (_NEXT if self.skips else _AGAIN) or many

    def _diagnosis(self, lost: Lost, rate: float) -> str:
        update, kind, loss = lost.update, VERDICTS[int(lost.state["verdict"])], lost.loss
        if not self._kept:
            return f"the training was lost at its first update: the loss is {loss:g}; look at the data and the weights"
        level = self._kept[-1].state["level"]
        factors = [event.factor for event in self.events if event.answer in ("skipped", "back", "lowered")]
        tried = ", ".join(f"{factor:g}" for factor in factors[-self.guard.times :])
        cause = (
            "it isn't the rate of a moment: lower the peak rate, lengthen the warmup, or clip the gradient"
            if kind in ("spike", "growth")
            else "a loss that isn't finite at any rate comes from the batch or the model: look at them there"
        )
        return (
            f"the training was lost {plural(self.tries, 'time')} near update {update} ({kind}: the loss "
            f"was about {level:.4g}, "
            f"then {loss:.4g}, at a rate of {rate:.3g}), with the rate at {tried} of the schedule's: {cause}"
        )
