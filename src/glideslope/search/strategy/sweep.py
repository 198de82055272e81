"""One sweep of a range test, and what it says beyond the noise of its batches.

Nothing here depends on the zero or the unit of the loss: a constant added to it, or a positive factor, changes no rate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glideslope.search.jobs.equality import equal

SMOOTHING = 0.9
"""The weight of the past in the average of a sweep's losses."""
LASTING = math.sqrt((1 - SMOOTHING) / (1 + SMOOTHING))
"""The standard deviation of such an average, over that of a loss."""
RISE = 4.0
"""The standard deviations of the average by which it rises above its lowest point at the edge of stability."""
FEWEST = 8
"""The updates of a sweep before which only a loss that isn't finite ends it."""


@dataclass(frozen=True)
class Sweep:
    """One sweep."""

    rates: np.ndarray  # of each update made, shape (n,)
    losses: np.ndarray  # the training loss of each, shape (n,)
    level: float  # the loss of the untrained model, by the first losses of all sweeps
    noise: float  # the standard deviation of the loss of a batch, by all sweeps

    def __eq__(self, other: object) -> bool:
        return equal(self, other)

    def __repr__(self) -> str:
        return f"<Sweep: {len(self.rates)} updates, rates {self.rates[0]:.3g} to {self.rates[-1]:.3g}>"

    @property
    def smoothed(self) -> np.ndarray:
        """The running median of three losses, averaged exponentially from the untrained level on, shape (n,); infinite
        from a loss that isn't finite on."""
        return averaged(self.losses, self.level)

    @property
    def fall(self) -> float:
        """How far the smoothed loss falls below the untrained level."""
        return max(self.level - float(self.smoothed.min()), 0.0)

    @property
    def minimum(self) -> float:
        """The rate at which the smoothed loss is least."""
        return float(self.rates[int(np.argmin(self.smoothed))])

    @property
    def steepest(self) -> float:
        """The rate, up to the minimum, at which the smoothed loss falls fastest against the logarithm of the rate."""
        curve = self.smoothed
        at = int(np.argmin(curve))
        apart = max(len(curve) // 12, 1)  # neighbours differ by noise
        places = np.arange(at + 1)
        slopes = curve[np.minimum(places + apart, at)] - curve[np.maximum(places - apart, 0)]
        return float(self.rates[int(np.argmin(slopes))])

    @property
    def largest_stable(self) -> float:
        """The largest rate before the smoothed loss rises for good: by a tenth of its fall, and beyond its noise."""
        return float(self.rates[self._edge])

    @property
    def rises(self) -> bool:
        """Whether the loss rises for good before the sweep ends, or isn't finite at its end."""
        return self._edge < len(self.rates) - 1

    @property
    def sudden(self) -> bool:
        """Whether it ends at a loss that isn't finite with no rise before, as at a batch of bad data."""
        return sudden_end(self.losses) and self._edge == len(self.rates) - 2

    @property
    def _edge(self) -> int:
        curve = self.smoothed
        bound = curve.min() + max(0.1 * self.fall, RISE * LASTING * self.noise)
        return int(np.flatnonzero(curve <= bound)[-1])


def averaged(losses: np.ndarray, level: float) -> np.ndarray:
    """m_t = β·m_{t-1} + (1 - β)·median(loss_{t-1}, loss_t, loss_{t+1}) from m_0 = level on, β = 0.9; shape (n,)."""
    result = np.full(len(losses), np.inf)
    average = level
    for i, loss in enumerate(calm(losses).tolist()):
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        result[i] = average
    return result


def calm(losses: np.ndarray) -> np.ndarray:
    """The running median of three of the losses before the first that isn't finite, the two at the ends as they are."""
    losses = _finite(losses)
    if len(losses) < 3:
        return losses
    middle = np.median(np.stack([losses[:-2], losses[1:-1], losses[2:]]), axis=0)
    return np.concatenate([losses[:1], middle, losses[-1:]])


def batch_noise(sweeps: Sequence[np.ndarray]) -> float:
    """The standard deviation of the loss of a batch, by how far losses are from the mean of their two neighbours.

    A trend is no noise, and drops out. The first halves of the sweeps count, where rates are small; mean absolute
    deviations, which rare batches with a large loss move little.

    >>> batch_noise([np.arange(100.0)])
    0.0
    """
    halves = [_half(losses) for losses in map(_finite, sweeps)]
    apart = [np.abs(half[1:-1] - (half[:-2] + half[2:]) / 2) for half in halves if len(half) > 2]
    if not apart:
        return 0.0
    return float(np.concatenate(apart).mean() * math.sqrt(math.pi / 2) / math.sqrt(1.5))


def untrained_level(sweeps: Sequence[np.ndarray]) -> float:
    """The loss of the untrained model: the mean of the first tenths of the sweeps."""
    return float(np.mean(np.concatenate([calm(losses)[: max(len(losses) // 10, 3)] for losses in sweeps])))


def blown_up(losses: list[float]) -> bool:
    """Whether a sweep has seen enough: its loss isn't finite, or rose by twice its fall and six standard deviations.

    The median of the last five losses decides, so that one hard batch ends nothing.
    """
    if not math.isfinite(losses[-1]):
        return True
    if len(losses) < FEWEST:
        return False
    values = np.asarray(losses)
    level = untrained_level([values])
    lowest = min(float(averaged(values, level).min()), level)
    recent = float(np.median(values[-5:]))
    return recent > lowest + 2 * (level - lowest) + 6 * batch_noise([values])


def sudden_end(losses: np.ndarray) -> bool:
    """Whether a training ended at a loss that isn't finite, the ones before no higher than at its start.

    A rate that is too large lets the loss rise first. Losses count as no higher up to the range of the first half.
    """
    if len(losses) == 0 or math.isfinite(losses[-1]):
        return False
    before = _finite(losses)
    if len(before) < 4:
        return len(before) > 0 and bool(before[-1] <= before[0])
    return bool(np.median(before[-3:]) <= _half(before).max())


def bad_data(trainings: Sequence[tuple[float, bool]]) -> str | None:
    """What trainings say about the data where some end suddenly at rates too different for an edge of stability, or
    where a larger one is stable; else None. `trainings` has the largest rate at which the loss of each was finite, and
    whether it ended suddenly after."""
    sudden = [rate for rate, ended in trainings if ended]
    if not sudden or max(rate for rate, _ in trainings) < 4 * min(sudden):
        return None
    lowest, highest = min(sudden), max(sudden)
    if highest >= 4 * lowest:
        where = f"at rates as different as {lowest:.2g} and {highest:.2g}"
    else:
        stable = max(rate for rate, _ in trainings)
        where = f"at a rate of {lowest:.2g}, where one of {stable:.2g} is stable"
    return f"the loss of a batch isn't finite {where}: look at the data, and at the loss and its precision"


def _half(losses: np.ndarray) -> np.ndarray:
    """The first half, of three losses at least."""
    return losses[: max(len(losses) // 2, 3)]


def _finite(losses: np.ndarray) -> np.ndarray:
    """Those before the first that isn't finite."""
    finite = np.isfinite(losses)
    return losses if finite.all() else losses[: int(np.argmin(finite))]
