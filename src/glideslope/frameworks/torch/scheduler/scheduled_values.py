"""The schedules of an optimizer, and the values in its groups that follow them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from glideslope.errors import FeedbackError, ScheduleError
from glideslope.feedback import Controlled, Feedback
from glideslope.frameworks.seals import sealed
from glideslope.frameworks.torch.batches.growing_clock import on_one_clock
from glideslope.frameworks.torch.scheduler.known_groups import Group, KnownGroups, Replaced
from glideslope.frameworks.torch.scheduler.notices import UNMEASURED
from glideslope.frameworks.torch.scheduler.param_groups import Momenta, Rates, Version, check_has, separate
from glideslope.frameworks.torch.scheduler.reading import argument, check_momentum, factors_at, timed
from glideslope.frameworks.torch.scheduler.resume import text
from glideslope.frameworks.torch.scheduler.state import MOST_RATE, Saved, read_state
from glideslope.plural import plural
from glideslope.policy import Policy, as_policy
from glideslope.schedules import Clock, constant
from glideslope.schedules.durations import Frame, Time

FIRST_LOSSES = 10
"""Updates after which a guard without a loss is a mistake."""


class Plan:
    """The schedules of an optimizer: the name of what is scheduled, by what, and where it is in the groups; those of
    the rate first. The other arguments are those of `Scheduler`."""

    def __init__(
        self,
        groups: Sequence[Group],
        scheduled: Sequence[tuple[str, Policy, Rates | Momenta]],
        steps: Time | None,
        clock: Clock | None,
        peak: float | None,
    ) -> None:
        rates = [name for name, *_ in scheduled].count("lr")
        if not 1 <= rates <= len(groups):
            raise ScheduleError(
                f"{rates} schedules of the rate for {plural(len(groups), 'group')}: give one, or one each"
            )
        policies = [(name, as_policy(policy, argument(name))) for name, policy, _ in scheduled]
        self.growth, schedules = on_one_clock(policies, steps, clock)
        self.names = [name for name, _ in policies]
        self.schedules = [timed(*pair, steps, clock) for pair in zip(self.names, schedules, strict=True)]
        self.feedbacks = [Controlled(constant(), one.feedbacks) if one.feedbacks else None for _, one in policies]
        self.feedback_states: list[Any] = [None if feedback is None else feedback.init() for feedback in self.feedbacks]
        self.values = [values for _, _, values in scheduled]
        self.guard = _only_guard(self.feedbacks)
        self.groups = KnownGroups(mark=rates > 1)
        self.peak = peak
        self._firsts = len(groups)
        bases = [float(group.setdefault("initial_lr", float(group["lr"]))) for group in groups]
        if peak is not None and not any(bases):  # rates that the optimizer was made without have equal shares
            bases = [peak for _ in bases]
            for group in groups:
                group["initial_lr"] = peak
        self.largest = max(bases)
        for (name, policy), schedule_of_it, values in zip(policies, self.schedules, self.values, strict=True):
            check_has(values, groups)
            if isinstance(values, Momenta):
                if policy.feedbacks:
                    raise ScheduleError(f"{name}: a momentum takes no feedback, which could bring it to 1")
                check_momentum(name, schedule_of_it)
        self.find(groups)

    def find(self, groups: Sequence[Group]) -> None:
        """Reads the groups; those beyond the schedules of the rate follow the last of them."""
        separate(groups)
        members = list(zip(groups, self.groups.look(groups), strict=True))
        rates = self.names.count("lr")
        for i, values in enumerate(self.values):
            if i < rates:
                values.find(
                    [(g, known) for g, known in members if min(known.place, rates - 1) == i], self.groups, self.scale
                )
            else:
                values.find(members, self.groups)

    def intact(self, groups: Sequence[Group], factors: Sequence[float]) -> bool:
        """Whether the groups are those found last, and have what these factors gave."""
        if not self.groups.are(groups):
            return False
        return all(values.intact(factor) for values, factor in zip(self.values, factors, strict=True))

    def moved(self, groups: Sequence[Group]) -> bool:
        """Whether there are other groups than those found last, or values elsewhere in them."""
        return not self.groups.are(groups) or any(values.moved() for values in self.values)

    @property
    def first(self) -> Any:
        """The first group whose rate follows a schedule, or what has the version of that rate, a tensor, as "lr"."""
        rates = [values for values in self.values if isinstance(values, Rates) and values.key == "lr"]
        groups = [group for values in rates for group, _ in values.numbers]
        tensors = [tensor for values in rates for _, tensor, _ in values.tensors]
        return next(iter(groups), None) or (Version(tensors[0]) if tensors else {"lr": None})

    def changes(self, factors: Sequence[float]) -> list[tuple[str, float, float]]:
        """(name, value now, value written) of what differs from what these factors gave."""
        return [
            (name, *change)
            for name, values, factor in zip(self.names, self.values, factors, strict=True)
            for change in values.changes(factor)
        ]

    @property
    def scale(self) -> float:
        """The multiplier of initial rates, by which the largest of the first groups comes to the peak."""
        return self.peak / self.largest if self.peak is not None and self.largest else 1.0

    def factors(self, starts: Sequence[float], number: int) -> np.ndarray:
        """The factors of each schedule, at so many updates from its own position on: shape (schedules, number)."""
        places = [np.arange(number) + (int(start) if float(start).is_integer() else start) for start in starts]
        pairs = zip(self.schedules, places, strict=True)
        factors = np.array([factors_at(schedule, np.maximum(t, 0)) for schedule, t in pairs], dtype=float)
        scales = self.feedback_factors
        if self.guard is not None:  # it lowers every rate, whichever schedule it stands beside
            lowered = self.guard_state["factor"]
            others = (name == "lr" and i != self.guard for i, name in enumerate(self.names))
            scales = [scale * lowered if other else scale for scale, other in zip(scales, others, strict=True)]
        scaled: np.ndarray = factors * np.array(scales, dtype=float)[:, None]
        return scaled

    @property
    def feedback_factors(self) -> list[float]:
        """The factor of each schedule's feedbacks."""
        return [feedback.factor(state) if feedback else 1.0 for feedback, state in self._measured()]

    @property
    def number(self) -> int:
        """How many values in groups follow a schedule."""
        return sum(len(values.numbers) + len(values.tensors) for values in self.values)

    @property
    def end(self) -> float:
        """The update from which on every schedule holds its value; infinite where one has no end."""
        return max(schedule.length(Frame()) or math.inf for schedule in self.schedules)

    def rescale(self) -> bool:
        """Sees which initial rate is the largest of the first groups now, if it is known which they are; whether
        another is."""
        before, firsts = self.largest, [known for known in self.groups.present if known.place < self._firsts]
        self.largest = max((known.bases["lr"] for known in firsts if "lr" in known.bases), default=before)
        return self.largest != before

    def waits(self) -> list[tuple[Feedback, int]]:
        """Each feedback, and the updates after which it should have a measurement: at most those of its schedule."""
        ends = [schedule.length(Frame()) or math.inf for schedule in self.schedules]
        return [
            (feedback, math.ceil(min(end, FIRST_LOSSES if feedback.each_update else _patience(feedback))))
            for end, held in zip(ends, self.feedbacks, strict=True)
            for feedback in (held.feedbacks if held else ())
        ]

    @property
    def is_measured(self) -> bool:
        """Whether any feedback got a measurement."""
        return any(held and state != held.init() for held, state in self._measured())

    def measure(self, metric: float) -> None:
        """Passes a measurement to every feedback."""
        self.feedback_states = [feedback and feedback.update(state, metric) for feedback, state in self._measured()]

    @property
    def guard_state(self) -> dict[str, Any]:
        """The state of the guard; there must be one."""
        i, held = self.guarded()
        return held.of_guard(self.feedback_states[i])

    @guard_state.setter
    def guard_state(self, state: dict[str, Any]) -> None:
        i, held = self.guarded()
        self.feedback_states[i] = held.with_guard(self.feedback_states[i], state)

    def guarded(self) -> tuple[int, Controlled]:
        """Which schedule has the guard, and what it is multiplied by. Raises a FeedbackError if none has."""
        if self.guard is None:
            raise FeedbackError("no schedule here has a guard: give schedule=gs.cosine() * gs.guard()")
        held = self.feedbacks[self.guard]
        assert held is not None
        return self.guard, held

    def _measured(self) -> list[tuple[Controlled | None, Any]]:
        """Each schedule's feedback and its state, or None twice."""
        return list(zip(self.feedbacks, self.feedback_states, strict=True))

    def state(self, step: int, times: Sequence[float]) -> dict[str, Any]:
        """The state from which a training goes on that made `step` updates and came to a time on each schedule."""
        texts = [text(schedule) for schedule in self.schedules]
        state = {
            "step": step, "names": self.names, "schedules": texts, "times": list(times), "largest": self.largest,
            "bases": [dict(known.bases) for known in self.groups.present],
        }  # fmt: skip
        if self.growth:
            state["growth"] = self.growth
        if any(self.feedbacks):
            state["feedbacks"] = [feedback and text(feedback) for feedback in self.feedbacks]
            state["feedback_states"] = list(self.feedback_states)
        return sealed(state)

    def read(self, state: Any) -> Saved:
        """A state that this can go on from; nothing is taken over. Raises a ScheduleError if it isn't a state, or what
        was made so far would have been made at other rates."""
        saved = read_state(state, self.names, self.schedules, self.feedbacks, self.growth)
        keys = {values.key for values in self.values if isinstance(values, Rates)}
        if unknown := {key for group in saved.bases or [] for key in group} - keys:
            raise ScheduleError(f"a damaged state: its bases are of {', '.join(sorted(unknown))}, this scheduler moves "
                                f"{', '.join(sorted(keys))}")  # fmt: skip
        rates = [group.get("lr", 0.0) for group in saved.bases or []]
        largest = self.largest if saved.largest is None or saved.bases is None else saved.largest
        scale = self.peak / largest if self.peak is not None and largest else 1.0
        pairs = zip(self.feedbacks, saved.feedback_states, strict=True)
        factors = [float(feedback.factor(state)) for feedback, state in pairs if feedback]
        if not max(rates, default=1.0) * scale * math.prod([1.0, *factors]) <= MOST_RATE:
            raise ScheduleError(f"a damaged state, whose rates would be over {MOST_RATE:g}")
        return saved

    def take(self, saved: Saved, groups: Sequence[Group]) -> list[Replaced]:
        """Takes over a state that was read, with its base values for as many groups; returns the base values that it
        replaced."""
        self.feedback_states = saved.feedback_states
        replaced = self.groups.take_bases(saved.bases or [], groups)
        if saved.largest is None or saved.bases is None:
            self.rescale()
        else:
            self.largest, self._firsts = saved.largest, 0  # the state doesn't say which groups were the first
        return replaced


def _only_guard(feedbacks: Sequence[Controlled | None]) -> int | None:
    """Which of the schedules' feedbacks has the guard."""
    guarded = [i for i, held in enumerate(feedbacks) if held is not None and held.guard is not None]
    if len(guarded) > 1:
        raise FeedbackError("two guards on one run, for two schedules: one lowers every rate, give it once")
    return guarded[0] if guarded else None


def _patience(feedback: Feedback) -> int:
    """Updates that a feedback may go without a measurement: many times the measurements that it waits for."""
    return max(UNMEASURED, 100 * (1 + int(getattr(feedback, "patience", 0))))
