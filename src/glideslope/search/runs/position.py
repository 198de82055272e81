"""Where a run stands, besides the state of its job: what a checkpoint says, and how a run goes on from it."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from glideslope.errors import DocumentError
from glideslope.feedback import Event
from glideslope.search.storage.stored import Count

if TYPE_CHECKING:
    from glideslope.search.runs.course import Course


class Position(msgspec.Struct, forbid_unknown_fields=True):
    """Where a run stands."""

    stretch: Count  # the updates made before the current stretch, within which nothing but the rate changes
    made: Count  # the updates made, those that a guard took back too; those in `waiting` left out
    training: str  # the training loss of each update, its float64 in base 64
    waiting: list[float]  # the losses of the updates after these, which the run hasn't looked at yet
    evaluations: list[tuple[Count, float]]  # (updates made, validation loss)
    scales: list[tuple[Count, float]]  # (updates made, factor of the feedback from there on)
    events: list[Event]  # what a guard did
    feedback: dict[str, float]  # the state of the feedbacks
    snapshots: Count  # how many a guard has
    untrained: float  # the validation loss before the first update

    @property
    def losses(self) -> list[float]:
        """The training loss of each update. Raises a DocumentError if they are no numbers."""
        try:
            return [float(loss) for loss in np.frombuffer(base64.b64decode(self.training, validate=True))]
        except (binascii.Error, ValueError) as error:
            raise DocumentError(f"its losses can't be read: {error}") from None

    def check(self) -> None:
        """Raises a DocumentError unless the numbers fit together."""
        updates = len(self.losses)
        if not self.stretch <= updates <= self.made:
            raise DocumentError("its numbers don't fit together")

    def restore(self, course: Course) -> None:
        """Puts a run where it stood, but for its job and a guard."""
        course.made, course.losses, course.untrained = self.made, self.losses, self.untrained
        course.parts = bisect_right(course.ends, self.stretch)
        course.evaluations, course.scales = list(self.evaluations), list(self.scales)
        course.state = dict(self.feedback)


def position_of(course: Course, stretch: int, losses: Sequence[float], waiting: list[float]) -> Position:
    """Where a run stands: after the updates before the current stretch, and those of the stretch whose losses were
    looked at; `waiting` has the losses after these."""
    ring = course.protection.ring if course.protection else None
    kept = len(ring.saved()["kept"]) if ring else course.backoff.snapshots if course.backoff else 0
    return Position(
        stretch=stretch, made=course.made + len(losses),
        training=base64.b64encode(np.array([*course.losses, *losses], dtype=float).tobytes()).decode(),
        waiting=waiting, evaluations=list(course.evaluations), scales=list(course.scales), events=list(course.events),
        feedback=dict(course.state), snapshots=kept, untrained=course.untrained,
    )  # fmt: skip
