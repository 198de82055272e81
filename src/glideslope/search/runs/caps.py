"""The rates of a run that backed off, and the schedule that says so."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from glideslope.feedback import Event
from glideslope.schedules import Schedule, piecewise
from glideslope.schedules.combined import smallest


def capped(rates: np.ndarray, events: Iterable[Event]) -> np.ndarray:
    """The rates of a run, by those of its schedule and what was done.

    >>> capped(np.array([4.0, 4.0, 4.0, 1.0]), [Event(1, "growth", 2.0, back_to=0, factor=0.5)])
    array([4., 4., 2., 1.])
    """
    rates = rates.copy()
    for event in events:
        later = rates[event.update + 1 :]
        np.minimum(later, event.factor * rates[event.update], out=later)
    return rates


def capped_schedule(schedule: Schedule, events: Iterable[Event], steps: int) -> Schedule:
    """The schedule of a run of so many updates with the caps of its rate: from where the run went back to, if it did.

    >>> from glideslope.schedules import hold
    >>> print(capped_schedule(hold(), [Event(299, "growth", 2.0, back_to=240, factor=0.5)], 600))
    min(hold(), piecewise([1, 0.5], [40%]))
    """
    factors, caps = schedule.within(steps).sample(steps), [(0, max(1.0, schedule.most(1.0)))]
    for event in events:
        cap = event.factor * min(float(factors[event.update]), caps[-1][1])
        caps = [(at, former) for at, former in caps if at < event.back_to] + [(event.back_to, float(f"{cap:.4g}"))]
    if len(caps) == 1:
        return schedule
    parts = [f"{10**8 * at // steps / 1e6:.9g}%" for at, _ in caps[1:]]  # rounded down: the cap holds at that update
    return smallest(schedule, piecewise([cap for _, cap in caps], parts))
