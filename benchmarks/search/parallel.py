"""This search beside Optuna's TPE on eight simulated workers: the regret and when the answer is there.

    python benchmarks/search/parallel.py [--repeats 3] [--jobs a,b]

Played on the tables as `compare.py` does. An update takes a unit of time on a worker; the time is in full runs, that of
the answer's own full run included. Optuna's trials are asked for by each worker as it gets free, with `constant_liar`,
and pruned by Hyperband. It gets the same updates, and as many as eight workers make in the time of this search with
`speculate=7`; its answer is the best that went farthest, which is then trained.
"""

from __future__ import annotations

import argparse
import heapq
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from jobs import JOBS
from jobs.registry import Optimizing
from played import Played, surfaces
from prior import Prior, priors
from regret import Scale, mean_loss
from searches.asha import FIRST, REDUCTION, loss_after
from searches.ours import PlayedTrials, begin, searched
from searches.rates import HIGH, LOW
from tables import FOLDER, Table, load

from glideslope.search.directory.kept import Kept
from glideslope.search.runs.contestant import Run
from glideslope.search.runs.trial import Trial
from glideslope.search.strategy.full_runs import best_run

WORKERS = 8
BOUNDS = (1.0, 2.0, 4.0)
ROWS = ("this search", "this search, speculate=7", "Optuna, as many updates", "Optuna, as much time")


class Timed(PlayedTrials):
    """Trials on simulated workers.

    Attributes:
        now: the time, in updates.
        ends: when each run ends, by its key; those begun ahead too.
    """

    def __init__(self, played: Played, ahead: int) -> None:
        super().__init__(played)
        self.ahead, self.now = ahead, 0.0
        self.ends: dict[str, float] = {}
        self._free = [0.0] * WORKERS

    def run_all(
        self, trials: Sequence[Trial], *, stage: str, kept: Kept | None = None, likely: Sequence[Trial] = ()
    ) -> list[Run]:
        for trial in trials:
            self._begin(trial)
        for trial in likely[: self.ahead]:
            if min(self._free) <= self.now:  # a worker is idle
                self._begin(trial)
        self.now = max(self.ends[trial.key] for trial in trials)
        return super().run_all(trials, stage=stage, kept=kept)

    def _begin(self, trial: Trial) -> None:
        if trial.key not in self.ends:
            worker = int(np.argmin(self._free))
            self._free[worker] = max(self.now, self._free[worker]) + trial.steps
            self.ends[trial.key] = self._free[worker]


def tpe(played: Played, updates: float, time: float, seed: int) -> tuple[tuple[str, float], float]:
    """What Optuna chooses, and when.

    Args:
        played: the table.
        updates: that all trials may make.
        time: when the last of their parts ends at the latest, in updates.
        seed: of the sampler.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    part = played.horizon // FIRST
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(
            study_name="parallel",
            sampler=optuna.samplers.TPESampler(seed=seed, constant_liar=True),
            pruner=optuna.pruners.HyperbandPruner(part, played.horizon, REDUCTION),
        )
    reached: dict[tuple[str, float], tuple[int, float]] = {}
    running: list[tuple[float, int, Any, tuple[str, float], int]] = []

    def ask(now: float, worker: int) -> None:
        trial = study.ask()
        run = trial.suggest_categorical("schedule", played.schedules), trial.suggest_float("peak", LOW, HIGH, log=True)
        heapq.heappush(running, (now + part, worker, trial, run, part))

    for worker in range(WORKERS):
        ask(0.0, worker)
    ended = 0.0
    while running and played.updates + part <= updates:
        now, worker, trial, run, made = heapq.heappop(running)
        if now > time:
            break
        ended, loss = now, loss_after(played, run, made)
        reached[run] = made, loss
        trial.report(loss, made)
        if made == played.horizon and np.isfinite(loss):
            study.tell(trial, loss)
        elif made == played.horizon or not np.isfinite(loss) or trial.should_prune():
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            heapq.heappush(running, (now + part, worker, trial, run, made + part))
            continue
        ask(now, worker)
    return min(reached, key=lambda run: (-reached[run][0], reached[run][1])), ended


def played_once(table: Table, prior: Prior, job: Optimizing, bound: float, repeat: int) -> list[list[float]]:
    """The regret and the time, in full runs, of each row."""
    parts, scale, rows, horizon = surfaces(table), Scale.of(table), [], table.horizons[-1]
    for ahead in (0, WORKERS - 1):
        trials = Timed(Played(parts, repeat, job), ahead)
        _, full, early = searched(trials, round(bound * horizon), begin(trials.played, prior))
        winner = (early or best_run(full)).contestant
        rows.append([scale.regret(mean_loss(parts, str(winner.schedule), winner.peak)), trials.now / horizon])
    for updates, time in ((bound * horizon, np.inf), (np.inf, (rows[1][1] - 1) * horizon)):
        (schedule, peak), ended = tpe(Played(parts, repeat, job), updates, time, repeat)
        rows.append([scale.regret(mean_loss(parts, schedule, peak)), ended / horizon + 1])
    return rows


def main() -> None:
    names = sorted({file.stem.rpartition("-")[0] for file in FOLDER.glob("*.npz")} & JOBS.keys())
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--jobs", type=lambda text: text.split(","), default=names)
    options = parser.parse_args()
    tables = {name: load(name) for name in names}
    known = priors(
        tables, *({name: getattr(spec, what) for name, spec in JOBS.items()} for what in ("family", "optimizing"))
    )
    print(f"{len(options.jobs)} tables, {options.repeats} repeats, {WORKERS} workers")
    for bound in BOUNDS:
        plays = np.array([
            played_once(tables[name], known[JOBS[name].family], JOBS[name].optimizing, bound, repeat)
            for name in options.jobs
            for repeat in range(options.repeats)
        ])  # fmt: skip
        print(f"\nwithin {bound:g} full runs: regret, geometric mean; median; time in full runs")
        for row, (regrets, times) in zip(ROWS, plays.transpose(1, 2, 0), strict=True):
            mean = np.exp(np.log(regrets).mean())
            print(f"{row:26s} {mean:7.3f} {np.median(regrets):7.3f} {times.mean():7.2f}", flush=True)


if __name__ == "__main__":
    main()
