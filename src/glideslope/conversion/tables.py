"""A schedule as a table of points, for libraries that have no formula for it."""

from __future__ import annotations

import numpy as np

from glideslope.conversion.from_optax import knots_of
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
