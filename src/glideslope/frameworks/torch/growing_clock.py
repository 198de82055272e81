"""Schedules beside a growth of the batch, in the updates that are really made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from glideslope.batches import Growth
from glideslope.errors import ScheduleError
from glideslope.schedules import Clock, Schedule, from_function, parse
from glideslope.schedules.durations import Time
from glideslope.schedules.horizon import with_horizon


def on_one_clock(
    given: list[tuple[str, Any, Any]], steps: Time | None, clock: Clock | None
) -> tuple[str | None, list[tuple[str, Any, Any]]]:
    """The schedules of an optimizer, (name, schedule, values), where one of them may grow the batch.

    The others count updates of the base batch, as the growth's own schedule does: of larger batches there are fewer.

    Returns:
        The text of the growth, None without one; and the schedules, in updates that are made.

    Raises:
        ScheduleError: the growths aren't one, or something beside a growth answers to measurements.
    """
    read = [(name, parse(value) if isinstance(value, str) else value, own) for name, value, own in given]
    growths = [value for _, value, _ in read if isinstance(value, Growth)]
    if not growths:
        return None, given
    if any(growth != growths[0] for growth in growths):
        raise ScheduleError(f"{growths[0]} and {growths[-1]}: there is one batch, so give one growth")
    growth = growths[0]
    if steps is not None:
        growth = replace(growth, schedule=with_horizon(growth.schedule, steps, clock))
    at = growth.plan().examples / growth.growing.base

    def in_updates(name: str, value: Any) -> Schedule:
        if isinstance(value, Growth):
            return growth.rates()
        if not isinstance(value, Schedule):
            raise ScheduleError(f"{name}={value}: beside a growth of the batch stand plain schedules only")
        factors = (value if steps is None else with_horizon(value, steps, clock))(at) * np.ones(len(at))
        return from_function(lambda t: factors[np.minimum(np.asarray(t, dtype=int), len(at) - 1)])

    return str(growth), [(name, in_updates(name, value), own) for name, value, own in read]
