"""What leaves the band of a run in progress: a spike, bad data, a fault."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

_SHORT, _LONG = 5, 24  # losses before one that it is judged by, at least and at most
_TIMES_UP, _TIMES_DOWN = 6.0, 10.0
"""How far above and below what is expected a loss lies that is alarming, over the spread of those before."""
_LEAST_UP, _LEAST_DOWN = 0.01, 0.05
"""The same at least, relatively: a law is no truer, and a cooldown that wasn't announced is no fault."""
_FEW = 6.0  # how much wider the band is where the spread is known from few losses, times one over their number
_SLOWLY = 2.0  # how far a loss beyond the band moves it, over the spread
_LASTING, _LEAST_LASTING, _PART = 8, 3, 0.5
"""Losses, at most and at least, from one that left its band on, by whose median it is a spike, or the level is another
from there on: then they lie as far as this part of what the first one does, or farther."""


@dataclass(frozen=True)
class Alarm:
    """A loss that left its band."""

    step: float  #: the updates made when it was measured
    kind: str  #: "not finite", "above" or "below"
    loss: float  #: measured
    expected: float  #: what the losses before it, and the schedule, led to expect


class Band:
    """Where the losses of a run are expected, each by those before it only.

    The distance of a loss from the trend is compared with that of the losses before, in logarithms: with a line through
    the last 24, weighted to the newest, and their spread about it. A loss that leaves the band moves it slowly.

    >>> band = Band()
    >>> losses = [3.0, 2.9, 2.83, 2.78, 2.74, 2.71, 2.68, 2.66, 3.4, 2.62]
    >>> found = [band.add(step, loss, 3.0) for step, loss in zip(range(100, 1100, 100), losses)]
    >>> [(alarm.step, alarm.kind) for alarm in found if alarm]
    [(900, 'above')]
    """

    def __init__(self) -> None:
        self._steps: deque[float] = deque(maxlen=_LONG)
        self._off: deque[float] = deque(maxlen=_LONG)

    def add(self, step: float, loss: float, trend: float) -> Alarm | None:
        """Takes the next loss, NaN where it was lost, after so many updates, and returns an alarm if it left its band.
        Of the trend, what a law has for it, only the changes count."""
        middle, spread = self._expected(step)
        if not (math.isfinite(loss) and loss > 0):
            return Alarm(step, "not finite", loss, math.exp(middle) * trend)
        miss, alarm = math.log(loss / trend), None
        over = miss - middle
        if over > max(_TIMES_UP * spread, _LEAST_UP) or -over > max(_TIMES_DOWN * spread, _LEAST_DOWN):
            alarm = Alarm(step, "above" if over > 0 else "below", loss, math.exp(middle) * trend)
            miss = middle + math.copysign(min(abs(over), _SLOWLY * spread + 1e-3), over)
        self._steps.append(step)
        self._off.append(miss)
        return alarm

    def _expected(self, step: float) -> tuple[float, float]:
        """The distance from the trend that the last ones lead to, and their spread."""
        near = np.array(self._off)
        if len(near) < _SHORT:
            return float(near.mean()) if len(near) else 0.0, math.inf
        place = np.log(np.array(self._steps) / step)
        weight = np.exp(-np.arange(len(near))[::-1] / (_LONG / 3))
        slope, level = np.polyfit(place, near, 1, w=np.sqrt(weight)) if np.ptp(place) > 0 else (0.0, near.mean())
        left = np.abs(near - level - slope * place)
        return float(level), float(1.4826 * np.median(left)) * (1 + _FEW / len(near))


def without_faults(step: np.ndarray, loss: np.ndarray, trend: np.ndarray) -> tuple[np.ndarray, list[Alarm]]:
    """Losses as a forecast counts them, and those that left their band: at updates `step`, shape (n,), each positive.
    Of the trend, what a law has for them, only the changes count.

    A spike counts as what was expected there. Where the level changes, as with other data, the losses before count as
    so much higher or lower.

    >>> losses = np.array([3.0, 2.9, 2.83, 2.78, 2.74, 2.71, 2.68, 2.66, 3.4, 2.62, 2.6, 2.59])
    >>> counted, alarms = without_faults(np.arange(100.0, 1300, 100), losses, np.full(12, 3.0))
    >>> counted[7:10].round(2), len(alarms)
    (array([2.66, 2.64, 2.62]), 1)
    """
    band, off, counted = Band(), np.log(loss / trend), loss.copy()
    alarms: list[Alarm] = []
    known = 0  # up to which a change of the level explains what leaves the band
    for i, entry in enumerate(zip(step.tolist(), loss.tolist(), trend.tolist(), strict=True)):
        if (alarm := band.add(*entry)) is None:
            continue
        alarms.append(alarm)
        if i < known:
            continue
        since = off[i : i + _LASTING] - math.log(alarm.expected / trend[i])
        change = float(np.median(since))
        if len(since) >= _LEAST_LASTING and change / since[0] > _PART:
            counted[:i] *= math.exp(change)
            known = i + _LASTING
        else:
            counted[i] = alarm.expected
    return counted, alarms
