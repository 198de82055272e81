"""What a scheduler warns of, each kind once: wrong calls, and feedbacks without measurements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glideslope.feedback import Feedback
from glideslope.frameworks.factors import FIRST_LOOK
from glideslope.frameworks.torch.scheduler import notices
from glideslope.frameworks.torch.scheduler.known_groups import ROUNDING, Replaced
from glideslope.frameworks.trainers import pass_evaluations
from glideslope.warning import warn

PATIENCE = 100
"""Calls of `step` in a row with no update between them, as under accumulation, that are taken without a word."""
FIRST_PATIENCE = 10  # the same before the first update: mixed precision may skip a few


class Watch:
    """Warns of mistakes in the use of a scheduler, once for each kind, those `told`. `waits` has each feedback, and the
    updates after which it should have had a measurement; `doubt` is the warning after the first update, unless a state
    is loaded before. Feedbacks, and whether schedules have ended, are looked at next after `at` updates. A trainer that
    says when its training ends is `trained`; it is looked for among the callers once, which is `driven`."""

    def __init__(self, waits: Sequence[tuple[Feedback, int]], doubt: str | None = None) -> None:
        self.told: set[str] = set()
        self.measured = self.driven = self.trained = False
        self._waits = waits
        self._idle_at, self._idle_calls = -1, 0
        self.begin(0, doubt)

    def tell(self, kind: str, message: str) -> None:
        """Warns, unless something of this kind was said before, at the line of the user's that led here."""
        if kind not in self.told:
            self.told.add(kind)
            warn(message, "torch")

    def begin(self, updates_made: int, doubt: str | None = None) -> None:
        """Begins at so many updates made: after the next the trainer is known that calls."""
        self._began, self._doubt = updates_made, doubt
        self.at: float = updates_made + 1 if self._waits or doubt else _next_look(updates_made)

    def call(self, updates_made: int, before: int) -> None:
        """Notes a call of `step` after other than one update: the updates made now, and at the call before."""
        if updates_made > before:
            self.tell("late", notices.late(updates_made - before))
            return
        self._idle_calls = self._idle_calls + 1 if self._idle_at == updates_made else 1
        self._idle_at = updates_made
        if self._idle_calls == (FIRST_PATIENCE if updates_made == self._began else PATIENCE):
            self.tell("idle", notices.idle(self._idle_calls, updates_made))

    def look(self, scheduler: Any, updates_made: int, keeper: Any) -> None:
        """Looks at the feedbacks: at the first call for a trainer that drives the scheduler, later for measurements."""
        if self._doubt:
            self.tell("base", self._doubt)
        if self._waits and not self.driven:
            self.driven = True
            self.trained = pass_evaluations(scheduler)
        ends = [(feedback, self._began + wait) for feedback, wait in self._waits]
        for feedback, end in ends:
            if updates_made >= end and not (self.trained and end < notices.UNMEASURED):
                self._check(feedback, updates_made, keeper)
        self.at = min([_next_look(updates_made), *(end for _, end in ends if end > updates_made)])

    def tell_replaced(self, replaced: Sequence[Replaced], factors: Sequence[float], source: str) -> None:
        """Warns that a loaded base rate replaced another, unless that was this one times a schedule's factor."""
        for change in replaced:
            base = change.now * change.scale
            made_of_it = (abs(change.before - base * factor) <= 10 * ROUNDING * base for factor in (1.0, *factors))
            if not any(made_of_it):
                self.tell("base", notices.replaced_base(change, source))

    def end(self, updates_made: int, keeper: Any) -> None:
        """Checks the feedbacks at the end of a trainer's training; another trainer may call next."""
        for feedback, _ in self._waits:
            self._check(feedback, updates_made, keeper)
        self.driven = self.trained = False
        self.at = updates_made + 1

    def _check(self, feedback: Feedback, updates_made: int, keeper: Any) -> None:
        is_told = bool(keeper and keeper.looked) if feedback.each_update else self.measured
        if not is_told:
            self.tell(f"unmeasured {type(feedback)}", notices.unmeasured(feedback, updates_made - self._began))


def _next_look(updates_made: int) -> int:
    """The updates after which to look again whether the schedules have ended: twice as many each time."""
    return max(FIRST_LOOK, 1 << updates_made.bit_length())
