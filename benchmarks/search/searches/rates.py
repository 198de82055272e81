"""Where searches that know nothing of a training look for its rate."""

from __future__ import annotations

import numpy as np

LOW, HIGH = 1e-5, 10.0
"""The rates between which the library's range test begins; the best ones of usual trainings lie between them."""


def drawn(rng: np.random.Generator, schedules: tuple[str, ...]) -> tuple[str, float]:
    """A schedule and a peak, uniform in its logarithm."""
    schedule = schedules[int(rng.integers(len(schedules)))]
    return schedule, float(np.exp(rng.uniform(np.log(LOW), np.log(HIGH))))


def spread(count: int) -> np.ndarray:
    """So many rates, the middles of equal parts of the logarithm, shape (count,).

    >>> spread(2).round(5)
    array([0.00032, 0.31623])
    """
    return np.geomspace(LOW, HIGH, 2 * count + 1)[1::2]
