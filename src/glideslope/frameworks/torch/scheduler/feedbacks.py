"""The feedbacks of a scheduler: their states and measurements, and the object that keeps the snapshots for a guard."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from glideslope.errors import FeedbackError
from glideslope.feedback import Controlled, Feedback, Guard
from glideslope.feedback.feedback import measured
from glideslope.frameworks.torch.distributed import mean_over_ranks
from glideslope.frameworks.torch.scheduler.notices import UNMEASURED
from glideslope.frameworks.torch.scheduler.watch import Watch
from glideslope.policy import RatePolicy
from glideslope.schedules import Schedule, constant
from glideslope.schedules.durations import Frame

FIRST_LOSSES = 10  # updates after which a guard without a loss is a mistake


class Feedbacks:
    """The feedbacks that the schedules of an optimizer are multiplied by, None for one that has none, and their states.
    From the update `end` on every schedule holds its value; it is infinite where one has no end."""

    def __init__(self, policies: Sequence[RatePolicy], schedules: Sequence[Schedule]) -> None:
        self.held = [Controlled(constant(), one.feedbacks) if one.feedbacks else None for one in policies]
        self.states: list[Any] = [feedback and feedback.init() for feedback in self.held]
        self._ends = [schedule.length(Frame()) or math.inf for schedule in schedules]
        self.end = max(self._ends)
        guarded = [(i, held) for i, held in enumerate(self.held) if held and held.guard is not None]
        if len(guarded) > 1:
            raise FeedbackError("two guards on one run, for two schedules: one lowers every rate, give it once")
        self._guarded = guarded[0] if guarded else None

    def __bool__(self) -> bool:
        """Whether any schedule answers to measurements."""
        return any(self.held)

    def attach(self, watch: Watch, write: Callable[[], object]) -> None:
        """Has a watch warn if one gets no measurement; `write` writes the rates anew."""
        self._watch, self._write = watch, write
        self._keeper: weakref.ref[Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_watch", "_write", "_keeper")}

    @property
    def keeper(self) -> Any:
        """The object that makes the snapshots for the guard; None without."""
        return self._keeper and self._keeper()

    def take_guard(self, keeper: Any) -> Guard:
        """The guard among the feedbacks, for what makes the snapshots of a training; it can be taken once. The keeper
        is the object that uses it: it has the guard's `state`; `resumed()`, called when the scheduler loads a state;
        and `looked`, the updates that it has seen. Raises a FeedbackError if there is no guard, or it was taken."""
        if self.keeper is not None:
            raise FeedbackError("two guards on one run: this scheduler has one already, use that")
        _, held = self._with_guard()
        self._keeper = weakref.ref(keeper)
        guard = held.feedbacks[held.guard or 0]
        assert isinstance(guard, Guard)
        return guard

    @property
    def guard_state(self) -> dict[str, Any]:
        """The state of the guard. Setting it sets the rates."""
        i, held = self._with_guard()
        return held.of_guard(self.states[i])

    @guard_state.setter
    def guard_state(self, state: dict[str, Any]) -> None:
        i, held = self._with_guard()
        self.states[i] = held.with_guard(self.states[i], state)
        self._write()

    def take_keepers_state(self) -> None:
        """Takes over the guard's state as its keeper has it, which the rates follow already."""
        if (keeper := self.keeper) is not None:
            i, held = self._with_guard()
            self.states[i] = held.with_guard(self.states[i], keeper.state)

    def _with_guard(self) -> tuple[int, Controlled]:
        """Which schedule has the guard, and what it is multiplied by. Raises a FeedbackError if none has."""
        if self._guarded is None:
            raise FeedbackError("no schedule here has a guard: give schedule=gs.cosine() * gs.guard()")
        return self._guarded

    @property
    def factors(self) -> list[float]:
        """The factor of each schedule's own feedbacks."""
        return [feedback.factor(state) if feedback else 1.0 for feedback, state in self._pairs()]

    def scales(self, names: Sequence[str]) -> list[float]:
        """What each schedule is multiplied by: a guard lowers every rate, whichever schedule it stands beside."""
        if self._guarded is None:
            return self.factors
        guarded, lowered = self._guarded[0], self.guard_state["factor"]
        others = (name == "lr" and i != guarded for i, name in enumerate(names))
        return [scale * lowered if other else scale for scale, other in zip(self.factors, others, strict=True)]

    def waits(self) -> list[tuple[Feedback, int]]:
        """Each feedback, and the updates after which it should have a measurement: many times those it waits for."""
        return [
            (feedback, math.ceil(min(end, FIRST_LOSSES if feedback.each_update else _patience(feedback))))
            for end, held in zip(self._ends, self.held, strict=True)
            for feedback in (held.feedbacks if held else ())
        ]

    @property
    def modes(self) -> set[str]:
        """Of the measurements that feedbacks answer to: "min" where less is better, "max" where more is."""
        return {feedback.mode for feedback, _ in self.waits() if hasattr(feedback, "mode")}

    @property
    def are_measured(self) -> bool:
        """Whether any feedback got a measurement."""
        return any(held and state != held.init() for held, state in self._pairs())

    def number(self, metric: Any) -> float:
        """A measurement, the mean over all processes. Raises a FeedbackError if nothing takes it, or it's no number."""
        if not self:
            raise FeedbackError("no schedule here has a feedback: give schedule=gs.cosine() * gs.plateau()")
        number, _ = measured(metric)
        return mean_over_ranks(number)

    def take(self, number: float) -> bool:
        """Passes a measurement to each of them; returns whether it moves a rate."""
        before = self.factors
        self.states = [feedback and feedback.update(state, number) for feedback, state in self._pairs()]
        self._watch.measured = True
        return self.factors != before

    def training_ended(self, updates_made: int) -> None:
        """Warns of a feedback without measurements in a trainer's training that ended after so many updates."""
        self._watch.end(updates_made, self.keeper)

    def measured_by_a_callback(self) -> None:
        """A callback passes the evaluations, and writes over the rates of a trainer's own scheduler."""
        self._watch.driven = self._watch.trained = True
        self._watch.told.add("another hand")

    def refuse_metric(self, metric: Any) -> None:
        """Raises a FeedbackError where `step` is called with a metric, and not with the number of an epoch."""
        if self or isinstance(metric, bool) or not isinstance(metric, int):
            raise FeedbackError(
                f"step({metric!r}): step() is called without a metric, after each update; a measurement is for "
                "scheduler.measure(metric), whenever there is one"
            )

    def _pairs(self) -> list[tuple[Controlled | None, Any]]:
        return list(zip(self.held, self.states, strict=True))


def _patience(feedback: Feedback) -> int:
    return max(UNMEASURED, 100 * (1 + int(getattr(feedback, "patience", 0))))
