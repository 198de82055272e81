"""Runs of one job at many rates; those whose rates begin alike share their beginning."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

import glideslope as gs

POINTS = 24
"""Means that a training curve is stored as."""
_LOOK_EVERY = 25

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Result:
    """How a run ended.

    Attributes:
        loss: the validation loss at the end, infinite where the run diverged.
        curve: means of the training loss over parts of the run of equal length, shape (POINTS,); infinite from the
            part on in which it diverged.
    """

    loss: float
    curve: np.ndarray


def shared_runs(job: gs.Job, courses: Mapping[Key, np.ndarray]) -> dict[Key, Result]:
    """Makes a run at each course of rates, from the state in which the job is.

    Updates at exactly the same rates after the same updates are made once: where courses part, the job's state is
    taken, and each goes on from there. The results are those of runs made one by one.

    Args:
        job: the job.
        courses: the rate of each update of a run, shape (n,).
    """
    results: dict[Key, Result] = {}

    def go_on(keys: list[Key], losses: list[float]) -> None:
        """Makes the rest of the runs, which share the updates whose losses are given."""
        end = _parting([courses[key] for key in keys], len(losses))
        losses = losses + _updates(job, courses[keys[0]][len(losses) : end])
        if losses and not math.isfinite(losses[-1]):
            results.update({key: Result(math.inf, curve(losses, len(courses[key]))) for key in keys})
            return
        branches: dict[float, list[Key]] = {}
        ending = [key for key in keys if len(courses[key]) == end]
        if ending:
            loss = job.evaluate()
            result = Result(loss if math.isfinite(loss) else math.inf, curve(losses, end))
            results.update(dict.fromkeys(ending, result))
        for key in keys:
            if len(courses[key]) > end:
                branches.setdefault(float(courses[key][end]), []).append(key)
        state = job.state() if len(branches) > 1 else None
        for i, branch in enumerate(branches.values()):
            if i:
                job.restore(state)
            go_on(branch, losses)

    go_on(list(courses), [])
    return results


def curve(losses: list[float], updates: int) -> np.ndarray:
    """Means over POINTS parts of a run of so many updates, of which those after the last loss were not made."""
    padded = np.full(updates, np.inf)
    padded[: len(losses)] = losses
    means = padded.repeat(POINTS).reshape(POINTS, updates).mean(axis=1)  # an update may lie in two parts
    return np.where(np.isfinite(means), means, np.inf)


def _parting(courses: list[np.ndarray], start: int) -> int:
    """The first update from `start` on at which the rates differ or a course ends."""
    shortest = min(map(len, courses))
    block = np.array([rates[start:shortest] for rates in courses])
    differing = np.flatnonzero((block != block[0]).any(axis=0))
    return start + int(differing[0]) if len(differing) else shortest


def _updates(job: gs.Job, rates: np.ndarray) -> list[float]:
    """Makes updates at these rates; their training losses, up to the first that isn't finite."""
    losses: list[float] = []
    for start in range(0, len(rates), _LOOK_EVERY):
        losses += map(float, [job.step(rate) for rate in rates[start : start + _LOOK_EVERY].tolist()])
        for i, loss in enumerate(losses[start:], start):
            if not math.isfinite(loss):
                return losses[: i + 1]
    return losses
