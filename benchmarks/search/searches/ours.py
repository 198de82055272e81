"""The library's own search, as `gs.tune` makes it, and its range test, on a table in place of a job."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from played import Outcome, Played
from prior import Prior
from surface import Surface
from sweeping import Sweeping

import glideslope as gs
from glideslope.search.directory.kept import Kept
from glideslope.search.range_test import RangeTest, range_test
from glideslope.search.runs.backoff import MOST, RISE
from glideslope.search.runs.contestant import Contestant, Run
from glideslope.search.runs.trial import Trial
from glideslope.search.strategy.choose import PRIOR, Choice, chosen, usual
from glideslope.search.strategy.full_runs import HELD, best_run, for_short_runs, full_runs
from glideslope.search.strategy.outcomes import SHORTEST
from glideslope.search.strategy.rise import risen
from glideslope.search.strategy.stopped import stopped
from glideslope.search.trials import Trials
from searches.rates import HIGH, LOW


class PlayedTrials(Trials):
    """Trials whose runs are looked up."""

    def __init__(self, played: Played) -> None:
        self.played = played
        self.before = 0  # the updates made before the last run
        self.backed_off: dict[Contestant, float] = {}  # the peaks of full runs that backed off
        super().__init__(Sweeping(played), memory=_sweeps(played.surface(0), played.draw))

    @property
    def updates(self) -> int:  # type: ignore[override]
        """Those of the table: sweeps and runs are counted in one place."""
        return self.played.updates

    @updates.setter
    def updates(self, updates: int) -> None:
        self.played.updates = updates

    def run_all(
        self, trials: Sequence[Trial], *, stage: str, kept: Kept | None = None, likely: Sequence[Trial] = ()
    ) -> list[Run]:
        runs = []
        for trial in trials:
            self.before = self.updates
            contestant, steps = trial.contestant, trial.steps
            outcome = self._outcome(trial)
            runs.append(
                Run(contestant, steps, trial.seed, _losses(outcome.curve, steps), ((steps, outcome.loss),),
                    outcome.loss, untrained=self.played.surface(trial.order).untrained)
            )  # fmt: skip
        self.runs += [run for trial, run in zip(trials, runs, strict=True) if not trial.order]
        return runs

    def _outcome(self, trial: Trial) -> Outcome:
        """What is looked up. A full run that backs off ends as one of half the peak, or a quarter, whose loss doesn't
        rise."""
        text, peak, steps = str(trial.contestant.schedule), trial.contestant.peak, trial.steps
        outcome = self.played.run(text, peak, steps, seed=trial.order)
        caps = 0
        while trial.backs_off and risen(outcome.curve) > RISE and caps < MOST:
            caps += 1
            loss, curve = self.played.surface(trial.order).end(text, peak / 2**caps, steps)
            self.updates += steps - outcome.cost
            outcome = Outcome(loss, curve, steps)
        self.backed_off[trial.contestant] = peak / 2**caps
        return outcome


@functools.lru_cache(maxsize=1024)
def _sweeps(surface: Surface, draw: int) -> dict[str, dict[str, Any]]:
    """A memory of the sweeps with one draw of the noise: searches and bounds share them, and each counts them."""
    return {}


def _losses(curve: np.ndarray, steps: int) -> np.ndarray:
    """A training loss for each update, up to the first that is infinite: that of its part."""
    losses = curve[np.arange(steps) * len(curve) // steps]
    lost = np.flatnonzero(np.isinf(losses))
    return losses[: lost[0] + 1] if len(lost) else losses


def ours(played: Played, bound: int, rng: np.random.Generator, prior: Prior) -> tuple[str, float]:
    """`gs.tune`, which begins at the peak that is usual for the kind of optimizer in other families."""
    trials = PlayedTrials(played)
    _, full, early = searched(trials, bound, begin(played, prior))
    winner = (early or best_run(full)).contestant
    return str(winner.schedule), trials.backed_off.get(winner, winner.peak)


def begin(played: Played, prior: Prior) -> float:
    """The peak of the first run: the usual one of the kind of optimizer in other families."""
    return prior.start(played.job, str(PRIOR)) if prior.tables else LOW**0.5 * HIGH**0.5


def searched(trials: PlayedTrials, bound: int, start: float) -> tuple[Choice, list[Run], Run | None]:
    """What the short runs say, the full runs, and the short run that is the answer in their place, if one is.

    One full run is outside the bound.
    """
    played = trials.played
    schedules, budget = usual(bound, played.horizon), for_short_runs(bound, played.horizon) - trials.updates
    if budget < SHORTEST:
        raise gs.SearchError(f"no run of {SHORTEST} updates in {budget}")
    choice = chosen(trials, schedules, (), (), budget, bound, played.horizon, start)
    short = tuple(trials.runs)
    full = full_runs(trials, choice.winner, (*schedules, HELD), played.horizon, bound, choice.best)
    played.updates = trials.before
    early = stopped(trials, choice.best, short, best_run(full), choice.noise)
    return choice, full, early and early[0]


def ranged(played: Played, updates: int) -> RangeTest:
    """A range test of three sweeps, or as many as there are updates for."""
    trials = PlayedTrials(played)
    left = updates - trials.updates
    steps = min(100, left)
    return range_test(trials, low=LOW, high=HIGH, steps=steps, sweeps=min(3, left // steps))
