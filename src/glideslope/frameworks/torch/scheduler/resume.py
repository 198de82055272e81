"""Whether a schedule agrees with what a training was scheduled by so far."""

from __future__ import annotations

import math
import re

import numpy as np

from glideslope.errors import GlideslopeError, ScheduleError
from glideslope.feedback import Feedback
from glideslope.schedules import Clock, Schedule, parse
from glideslope.schedules.durations import number_text
from glideslope.schedules.horizon import Over
from glideslope.schedules.numbers import NUMBER

MOST = 2**21
"""Updates at which two schedules are compared: so many at the start, and as many more, evenly spaced, of the rest."""
TOLERANCE = 1e-6  # of the greatest factor: more than rounding, less than any change that is meant
_IN_A_UNIT = re.compile(rf"{NUMBER}(ep|ex|tok)\b")


def resumed(was: str | None, now: Schedule, step: int, time: float) -> float:
    """The position on a schedule from which a training goes on that made `step` updates and came to `time` on another,
    or on the same; `was` is the text of that, None for one without. On a schedule in examples it is the same in
    examples, of which more devices consume more in an update. Raises a ScheduleError if the schedules differ before the
    position; the message has both, and how to go on."""
    if was is None or was == text(now):
        return time
    before = parse(was)
    if not isinstance(before, Schedule):
        raise ScheduleError(f"the state was saved at update {step} of {before}, which isn't a schedule: load "
                            f'another, or {{"step": {step}}}')  # fmt: skip
    past = _past(time)
    differing = []
    for worth in (*_worths(was, before, now), 1.0):
        rates, would_be = before(past), now(past * worth)
        differs = np.flatnonzero(np.abs(rates - would_be) > TOLERANCE * np.max(rates, initial=1e-300))
        if not len(differs):
            return time * worth
        at = int(differs[0])
        differing.append((past[at], rates[at], would_be[at]))
    t, rate, other = differing[0]
    raise ScheduleError(
        f"the state was saved at update {step} of {was}; this scheduler has {text(now) or now!r}, which differs "
        f"before it: at update {number_text(t)} the factor was {rate:.6g}, and would have been {other:.6g}. To keep "
        f"the past, give a schedule that has it: that one extended, .extend(at={step}, to=...), where it holds until "
        f"a cooldown, or else ({was}).lasting({number_text(time)}) >> a schedule of the rest; to follow this one from "
        f'here anyway, load {{"step": {step}}}'
    )


def text(value: Schedule | Feedback) -> str | None:
    """The text of a schedule or feedback, None for one without."""
    try:
        return str(value)
    except GlideslopeError:
        return None


def _past(time: float) -> np.ndarray:
    """The positions of the updates made so far."""
    updates_made = math.ceil(time)
    if updates_made <= 2 * MOST:
        return np.arange(updates_made)
    return np.union1d(np.arange(MOST), np.linspace(MOST, updates_made - 1, MOST).round())


def _worths(was: str, before: Schedule, now: Schedule) -> list[float]:
    """How many updates of one clock are one of the other's, for each unit that the schedule is in."""
    one, other = (schedule.clock if isinstance(schedule, Over) else Clock() for schedule in (before, now))
    units = {match[1] for match in _IN_A_UNIT.finditer(was)}
    pairs = {
        "ex": (one.examples_per_step, other.examples_per_step),
        "tok": (one.tokens_per_step, other.tokens_per_step),
        "ep": (other.steps_per_epoch, one.steps_per_epoch),
    }
    return [a / b for unit, (a, b) in pairs.items() if unit in units and a and b]
