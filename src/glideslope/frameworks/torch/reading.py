"""What a scheduler is given, read: schedules with a horizon, and their factors whatever they are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from glideslope.batches import Growth
from glideslope.errors import ScheduleError
from glideslope.feedback import Controlled, Feedback
from glideslope.feedback.feedback import controlled
from glideslope.schedules import Clock, Schedule, constant, parse
from glideslope.schedules.durations import Frame, Time
from glideslope.schedules.horizon import Over, with_horizon

Given = Schedule | Feedback | Growth | str


def has_horizon(given: Given | Sequence[Given]) -> bool:
    """Whether a schedule, or one of several, has a horizon of its own, which a trainer's length doesn't replace."""
    if isinstance(given, list | tuple):
        return any(map(has_horizon, given))
    value = parse(given) if isinstance(given, str) else given
    return isinstance(getattr(value, "schedule", value) if isinstance(value, Controlled | Growth) else value, Over)


def timed(name: str, given: Given, steps: Time | None, clock: Clock | None) -> tuple[Schedule, Controlled | None]:
    """A schedule that can be called, with its horizon where one is given or needed; and what multiplies it.

    Raises:
        ScheduleError: it isn't a schedule, or lacks a horizon or a unit; the message says which argument has it.
    """
    value = parse(given) if isinstance(given, str) else given
    if isinstance(value, Feedback):
        held = controlled(value)
        return timed(name, held.schedule, steps, clock)[0], Controlled(constant(), held.feedbacks)
    schedule = value
    if not isinstance(schedule, Schedule):
        raise ScheduleError(f"{_argument(name)}={given!r}: give a schedule or its text, such as 'warmup(5%) >> cosine'")
    if steps is not None:
        return with_horizon(schedule, steps, clock), None
    if clock is not None:
        raise ScheduleError(f"{_argument(name)}={schedule!r}: a clock needs a horizon, steps=")
    try:
        schedule(0)
    except ScheduleError as error:
        raise ScheduleError(f"{_argument(name)}={schedule!r}: {error}; a scheduler takes it as steps=") from None
    return schedule, None


def _argument(name: str) -> str:
    """The argument of a scheduler for what is scheduled."""
    return "schedule" if name == "lr" else name


def factors_at(schedule: Schedule, t: np.ndarray) -> np.ndarray:
    """The factors at positions of shape (n,); one by one where a Python function can't take an array.

    Raises:
        ScheduleError: a function fails at an update before its horizon; at later ones the last value is held.
    """
    try:
        return np.broadcast_to(schedule(t), t.shape)
    except (TypeError, ValueError, IndexError):
        pass
    found: list[float] = []
    for position in t.tolist():
        try:
            found.append(float(schedule(position)))
        except Exception as error:
            if position < (schedule.length(Frame()) or math.inf) or not found:
                raise ScheduleError(f"{schedule!r} fails at {position}: {type(error).__name__}: {error}") from error
            found.append(found[-1])
    return np.array(found)


def check_momentum(name: str, schedule: Schedule) -> None:
    """Raises for a schedule whose factors can't be momenta."""
    horizon = math.ceil(schedule.length(Frame()) or 1000)
    t = np.unique(np.linspace(0, horizon, 1001).round().astype(int))
    highest = float(factors_at(schedule, t).max())
    if highest >= 1:
        raise ScheduleError(f"{name}={schedule!r} comes to {highest:g}: a momentum is under 1; a schedule of the rate "
                            "has one that mirrors it, schedule.momentum()")  # fmt: skip
