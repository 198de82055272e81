"""The methods of a schedule that its text and JSON forms may call."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from glideslope.renamed import old_names, was_called
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


def argument_names(maker: Callable[..., Schedule]) -> list[str]:
    """The names of the arguments of a function or method, those that it had before too.

    >>> argument_names(Schedule.stretch), argument_names(METHODS["over"])[:2]
    (['times'], ['steps', 'steps_per_epoch'])
    """
    places = [place for place in inspect.signature(maker).parameters.values() if place.name != "self"]
    named = [place.name for place in places if place.kind != place.VAR_KEYWORD]
    clock = list(vars(Clock())) if len(named) < len(places) else []  # of `over`
    return [*named, *clock, *old_names(maker)]
