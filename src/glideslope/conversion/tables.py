"""A schedule as a table of points, for libraries that have no formula for it."""

from __future__ import annotations

import numpy as np

from glideslope.schedules import Schedule
from glideslope.schedules.sampling import sampled


def table(schedule: Schedule, steps: int, scale: float, rows: int) -> str:
    """The points that reproduce a schedule, as two lists."""
    at, values = values_at(schedule, steps, rows)
    kept = knots_of(scale * values, 1e-14, at)
    return f"TIMES = {at[kept].tolist()}\nVALUES = {(scale * values[kept]).tolist()}\n"


def values_at(schedule: Schedule, steps: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Updates and the factors there: of each, or of some where there are many, and of the end, which is held."""
    at = np.arange(steps) if steps <= rows else sampled(schedule, steps)[0]
    at = np.append(at, steps)
    return at, np.asarray(schedule.within(steps)(at))


def knots_of(values: np.ndarray, tolerance: float, at: np.ndarray | None = None) -> list[int]:
    """Places such that straight lines between the values there pass all values, to a tolerance times the largest; the
    values are one apart, or at times of shape (n,)."""
    times = (np.arange(len(values)) if at is None else at).tolist()
    tolerance *= float(np.abs(values).max())
    knots = [0]
    low, high = -np.inf, np.inf
    for t in range(1, len(values)):
        origin, value = values[knots[-1]], values[t]
        slope = (value - origin) / (times[t] - times[knots[-1]])
        if not low <= slope <= high:
            knots.append(t - 1)
            low, high = -np.inf, np.inf
            origin = values[t - 1]
        run = times[t] - times[knots[-1]]
        low = max(low, (value - tolerance - origin) / run)
        high = min(high, (value + tolerance - origin) / run)
    return [*knots, len(values) - 1]
