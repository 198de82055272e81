"""The order of a run's steps, which go back where the run was resumed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise

import numpy as np

from glideslope.errors import LawError
from glideslope.plural import plural

_ANEW = 0.1  # the part of the updates made to which steps go back where they begin anew


def counted(name: str, step: np.ndarray, loss: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The places of the losses that count, in order of the steps, and notes on the others. Raises a LawError if the
    steps go back otherwise than after a resume, or many have two losses."""
    back = int((np.diff(step) < 0).sum())
    if back > max(5, len(step) // 10):
        raise LawError(
            f"{name}: steps out of order, {back} of {len(step)} go back: sort them; a resumed run goes back "
            "once for each resume"
        )
    twice = int(((np.diff(step) == 0) & (np.diff(loss) != 0)).sum())
    if twice > max(2, len(step) // 10):
        raise LawError(
            f"{name}: {plural(twice, 'step')} with two losses that differ: tell runs apart by a column run, "
            "or give the mean of several losses of an update"
        )
    kept, notes = last_segments(step), []
    if len(kept) < len(step):
        notes.append(f"{plural(len(step) - len(kept), 'point')} measured again later: the later one is kept")
    after, before = step[1:][np.diff(step) < 0], step[:-1][np.diff(step) < 0]
    if anew := int((after <= np.maximum(step.min(initial=np.inf), _ANEW * before)).sum()):
        if anew > 1 and 2 * len(kept) < len(step):
            raise LawError(
                f"{name}: the steps begin anew {_times(anew)}, and most points are measured again: give the "
                "updates since the beginning of the run, not of each epoch, or tell several runs apart"
            )
        notes.append(f"the steps begin anew {_times(anew)}: if several runs are in one, tell them apart")
    return kept, notes


def last_segments(step: np.ndarray) -> np.ndarray:
    """The places of what counts, in order of the steps: where steps go back, a run was resumed, and what it then goes
    through again is measured anew; what lies beyond stays."""
    if np.all(np.diff(step) > 0):
        return np.arange(len(step))
    steps, kept = step.tolist(), []
    ends = [*(np.flatnonzero(np.diff(step) <= 0) + 1).tolist(), len(step)]
    lows: list[float] = []  # of the ranges, in order and apart, that later segments go through
    highs: list[float] = []
    for begin, end in reversed(list(pairwise([0, *ends]))):
        for place in range(begin, end):
            i = bisect_right(lows, steps[place]) - 1
            if i < 0 or steps[place] > highs[i]:
                kept.append(place)
        low, high = steps[begin], steps[end - 1]
        first, last = bisect_left(highs, low), bisect_right(lows, high)
        if first < last:
            low, high = min(low, lows[first]), max(high, highs[last - 1])
        lows[first:last], highs[first:last] = [low], [high]
    places = np.array(sorted(kept), dtype=int)
    return np.asarray(places[np.argsort(step[places], kind="stable")])


def _times(number: int) -> str:
    return "once" if number == 1 else plural(number, "time")
