"""The schedules of an optimizer, and the values in its groups that follow them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from glideslope.errors import ScheduleError
from glideslope.frameworks.factors import factors_at
from glideslope.frameworks.seals import sealed
from glideslope.frameworks.torch.scheduler.feedbacks import Feedbacks
from glideslope.frameworks.torch.scheduler.known_groups import Group, KnownGroups, Replaced
from glideslope.frameworks.torch.scheduler.param_groups import Momenta, Rates, Version, check_has, separate
from glideslope.frameworks.torch.scheduler.reading import argument, check_momentum, on_one_clock, timed
from glideslope.frameworks.torch.scheduler.resume import text
from glideslope.frameworks.torch.scheduler.state import MOST_RATE, Saved, read_state
from glideslope.plural import plural
from glideslope.policy import Policy, as_policy
from glideslope.schedules import Clock, Schedule
from glideslope.schedules.durations import Time


class Plan:
    """The schedules of an optimizer: the name of what is scheduled, by what, and where it is in the groups; those of
    the rate first. The other arguments are those of `Scheduler`."""

    def __init__(
        self, groups: Sequence[Group], scheduled: Sequence[tuple[str, Policy, Rates | Momenta]], steps: Time | None,
        clock: Clock | None, peak: float | None,
    ) -> None:  # fmt: skip
        rates = [name for name, *_ in scheduled].count("lr")
        if not 1 <= rates <= len(groups):
            raise ScheduleError(
                f"{rates} schedules of the rate for {plural(len(groups), 'group')}: give one, or one each"
            )
        policies = [(name, as_policy(policy, argument(name))) for name, policy, _ in scheduled]
        self.growth, schedules = on_one_clock(policies, steps, clock)
        self.names = [name for name, _ in policies]
        self.schedules = [timed(*pair, steps, clock) for pair in zip(self.names, schedules, strict=True)]
        self.feedbacks = Feedbacks([policy for _, policy in policies], self.schedules)
        self.values = [values for _, _, values in scheduled]
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
        scaled: np.ndarray = factors * np.array(self.feedbacks.scales(self.names), dtype=float)[:, None]
        return scaled

    @property
    def of_rate(self) -> Sequence[Schedule]:
        """The schedules of the rate."""
        return self.schedules[: self.names.count("lr")]

    @property
    def number(self) -> int:
        """How many values in groups follow a schedule."""
        return sum(len(values.numbers) + len(values.tensors) for values in self.values)

    def rescale(self) -> bool:
        """Sees which initial rate is the largest of the first groups now, if they are known; whether another is."""
        before, firsts = self.largest, [known for known in self.groups.present if known.place < self._firsts]
        self.largest = max((known.bases["lr"] for known in firsts if "lr" in known.bases), default=before)
        return self.largest != before

    def state(self, step: int, times: Sequence[float]) -> dict[str, Any]:
        """The state from which a training goes on that made `step` updates and came to a time on each schedule."""
        texts = [text(schedule) for schedule in self.schedules]
        state = {
            "step": step, "names": self.names, "schedules": texts, "times": list(times), "largest": self.largest,
            "bases": [dict(known.bases) for known in self.groups.present],
        }  # fmt: skip
        if self.growth:
            state["growth"] = self.growth
        if self.feedbacks:
            state["feedbacks"] = [feedback and text(feedback) for feedback in self.feedbacks.held]
            state["feedback_states"] = list(self.feedbacks.states)
        return sealed(state)

    def read(self, state: Any) -> Saved:
        """A state that this can go on from; nothing is taken over. Raises a ScheduleError if it isn't a state, or what
        was made so far would have been made at other rates."""
        saved = read_state(state, self.names, self.schedules, self.feedbacks.held, self.growth)
        keys = {values.key for values in self.values if isinstance(values, Rates)}
        if unknown := {key for group in saved.bases or [] for key in group} - keys:
            raise ScheduleError(f"a damaged state: its bases are of {', '.join(sorted(unknown))}, this scheduler moves "
                                f"{', '.join(sorted(keys))}")  # fmt: skip
        rates = [group.get("lr", 0.0) for group in saved.bases or []]
        largest = self.largest if saved.largest is None or saved.bases is None else saved.largest
        scale = self.peak / largest if self.peak is not None and largest else 1.0
        pairs = zip(self.feedbacks.held, saved.feedback_states, strict=True)
        factors = [float(feedback.factor(state)) for feedback, state in pairs if feedback]
        if not max(rates, default=1.0) * scale * math.prod([1.0, *factors]) <= MOST_RATE:
            raise ScheduleError(f"a damaged state, whose rates would be over {MOST_RATE:g}")
        return saved

    def take(self, saved: Saved, groups: Sequence[Group]) -> list[Replaced]:
        """Takes over a state that was read, with base values for as many groups; returns the values it replaced."""
        self.feedbacks.states = saved.feedback_states
        replaced = self.groups.take_bases(saved.bases or [], groups)
        if saved.largest is None or saved.bases is None:
            self.rescale()
        else:
            self.largest, self._firsts = saved.largest, 0  # the state doesn't say which groups were the first
        return replaced
