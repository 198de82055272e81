"""Whether a schedule agrees with what a training was scheduled by so far."""

from __future__ import annotations

import math

import numpy as np

from glideslope.errors import ScheduleError
from glideslope.schedules import Clock, Schedule, parse
from glideslope.schedules.horizon import Over

MOST = 2**18
"""Updates at which two schedules are compared: all of them, up to so many."""
TOLERANCE = 1e-6
"""Of the greatest factor: more than rounding, less than any change that is meant."""


def resumed(was: str | None, now: Schedule, step: int, time: float) -> float:
    """The position on a schedule from which a training goes on that came to `time` on another, or on the same.

    Updates that consume more examples than before, since there are more devices, are further apart on a schedule in
    examples: the position is the same in examples, not in updates.

    Args:
        was: the text of the schedule the training was scheduled by; None for one without.
        now: the schedule it goes on with.
        step: the updates made.
        time: the position on the schedule it had, in its updates.

    Raises:
        ScheduleError: they differ before the position; the message has both, and how to go on.
    """
    if was is None or was == text(now):
        return time
    before = parse(was)
    worth = _worth(before, now)
    past = np.unique(np.linspace(0, max(math.ceil(time) - 1, 0), min(math.ceil(time), MOST)).round())
    rates, would_be = before(past), now(past * worth)
    differs = np.flatnonzero(np.abs(rates - would_be) > TOLERANCE * np.max(rates, initial=1e-300))
    if len(differs):
        at = int(differs[0])
        raise ScheduleError(
            f"the state was saved at update {step} of {was}; this scheduler has {text(now) or now!r}, which is another "
            f"before it: at update {past[at]:g} the factor was {rates[at]:.6g}, and would have been "
            f"{would_be[at]:.6g}. To keep the past, give a schedule that has it: that one extended, "
            f".extend(at={step}, to=...), where it holds until a cooldown, or else "
            f"({was}).lasting({time:g}) >> a schedule of the rest; to follow this one from here all the same, load "
            f'{{"step": {step}}}'
        )
    return time * worth


def text(schedule: Schedule) -> str | None:
    """The text of a schedule, None for one without."""
    try:
        return str(schedule)
    except ScheduleError:
        return None


def _worth(before: Schedule, now: Schedule) -> float:
    """How many updates of the clock of one schedule are one of the other's."""
    one, other = (schedule.clock if isinstance(schedule, Over) else Clock() for schedule in (before, now))
    if one.examples_per_step and other.examples_per_step:
        return one.examples_per_step / other.examples_per_step
    if one.tokens_per_step and other.tokens_per_step:
        return one.tokens_per_step / other.tokens_per_step
    if one.steps_per_epoch and other.steps_per_epoch:
        return other.steps_per_epoch / one.steps_per_epoch
    return 1.0
