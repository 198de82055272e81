"""Asynchronous successive halving of full runs (Li et al. 2020, arXiv:1810.05934), one worker."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from played import Played
from prior import Prior

import glideslope as gs
from searches.rates import drawn

REDUCTION = 3
"""One of so many runs goes on from each rung."""

FIRST = 24
"""The first rung is this part of a full run: there, its training loss is known."""


def asha(played: Played, bound: int, rng: np.random.Generator, prior: Prior) -> tuple[str, float]:
    """The run that went farthest, the best of those.

    Runs have the schedule of a full run, and are compared by the training loss of the last part made of them; at the
    end, by the validation loss.

    Raises:
        SearchError: the bound is under the first rung.
    """
    rungs = [played.horizon // FIRST]
    while rungs[-1] * REDUCTION < played.horizon:
        rungs.append(rungs[-1] * REDUCTION)
    rungs[-1] = played.horizon
    results: list[dict[tuple[str, float], float]] = [{} for _ in rungs]
    costs = np.diff(rungs, prepend=0)
    while played.updates + rungs[0] <= bound:
        affordable = ((run, rung) for run, rung in promotable(results) if played.updates + costs[rung] <= bound)
        run, rung = next(affordable, None) or (drawn(rng, played.schedules), 0)
        results[rung][run] = loss_after(played, run, rungs[rung])
    highest = next((losses for losses in reversed(results) if losses), None)
    if highest is None:
        raise gs.SearchError(f"no rung of {rungs[0]} updates in {bound}")
    return min(highest, key=highest.__getitem__)


def loss_after(played: Played, run: tuple[str, float], updates: int) -> float:
    """The loss by which a full run is known after so many updates, training or at the end validation; infinite where it
    has diverged."""
    outcome = played.run(*run, played.horizon, until=updates)
    if updates == played.horizon:
        return outcome.loss
    return float(outcome.curve[updates * len(outcome.curve) // played.horizon - 1])


def promotable(results: list[dict[tuple[str, float], float]]) -> Iterator[tuple[tuple[str, float], int]]:
    """The runs among the best third of their rung that aren't in the next yet, each with that; highest rung first."""
    for rung in reversed(range(len(results) - 1)):
        losses = results[rung]
        for run in sorted(losses, key=losses.__getitem__)[: len(losses) // REDUCTION]:
            if run not in results[rung + 1] and np.isfinite(losses[run]):
                yield run, rung + 1
