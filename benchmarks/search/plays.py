"""Searches played against a table many times, within bounds."""

from __future__ import annotations

import warnings
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jobs.registry import Optimizing
from played import Played, surfaces
from prior import Prior
from regret import Scale, mean_loss
from searches import SEARCHES, Search
from tables import Table

import glideslope as gs


@dataclass(frozen=True)
class Plays:
    """All repeats of a search on one table within one bound.

    Attributes:
        job: the name of the job.
        search: the name of the search.
        bound: what it might make, in full runs.
        regrets: of the repeats, shape (repeats,); NaN where the search failed.
        costs: the updates made, in full runs, shape (repeats,).
        failures: how often it failed, by the reason.
    """

    job: str
    search: str
    bound: float
    regrets: np.ndarray
    costs: np.ndarray
    failures: dict[str, int]


def plays(
    table: Table,
    prior: Prior,
    job: Optimizing | None,
    searches: Sequence[str],
    bounds: Sequence[float],
    repeats: int,
    seed: int,
) -> Iterator[Plays]:
    """Plays each search within each bound; in a repeat, all see the same draws of the table's seeds."""
    parts, scale = surfaces(table), Scale.of(table)
    for name in searches:
        for bound in bounds:
            regrets, costs, failures = np.full(repeats, np.nan), np.zeros(repeats), Counter[str]()
            for i in range(repeats):
                played = Played(parts, (seed, _number(table.job), i), job)
                rng = np.random.default_rng((seed, _number(table.job), _number(name), i))
                try:
                    schedule, peak = choice(SEARCHES[name], played, bound, rng, prior)
                    regrets[i] = scale.regret(mean_loss(parts, schedule, peak))
                except gs.GlideslopeError as error:
                    failures[str(error).split(":")[0]] += 1  # what follows differs with the numbers
                costs[i] = played.updates / played.horizon
            yield Plays(table.job, name, bound, regrets, costs, dict(failures))


def choice(search: Search, played: Played, bound: float, rng: np.random.Generator, prior: Prior) -> tuple[str, float]:
    """What a search chooses within a bound, in full runs.

    Raises:
        SearchError: it can't choose, or it exceeds the bound.
    """
    most = round(bound * played.horizon)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schedule, peak = search(played, most, rng, prior)
    if played.updates > most:
        raise gs.SearchError(f"exceeded its bound: {played.updates} updates of {most}")
    return schedule, peak


def _number(name: str) -> int:
    return zlib.crc32(name.encode())
