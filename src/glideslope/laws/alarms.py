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
"""Losses, at most and at least, by whose median the level is another, or is back; and the part of what the first loss
that left its band is off by, which the level is off by at least."""
_BACK, _FALLING = 0.1, 0.05
"""The part of it that the level is off by where it is back, and by which it falls from three losses to the next."""


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
        self.slope, self.limit = 0.0, _LEAST_UP
        """Of the line at the last loss, over the logarithm of updates; and how far above it a loss would leave it."""

    def add(self, step: float, loss: float, trend: float) -> Alarm | None:
        """Takes the next loss, NaN where it was lost, after so many updates, and returns an alarm if it left its band.
        Of the trend, what a law has for it, only the changes count."""
        middle, spread = self._expected(step)
        if not (math.isfinite(loss) and loss > 0):
            return Alarm(step, "not finite", loss, math.exp(middle) * trend)
        miss, alarm = math.log(loss / trend), None
        over, self.limit = miss - middle, max(_TIMES_UP * spread, _LEAST_UP)
        if over > self.limit or -over > max(_TIMES_DOWN * spread, _LEAST_DOWN):
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
        self.slope = float(slope)
        left = np.abs(near - level - slope * place)
        return float(level), float(1.4826 * np.median(left)) * (1 + _FEW / len(near))


def without_faults(step: np.ndarray, loss: np.ndarray, trend: np.ndarray) -> tuple[np.ndarray, list[Alarm]]:
    """Losses as a forecast counts them, and those that left their band: at updates `step`, shape (n,), each positive.
    Of the trend, what a law has for them, only the changes count.

    Those of a spike are NaN, up to the loss from which on the level is what it was, or to the end where it is on its
    way back. Where the level changes for good, as with other data, the losses before count as so much higher or lower.

    >>> losses = np.array([3.0, 2.9, 2.83, 2.78, 2.74, 2.71, 2.68, 2.66, 3.4, 2.62, 2.6, 2.59])
    >>> counted, alarms = without_faults(np.arange(100.0, 1300, 100), losses, np.full(12, 3.0))
    >>> counted[7:10].round(2), len(alarms)
    (array([2.66,  nan, 2.62]), 1)
    """
    band, off, counted, usual = Band(), np.log(loss / trend), loss.copy(), loss.copy()
    alarms: list[Alarm] = []
    known = 0  # up to which a change of the level explains what leaves the band
    for i in range(len(loss)):
        if (alarm := band.add(float(step[i]), float(usual[i]), float(trend[i]))) is None:
            continue
        alarms.append(alarm)
        if i < known:
            continue
        level = math.log(alarm.expected / trend[i])
        before = level + band.slope * np.log(step[i:] / step[i])
        if end := _length_of_spike(off[i:] - before, band.limit):
            usual[i : i + end] = (trend[i:] * np.exp(before))[:end]
            counted[i : i + end] = math.nan
        else:
            counted[:i] *= math.exp(float(np.median(off[i : i + _LASTING])) - level)
            known = i + _LASTING
    return counted, alarms


def _length_of_spike(over: np.ndarray, limit: float) -> int:
    """How many losses a spike lasts, from how far the losses since its first lie over the level before, shape (n,); 0
    where the level is another from there on."""
    after = [abs(float(np.median(over[i : i + _LASTING]))) for i in range(1, len(over) - _LEAST_LASTING + 1)]
    for near in (limit, _BACK * abs(over[0])):
        if back := next((i for i, off in enumerate(after, 1) if off <= near), 0):
            within = np.flatnonzero(np.abs(over[back:]) <= near / 3)  # the last of it isn't of the level before
            return back + int(min(within, default=0))
    before, last = (float(np.median(part)) / over[0] for part in (over[-6:][:3], over[-3:]))
    stays = len(over) >= _LASTING and last > _PART
    return 0 if stays and last > before - _FALLING else len(over)
