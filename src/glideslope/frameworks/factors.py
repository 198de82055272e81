"""The factors of a schedule in a training, and whether a training goes on after they have ended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from glideslope.errors import ScheduleError
from glideslope.schedules import Schedule
from glideslope.schedules.durations import Frame

FIRST_LOOK = 16  # updates: a shorter training isn't judged
ONE = 0.5  # a base rate as large stands for 1, with rates in the schedule
PART = 100  # a factor of less than one hundredth of the largest trains next to nothing


def factors_at(schedule: Schedule, t: np.ndarray) -> np.ndarray:
    """The factors at positions of shape (n,); one by one where a Python function can't take an array. Raises a
    ScheduleError if a function fails at an update before its horizon; at later ones the last value is held."""
    with suppress(TypeError, ValueError, IndexError):
        return np.broadcast_to(schedule(t), t.shape)
    factors: list[float] = []
    for position in t.tolist():
        try:
            factors.append(float(schedule(position)))
        except Exception as error:
            if position < (schedule.length(Frame()) or math.inf) or not factors:
                raise ScheduleError(f"{schedule!r} fails at {position}: {type(error).__name__}: {error}") from error
            factors.append(factors[-1])
    return np.array(factors)


def small(schedules: Sequence[Schedule], rate: float) -> str | None:
    """The warning where factors next to nothing multiply a rate that is none already: rates in the place of factors, as
    Optax and Keras have them; None elsewhere."""
    most = max(schedule.most(1.0) for schedule in schedules)
    if not 0 < PART * most <= 1 or rate >= ONE:
        return None
    return (
        f"{schedules[0]!r} is at most {most:g} and multiplies a rate of {rate:g}, so the largest rate is "
        f"{most * rate:.3g}: where it has the rates themselves, give peak=1"
    )


def ended(schedules: Sequence[Schedule], updates: int) -> str | None:
    """The warning where each schedule stays, over the second half of so many updates, at one factor that is next to
    nothing beside its largest; None elsewhere. A duration in epochs that was written as updates ends like that."""
    if updates < FIRST_LOOK:
        return None
    positions = np.unique(np.linspace(0, updates, 65).round().astype(int))
    for schedule in schedules:
        factors = factors_at(schedule, positions)
        late = factors[positions >= updates // 2]
        if np.ptp(late) or PART * late[0] >= factors.max():
            return None
    return (
        f"{schedules[0]!r} has ended by update {updates // 2}, and updates from there to {updates} train next to "
        f"nothing, at {late[0] / factors.max():.2g} of the peak: durations and the horizon are in updates; epochs are "
        "written 90ep, with a clock"
    )
