"""What people do without a tuner."""

from __future__ import annotations

from collections import Counter

import numpy as np
from played import Played
from prior import Prior
from surface import SHORTEST

import glideslope as gs
from searches.ours import ranged
from searches.rates import drawn, spread

DRAWS = 16
"""Runs of a random search, or fewer where they would be too short to tell anything."""


def random(played: Played, bound: int, rng: np.random.Generator, prior: Prior) -> tuple[str, float]:
    """The best of equally long complete runs with schedules and peaks drawn at random."""
    horizon = min(max(bound // DRAWS, SHORTEST), played.horizon)
    runs = [drawn(rng, played.schedules) for _ in range(min(bound // horizon, DRAWS))]
    return min(runs, key=lambda run: played.run(*run, horizon).loss)


def full_runs(played: Played, bound: int, rng: np.random.Generator, prior: Prior) -> tuple[str, float]:
    """The best of full runs at peaks spread evenly, of the commonest schedule: a warmup, then a cosine."""
    schedule = "warmup(5%) >> cosine()"
    if bound < played.horizon:
        raise gs.SearchError(f"no full run in {bound} updates")
    peaks = spread(bound // played.horizon).tolist()
    return schedule, min(peaks, key=lambda peak: played.run(schedule, peak, played.horizon).loss)


def steepest(played: Played, bound: int, rng: np.random.Generator, prior: Prior) -> tuple[str, float]:
    """A warmup, then a straight decay, from the steepest point of a range test (Smith 2017; fastai's finder)."""
    return "warmup(5%) >> linear()", ranged(played, bound).steepest


def usual(played: Played, bound: int, rng: np.random.Generator, prior: Prior) -> tuple[str, float]:
    """What is best most often elsewhere, without a run: the commonest schedule and the median peak.

    Raises:
        SearchError: there is no table of another family.
    """
    if not prior.tables:
        raise gs.SearchError("no tables of other families")
    schedules = Counter(table.schedules[table.best_setting[0]] for table in prior.tables)
    peaks = [table.peaks[table.best_setting[1]] for table in prior.tables]
    return schedules.most_common(1)[0][0], float(np.exp(np.median(np.log(peaks))))
