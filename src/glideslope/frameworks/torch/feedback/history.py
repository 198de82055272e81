"""The snapshots of a torch training, and the updates since the last."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from glideslope.errors import FileError
from glideslope.feedback import Guard, Ring
from glideslope.feedback.events import Lost
from glideslope.feedback.feedback import State
from glideslope.feedback.guard import CLOSEST
from glideslope.feedback.ring import APART
from glideslope.feedback.state_scale import LARGER, LARGEST, StateScale, times_larger
from glideslope.feedback.steady_growth import WITH_THE_LOSS, SteadyGrowth
from glideslope.feedback.trial import Trial
from glideslope.frameworks.torch.distributed import is_distributed
from glideslope.frameworks.torch.feedback.copies import Copy
from glideslope.frameworks.torch.feedback.replay import FARTHEST, Replay
from glideslope.frameworks.torch.feedback.snapshots import Health, InMemory, OnDisk, Training

_IN_A_ROW = 2  # updates after going back within which another loss is no outlier of its own
_JUMP = 4.0  # how many times as large damaged weights are as at the last snapshot
_SETTLED = 20  # the first updates, in which weights grow


class History:
    """The snapshots of a training of `end` updates, each kept once it is known to be good, in a folder if one is given,
    and the updates since: `ring` has the snapshots, `health` is that of the newest; `high` says that the last loss was
    far above the others, of which there are few."""

    def __init__(self, guard: Guard, training: Training, replay: Replay, end: float, folder: Path | None) -> None:
        self._training, self._replay, self._end = training, replay, end
        self._store = InMemory() if folder is None else OnDisk(folder)
        self.ring: Ring[Any] = Ring(guard, self._store.drop, every=guard.spacing(end))
        self._due = 0
        self._trial: Trial | None = None

    def begin(self, updates_made: int, state: State) -> None:
        """Begins with the training as it is after so many updates, which is taken to be good."""
        self._training.accept()
        self._trial = None
        self.ring.clear()
        self._replay.clear(updates_made)
        self._growth, self._scale, self._began, self.high = SteadyGrowth(), StateScale(), updates_made, False
        self._sums: dict[str, float] = {}
        self.wait(updates_made, state)
        self._norm = self.health.read()[1]
        self.ring.keep()

    def is_due(self, updates_made: int) -> bool:
        """Whether a snapshot should be taken after so many updates."""
        return updates_made >= self._due and self.ring.waiting is None

    def is_seen(self, update: int) -> bool:
        """Whether a snapshot waits, and both the loss of an update from it and its health are known."""
        return self.ring.waiting is not None and update >= self.ring.waiting.made and self.health.known()

    def wait(self, updates_made: int, state: State) -> None:
        """Takes a snapshot of the training as it is, to be kept when it is seen to be good."""
        replayed = self._replay.reaches(self.ring.last.made if self.ring.has_any else updates_made)
        self._due = updates_made + self.ring.guard.spacing(self._end, FARTHEST if replayed else CLOSEST)
        copy = Copy(self._training.parts(), self._store.dropped)
        self.health = self._training.health(copy)
        self.ring.wait(updates_made, state, self._store.write(updates_made, copy))

    def keep(self, update: int, doubtful: bool) -> None:
        """Keeps the snapshot that waits; where the training may be lost already, a later one is taken, for a while."""
        if (doubtful or self._trial is not None) and update < self.ring.last.made + APART * self.ring.every:
            self.ring.withdraw()
            self._due = update + self.ring.every
            return
        self.ring.keep()
        self._replay.forget(self.ring.last.made)
        self._replay.rewatch()

    def damage(self, update: int, loss: float, state: State, health: Health, noted: bool) -> Lost | None:
        """Damage in weights, buffers and the optimizer's state after an update with this loss, unless it could be
        repaired; notes weights that grow. A repair is no event of its own where the update has one (`noted`)."""
        finite, norm = health.read()
        if not finite and not self._repaired():
            return Lost(update, {**state, "verdict": 4.0 if math.isfinite(loss) else 1.0}, loss)
        if (self.high or self.ring.last.made >= self._began + _SETTLED) and norm > _JUMP * self._norm:
            return Lost(update, {**state, "verdict": 5.0}, loss)
        if not finite:
            self._note_repair(update, loss, noted)
        elif health is self.health:
            if self._is_state_damaged(health.state()):
                return Lost(update, {**state, "verdict": 7.0}, loss)
            self._norm = norm
            self._growth.take((self.ring.waiting or self.ring.last).made, norm)
            if self._growth.is_found():
                self.ring.note(update, 5.0, loss, "noticed")
        return None

    def is_lost(self, update: int, loss: float) -> bool:
        """Whether the training isn't finite as it stands, and that couldn't be repaired."""
        if self._training.is_finite():
            return False
        if not self._repaired():
            return True
        self._note_repair(update, loss, noted=False)
        return False

    def _note_repair(self, update: int, loss: float, noted: bool) -> None:
        if not noted:
            self.ring.note(update, 4.0, loss, "repaired")
        self.ring.withdraw()

    def _is_state_damaged(self, sums: dict[str, float]) -> bool:
        """Whether the optimizer's state is far larger than any of late without cause: the updates since the last
        snapshot, made again, lead to another; or where they can't be made again, no gradient was so large."""
        larger, replayed = self._scale.larger(sums), self._replay.reaches(self.ring.last.made)
        damaged = larger > LARGER and self._is_from_outside() if replayed else larger > LARGEST
        if not (damaged and replayed):  # where it only may be damaged, the same isn't it again
            self._scale.take(sums)
        self._sums = self._sums if damaged else sums
        return damaged

    def _is_state_enlarged(self) -> bool:
        """Whether the optimizer's state is far larger than at the last snapshot, and than the updates since, made
        again, make it."""
        sums = self._training.sums()
        if times_larger(sums, self._sums) <= LARGER or not self._replay.reaches(self.ring.last.made):
            return False
        again = self._made_again()
        return again is not None and times_larger(sums, again) > LARGER

    def _is_from_outside(self) -> bool:
        """Whether the updates since the last snapshot, made again, lead to another training; it stays as it is."""
        return self._made_again() is not None

    def _made_again(self) -> dict[str, float] | None:
        """The sums of the optimizer's state of the training to which the updates since the last snapshot, made again,
        lead; None where that is the present one, which stays as it is."""
        if (parts := self._newest()) is None:
            return None
        present = Copy(self._training.parts())
        damaged = self._replay.leads_elsewhere(self._training, self.ring.last.made, parts)
        sums = self._training.sums() if damaged else None
        self._training.restore(present.tree())
        self._replay.noted()
        return sums

    def _repaired(self) -> bool:
        """Whether damage was in buffers alone, which are taken from a snapshot."""
        return not is_distributed() and (parts := self._newest()) is not None and self._training.repair(parts)

    def _newest(self) -> dict[str, Any] | None:
        """The newest snapshot; None where it can't be read."""
        try:
            return self._store.read(self.ring.last.snapshot)
        except FileError:
            return None

    def count(self, update: int, loss: float, before: State, calm: bool) -> float:
        """Counts an update with a loss, after a state of the guard. Returns a verdict, not 0 where something else than
        the updates changed the training: the optimizer's state is far larger at once, or losses are higher since."""
        if self._replay.count(update, calm):
            if self._is_state_enlarged():
                return 7.0
            self._trial = Trial(before)
        if self._trial is None:
            return 0.0
        if self._replay.is_habit:
            self._trial = None
            return 0.0
        self._trial.take(loss)
        if not self._trial.is_over:
            return 0.0
        worse, self._trial = self._trial.is_worse, None
        return 3.0 if worse and self._replay.reaches(self.ring.last.made) else 0.0

    def undo(self, update: int, suspected: bool) -> bool:
        """Undoes the last update, if those since the last snapshot can be made again, and it is at fault where damage
        to the weights is `suspected`; whether it was undone."""
        kept = self.ring.last
        self._replay.count(update, calm=False)
        if not self._replay.reaches(kept.made) or update < kept.made or (suspected and self._is_from_outside()):
            return False
        if (parts := self._newest()) is None:
            return False
        self.ring.withdraw()
        self._training.restore(parts)
        self._replay.make(kept.made, update)
        return True

    def back(self, lost: Lost, rate: float) -> State:
        """Goes back; the guard's state from there on. Raises a DivergenceError if it was done too often for one
        place."""
        self._trial = None
        self._replay.count(lost.update, calm=False)
        if lost.state["verdict"] == 3.0 and self._growth.is_found(WITH_THE_LOSS):
            self.ring.note(lost.update, 5.0, lost.loss, "noticed")
        last = self.ring.last
        newest = self._newest()
        end, outside = self._replay.good(self._training, last, newest, lost) if newest else (last.made, False)
        alone = not outside and self._replay.reaches(last.made) and lost.is_alone
        alone = alone and lost.update > max(self.ring.resumed + _IN_A_ROW, last.made - 1)
        if alone:
            end = lost.update
        elif lost.state["verdict"] == 6.0:  # no update was made, so none is undone unless that doesn't help
            end = end if self.ring.events and self.ring.events[-1].update == lost.update else lost.update
            outside = True
        parts, state = self.ring.back(lost, rate, self._store.read, outside, alone)
        self._training.restore(parts)
        event = self.ring.events[-1]
        if self.ring.last is not last or event.answer == "lowered":
            end = self.ring.last.made
        self._replay.make(self.ring.last.made, end)
        self.ring.events[-1] = replace(event, back_to=end)
        return state
