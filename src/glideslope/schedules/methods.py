"""The methods of a schedule that its text and JSON forms may call."""

from __future__ import annotations

from collections.abc import Callable

from glideslope.renamed import was_called
from glideslope.schedules.durations import Clock, Time
from glideslope.schedules.schedule import Schedule


@was_called("horizon", "steps")
def _over(self: Schedule, steps: Time, **clock: float) -> Schedule:
    return self.over(steps, Clock(**clock))


METHODS: dict[str, Callable[..., Schedule]] = {
    "over": _over,
    **{
        method.__name__: method
        for method in (
            Schedule.extend, Schedule.continued, Schedule.clip, Schedule.repeat, Schedule.reverse, Schedule.delay,
            Schedule.skip, Schedule.lasting, Schedule.stretch, Schedule.noise, Schedule.momentum,
        )
    },
}  # fmt: skip
"""The methods that a text may call."""
