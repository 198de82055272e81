"""Schedules with a horizon, in the updates that are made."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from glideslope.batches import Growth
from glideslope.errors import ScheduleError
from glideslope.frameworks.factors import factors_at
from glideslope.policy import Policy, RatePolicy, as_policy
from glideslope.schedules import Clock, Schedule, from_function
from glideslope.schedules.durations import Frame, Time
from glideslope.schedules.horizon import Over, with_horizon


def has_horizon(schedule: Policy | Sequence[Policy]) -> bool:
    """Whether a schedule, or one of several, has a horizon of its own, which a trainer's length doesn't replace."""
    policies = schedule if isinstance(schedule, list | tuple) else [schedule]
    return any(isinstance(as_policy(policy).schedule, Over) for policy in policies)


def timed(name: str, schedule: Schedule, steps: Time | None, clock: Clock | None) -> Schedule:
    """A schedule with its horizon. Raises a ScheduleError that says which argument gives what it lacks."""
    if steps is not None:
        return with_horizon(schedule, steps, clock)
    if clock is not None:
        raise ScheduleError(f"{argument(name)}={schedule!r}: a clock needs a horizon, steps=")
    try:
        schedule(0)
    except ScheduleError as error:
        raise ScheduleError(f"{argument(name)}={schedule!r}: {error}; a scheduler takes it as steps=") from None
    return schedule


def argument(name: str) -> str:
    """The argument of a scheduler for what is scheduled."""
    return "schedule" if name == "lr" else name


def check_momentum(name: str, schedule: Schedule) -> None:
    """Raises for a schedule whose factors can't be momenta."""
    horizon = math.ceil(schedule.length(Frame()) or 1000)
    t = np.unique(np.linspace(0, horizon, 1001).round().astype(int))
    highest = float(factors_at(schedule, t).max())
    if highest >= 1:
        raise ScheduleError(f"{name}={schedule!r} comes to {highest:g}: a momentum is under 1; a schedule of the rate "
                            "has one that mirrors it, schedule.momentum()")  # fmt: skip


def on_one_clock(
    policies: Sequence[tuple[str, RatePolicy]], steps: Time | None, clock: Clock | None
) -> tuple[str | None, list[Schedule]]:
    """The text of the growth among an optimizer's policies, None without one; and their schedules, in updates that are
    made: beside a growth they count updates of the base batch, of which larger batches make fewer. Raises a
    ScheduleError if the growths aren't one, or something beside a growth answers to measurements."""
    growths = [policy for _, policy in policies if policy.growth]
    if not growths:
        return None, [policy.schedule for _, policy in policies]
    if any(growth != growths[0] for growth in growths):
        raise ScheduleError(f"{growths[0]} and {growths[-1]}: there is one batch, so give one growth")

    def whole(schedule: Schedule) -> Schedule:
        return schedule if steps is None else with_horizon(schedule, steps, clock)

    growing = growths[0].growth
    assert growing is not None
    growth = Growth(whole(growths[0].schedule), growing)
    at = growth.plan().examples / growing.base

    def in_updates(name: str, policy: RatePolicy) -> Schedule:
        if policy.growth:
            return growth.rates()
        if policy.feedbacks:
            raise ScheduleError(f"{name}={policy}: beside a growth of the batch stand plain schedules only")
        factors = whole(policy.schedule)(at) * np.ones(len(at))
        return from_function(lambda t: factors[np.minimum(np.asarray(t, dtype=int), len(at) - 1)])

    return str(growth), [in_updates(name, policy) for name, policy in policies]
