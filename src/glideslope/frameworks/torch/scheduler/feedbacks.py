"""The feedbacks of a scheduler: their measurements, and the object that keeps the snapshots for a guard."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from glideslope.errors import FeedbackError
from glideslope.feedback import Guard
from glideslope.feedback.feedback import measured
from glideslope.frameworks.torch.distributed import mean_over_ranks
from glideslope.frameworks.torch.scheduler.scheduled_values import Plan
from glideslope.frameworks.torch.scheduler.watch import Watch


class Feedbacks:
    """The feedbacks that the schedules of an optimizer are multiplied by; `watch` warns if one gets no measurement, and
    `write` writes the rates anew."""

    def __init__(self, plan: Plan, watch: Watch, write: Callable[[], object]) -> None:
        self._plan, self._watch, self._write = plan, watch, write
        self._keeper: weakref.ref[Any] | None = None

    def __bool__(self) -> bool:
        """Whether any schedule answers to measurements."""
        return any(self._plan.feedbacks)

    @property
    def keeper(self) -> Any:
        """The object that makes the snapshots for the guard; None without."""
        return self._keeper and self._keeper()

    def take_guard(self, keeper: Any) -> Guard:
        """The guard among the feedbacks, for what makes the snapshots of a training; it can be taken once.

        The keeper is the object that uses it: it has the guard's `state`; `resumed()`, which is called when the
        scheduler loads a state; and `looked`, the number of updates that it has seen. Raises a FeedbackError if there
        is no guard, or it was taken.
        """
        if self.keeper is not None:
            raise FeedbackError("two guards on one run: this scheduler has one already, use that")
        _, held = self._plan.guarded()
        self._keeper = weakref.ref(keeper)
        guard = held.feedbacks[held.guard or 0]
        assert isinstance(guard, Guard)
        return guard

    @property
    def guard_state(self) -> dict[str, Any]:
        """The state of the guard. Setting it sets the rates."""
        return self._plan.guard_state

    @guard_state.setter
    def guard_state(self, state: dict[str, Any]) -> None:
        self._plan.guard_state = state
        self._write()

    @property
    def end(self) -> float:
        """The updates from which on every schedule holds its value; infinite where one has no end."""
        return self._plan.end

    @property
    def modes(self) -> set[str]:
        """Of the measurements that feedbacks answer to: "min" where less is better, "max" where more is."""
        return {feedback.mode for feedback, _ in self._plan.waits() if hasattr(feedback, "mode")}

    def number(self, metric: Any) -> float:
        """A measurement as a number, the mean over all processes. Raises a FeedbackError if it can't be used, or no
        schedule has a feedback."""
        if not self:
            raise FeedbackError("no schedule here has a feedback: give schedule=gs.cosine() * gs.plateau()")
        number, _ = measured(metric)
        return mean_over_ranks(number)

    def take(self, number: float) -> bool:
        """Passes a measurement to each of them; returns whether it moves a rate."""
        before = self._plan.feedback_factors
        self._plan.measure(number)
        self._watch.measured = True
        return self._plan.feedback_factors != before

    def training_ended(self, updates_made: int) -> None:
        """Warns of a feedback without measurements in a trainer's training that ended after so many updates."""
        self._watch.end(updates_made, self.keeper)

    def measured_by_a_callback(self) -> None:
        """A callback passes the evaluations, and writes over the rates of a trainer's own scheduler."""
        self._watch.driven = self._watch.trained = True
        self._watch.notices.silence("another hand")

    def refuse_metric(self, metric: Any) -> None:
        """Raises a FeedbackError where `step` is called with a metric, and not with the number of an epoch."""
        if self or isinstance(metric, bool) or not isinstance(metric, int):
            raise FeedbackError(
                f"step({metric!r}): step() is called without a metric, after each update; a measurement is for "
                "scheduler.measure(metric), whenever there is one"
            )
