"""The losses that a fit uses: those of a run, or means of several where there are more than a law can use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glideslope.laws.run import Run, used

MOST, MOST_IN_ALL, LEAST = 400, 10_000, 24
"""Points of a run that a law can use; of all runs together; and of a run at least, whatever the others have."""
DRAWN, DRAWN_IN_ALL = 200, 4_000  # points of a run that are kept to be drawn, and of all runs together
NOISE = 0.003  # the relative deviation of a measured loss at which the fit begins to count it as an outlier, at least
_ROUNDS, _FAR = 4, 3.0
"""How often the mean of a bin is taken anew, and how far a point may pull it, over the noise of a point."""


@dataclass(frozen=True)
class Points:
    """Losses of a run."""

    step: np.ndarray  # the updates made, a mean where several losses are averaged, shape (n,)
    log: np.ndarray  # the logarithm of the loss, shape (n,)
    count: np.ndarray  # the losses that each averages, shape (n,)

    @classmethod
    def of(cls, run: Run, longest: int, most: int) -> Points:
        """The losses of a run that a fit uses, as `most` means of equally many where there are more. A mean is one of
        logarithms, in which points far off count as points at three standard deviations of the noise: that of a point
        by the next, so that a few wild losses don't move it."""
        chosen = used(run, longest)
        return cls.means(run.step[chosen], np.log(run.loss[chosen]), most)

    @classmethod
    def means(cls, step: np.ndarray, log: np.ndarray, most: int) -> Points:
        """Losses by their steps and logarithms, or `most` means of them where there are more."""
        if len(step) <= most:
            return cls(step, log, np.ones(len(step)))
        ends = np.linspace(0, len(step), most + 1).round().astype(int)
        begins, counts = ends[:-1], np.diff(ends)
        noise = max(float(np.median(np.abs(np.diff(log)))) / (0.6745 * np.sqrt(2)), NOISE)  # of a normal distribution
        middle = np.add.reduceat(log, begins) / counts
        for _ in range(_ROUNDS):
            off = np.repeat(middle, counts)
            np.subtract(log, off, out=off)
            np.clip(off, -_FAR * noise, _FAR * noise, out=off)
            middle += np.add.reduceat(off, begins) / counts
        return cls(np.add.reduceat(step, begins) / counts, middle, counts.astype(float))


def most_of_a_run(runs: int) -> int:
    """The points that a fit on so many runs takes of each."""
    return min(max(MOST_IN_ALL // max(runs, 1), LEAST), MOST)


def drawn(points: Points, runs: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The updates made and the losses of one of so many runs, to six digits, so few that a file may have them."""
    few = Points.means(points.step, points.log, min(max(DRAWN_IN_ALL // runs, LEAST), DRAWN))
    step, loss = ([float(f"{value:.6g}") for value in values] for values in (few.step, np.exp(few.log)))
    return tuple(step), tuple(loss)


def note(names: Sequence[str], averaged: Sequence[tuple[int, int]]) -> list[str]:
    """What is averaged, for the runs of these names: from how many points to how many means."""
    alike: dict[tuple[int, int], list[str]] = {}
    for name, numbers in zip(names, averaged, strict=True):
        if numbers[1] < numbers[0]:
            alike.setdefault(numbers, []).append(name)
    return [
        f"{points:,} points of {'each of ' if len(of) > 1 else ''}{_listed(of)} averaged to {means:,}"
        for (points, means), of in alike.items()
    ]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{len(names)} runs, {names[0]} to {names[-1]},"
