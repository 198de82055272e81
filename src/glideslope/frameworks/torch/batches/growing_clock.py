"""Schedules beside a growth of the batch, in the updates that are really made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glideslope.batches import Growth
from glideslope.errors import ScheduleError
from glideslope.policy import RatePolicy
from glideslope.schedules import Clock, Schedule, from_function
from glideslope.schedules.durations import Time
from glideslope.schedules.horizon import with_horizon


def on_one_clock(
    policies: Sequence[tuple[str, RatePolicy]], steps: Time | None, clock: Clock | None
) -> tuple[str | None, list[Schedule]]:
    """The text of the growth among an optimizer's policies, None without one; and their schedules, in updates that are
    made.

    Schedules beside a growth count updates of the base batch, as the growth's own does: of larger batches there are
    fewer. Raises a ScheduleError if the growths aren't one, or something beside a growth answers to measurements.
    """
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
