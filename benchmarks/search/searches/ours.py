"""The library's own search, as `gs.tune` makes it, and its range test, on a table in place of a job."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

import numpy as np
from played import Played
from prior import Prior
from surface import Surface
from sweeping import Sweeping

import glideslope as gs
from glideslope import laws
from glideslope.laws import fit
from glideslope.search import by_law as law_module
from glideslope.search.by_law import by_law
from glideslope.search.contestant import Contestant, Run
from glideslope.search.halving import halved
from glideslope.search.longest import longest
from glideslope.search.peaks import Scouts, scouted
from glideslope.search.range_test import RangeTest, range_test
from glideslope.search.trials import Trials
from glideslope.search.tune import _ranged
from searches.rates import HIGH, LOW

LEAST = 400
"""The updates below which `gs.tune` refuses to search."""

PROBE = "warmup(5%) >> hold() >> cooldown(20%, shape=sqrt)"
"""What is nearest, in the tables, to the probe by which a law is fitted: that cools down in a straight line."""


class PlayedTrials(Trials):
    """Trials whose runs are looked up."""

    def __init__(self, played: Played) -> None:
        self.played = played
        super().__init__(Sweeping(played), memory=_sweeps(played.surface(0), played.draw))

    @property
    def updates(self) -> int:  # type: ignore[override]
        """Those of the table: sweeps and runs are counted in one place."""
        return self.played.updates

    @updates.setter
    def updates(self, updates: int) -> None:
        self.played.updates = updates

    def run(
        self, contestant: Contestant, steps: int, *, stage: str, evaluations: int = 1, share: float = math.inf,
        keep: bool = False, order: int = 0,
    ) -> Run:  # fmt: skip
        outcome = self.played.run(str(contestant.schedule), contestant.peak, steps, seed=order)
        run = Run(
            contestant, steps, self.opened, _losses(outcome.curve, steps), ((steps, outcome.loss),), outcome.loss,
            untrained=self.played.surface(order).untrained,
        )  # fmt: skip
        if not order:
            self.runs.append(run)
        return run


@functools.lru_cache(maxsize=1024)
def _sweeps(surface: Surface, draw: int) -> dict[str, dict[str, Any]]:
    """A memory of the sweeps with one draw of the noise: searches and bounds share them, and each counts them."""
    return {}


def _losses(curve: np.ndarray, steps: int) -> np.ndarray:
    """A training loss for each update, up to the first that is infinite: that of its part."""
    losses = curve[np.arange(steps) * len(curve) // steps]
    lost = np.flatnonzero(np.isinf(losses))
    return losses[: lost[0] + 1] if len(lost) else losses


def halving(played: Played, bound: int, rng: np.random.Generator, prior: Prior) -> tuple[str, float]:
    """`gs.tune` with the schedules of the tables."""

    def finish(trials: Trials, scouts: Scouts, choice: tuple[gs.Schedule, ...]) -> Contestant:
        strategy = halved if scouts.clear else longest
        return strategy(trials, scouts, choice, bound, played.horizon)[1]

    return _tuned(played, bound, finish)


def law(played: Played, bound: int, rng: np.random.Generator, prior: Prior) -> tuple[str, float]:
    """`gs.tune` with strategy="law" and the schedules of the tables."""

    def finish(trials: Trials, scouts: Scouts, choice: tuple[gs.Schedule, ...]) -> Contestant:
        with mock.patch.object(law_module, "PROBE", gs.parse(PROBE)), mock.patch.object(laws, "fit", _fit_once):
            return by_law(trials, scouts, choice, bound, played.horizon)[1]

    return _tuned(played, bound, finish)


def _fit_once(runs: Sequence[laws.Run]) -> laws.Law:
    """A law, fitted once on the same runs: many repeats come to the same."""
    law = _law_or_error(tuple(runs))
    if isinstance(law, gs.LawError):
        raise law
    return law


@functools.lru_cache(maxsize=1024)
def _law_or_error(runs: tuple[laws.Run, ...]) -> laws.Law | gs.LawError:
    try:
        return fit(runs)
    except gs.LawError as error:
        return error


def _tuned(
    played: Played, bound: int, finish: Callable[[Trials, Scouts, tuple[gs.Schedule, ...]], Contestant]
) -> tuple[str, float]:
    if bound < LEAST:
        raise gs.SearchError(f"gs.tune refuses less than {LEAST} updates")
    trials = PlayedTrials(played)
    scouts = scouted(trials, _ranged(trials, bound), bound, played.horizon)
    winner = finish(trials, scouts, tuple(map(gs.parse, played.schedules)))
    return str(winner.schedule), winner.peak


def ranged(played: Played, updates: int) -> RangeTest:
    """A range test of three sweeps, as in `gs.tune`, or as many as there are updates for."""
    trials = PlayedTrials(played)
    left = updates - trials.updates
    steps = min(100, left)
    return range_test(trials, low=LOW, high=HIGH, steps=steps, sweeps=min(3, left // steps))
