"""An Optax schedule as a schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from glideslope.conversion.tables import knots_of
from glideslope.documents import check_kind
from glideslope.errors import ConversionError
from glideslope.schedules import Schedule, from_points
from glideslope.search.jobs.scalars import whole

_MOST = 10_000_000  # updates, of which each is sampled


def from_optax(schedule: Callable[[Any], Any], steps: int) -> Schedule:
    """A schedule through the rates of an Optax schedule, which is a function and so can only be sampled.

    Args:
        schedule: a function of the count.
        steps: how many updates to sample; the value after the last is held.

    Raises:
        ConversionError: steps isn't a whole number from 1 to 10,000,000, or a value is negative or not finite.

    >>> import optax
    >>> schedule = from_optax(optax.linear_schedule(0.5, 0.0, 100), 100)
    >>> round(schedule(50), 6), len(str(schedule)) < 60
    (0.25, True)
    """
    check_kind(ConversionError, Callable, "a schedule of Optax", schedule=schedule)
    if not 1 <= (steps := whole("steps", steps, ConversionError)) <= _MOST:
        raise ConversionError(f"steps={steps}: say how many updates to sample, 1 to {_MOST:,}")
    values = np.asarray([float(schedule(t)) for t in range(steps + 1)])
    if not np.all(np.isfinite(values) & (values >= 0)):
        raise ConversionError("the Optax schedule has a value that is negative or not finite")
    kept = knots_of(values, 1e-7)  # as exact as float32
    return from_points([(t, float(values[t])) for t in kept])
