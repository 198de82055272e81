"""The search's choice of peaks on trainings of others: text classifiers of TaskSet with 1,000 settings of Adam each.

    python benchmarks/search/taskset.py --data FOLDER [--updates 10000] [--runs 3.8]

FOLDER has configs.csv and curves.csv.gz (TaskSet, Metz et al. 2020, arXiv:2002.11887). The settings were drawn at
random, each with its own rate, betas, epsilon, penalties and decays, and a run can't be asked for: so each run of the
search is that of the setting that lies nearest, by the rate first, then by how usual its other numbers are. Short runs
are beginnings of these, not annealed. The regret of a choice is 0 for the best of the 1,000 and 1 for their median.

Printed beside it: the best of 8 and of 32 settings drawn at random, and successive halving of as much cost: all in full
runs, means over the tasks and 500 draws.

What was seen: most of the 1,000 settings train badly for numbers that this search doesn't look for (an epsilon above
1e-3, penalties above 1e-3), so most of what is gained over random settings is to take the usual ones.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glideslope.search.jobs.start import PEAKS
from glideslope.search.strategy.equal_runs import STEP, at_length, best_of, next_peak

BETA1, BETA2 = 0.9, 0.999
"""What Adam is used with."""

NOTHING = 1e-5
"""The epsilon, and the penalties, that change little."""

SHARE = 0.2
"""The part of a full run that a short one is."""

SHORT = 4
"""How many short runs there are."""

DRAWS = 500


@dataclass(frozen=True)
class Task:
    """A training with many settings.

    Attributes:
        rates: of the settings, shape (n,).
        unusual: how far the other numbers of each are from the usual ones, shape (n,).
        curves: the validation loss at 51 points of each run, infinite where it diverged, shape (n, 51).
    """

    rates: np.ndarray
    unusual: np.ndarray
    curves: np.ndarray

    def nearest(self, rate: float, taken: set[int]) -> int:
        """The setting that comes nearest to a rate with usual other numbers, of those not taken."""
        apart = np.abs(np.log(self.rates / rate)) / math.log(STEP) + self.unusual
        return next(int(i) for i in np.argsort(apart) if int(i) not in taken)

    def regret(self, loss: float) -> float:
        """0 for the best setting, 1 for the median one; at most 1 for what is worse."""
        ends = self.curves[:, -1]
        best, median = float(ends.min()), float(np.median(ends))
        return min((loss - best) / (median - best), 1.0)


def unusual(row: dict[str, str], updates: int) -> float:
    """How far the numbers of a setting other than its rate are from the usual ones, each by what it does in a run."""
    beta1, beta2, epsilon = (float(row[name]) for name in ("beta1", "beta2", "epsilon"))
    memory = abs(math.log((1 - beta1) / (1 - BETA1))) / math.log(10)
    memory += max(abs(math.log((1 - beta2) / (1 - BETA2))) / math.log(10) - 1, 0)
    penalties = sum(max(math.log10(float(row[name]) / NOTHING), 0) for name in ("l1", "l2"))
    return memory + max(math.log10(epsilon / NOTHING), 0) + penalties + float(row["exponential_decay"]) * updates / 4


def tasks(folder: Path, updates: int) -> dict[str, Task]:
    """The tasks of a folder, by their names."""
    rows: dict[str, list[dict[str, str]]] = {}
    with (folder / "configs.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["task"], []).append(row)
    curves: dict[tuple[str, str], list[float]] = {}
    with gzip.open(folder / "curves.csv.gz", "rt", newline="") as file:
        for row in csv.DictReader(file):
            points = [float(value) if value else math.inf for name, value in row.items() if name[0] == "v"]
            curves[row["task"], row["config"]] = [point if math.isfinite(point) else math.inf for point in points]
    return {
        name: Task(
            np.array([float(row["learning_rate"]) for row in settings]),
            np.array([unusual(row, updates) for row in settings]),
            np.array([curves[name, row["config"]] for row in settings]),
        )
        for name, settings in rows.items()
    }


def searched(task: Task, runs: float) -> float:
    """The least loss of the full runs that the search makes within a number of full runs."""
    taken: dict[int, float] = {}
    losses: dict[float, float] = {}
    length, left = round(SHARE * 50), runs
    untrained = float(np.median(task.curves[:, 0]))
    for _ in range(SHORT):
        peak = next_peak(losses, untrained, PEAKS["adaptive"])
        if peak is None:
            break
        setting = task.nearest(peak, set(taken))
        taken[setting] = losses[float(task.rates[setting])] = float(task.curves[setting, length])
        left -= SHARE
    full: dict[float, float] = {}
    made: set[int] = set()
    first = at_length(best_of(losses), length, 50)
    while left >= 1:
        peak = next_peak(full, untrained, first, 2.0)
        setting = task.nearest(peak or best_of(full), made)
        made.add(setting)
        full[float(task.rates[setting])] = float(task.curves[setting, -1])
        left -= 1
    return min(full.values())


def halving(task: Task, rng: np.random.Generator, runs: float) -> float:
    """The least loss of settings drawn at random, of which a third goes on after a ninth of the run, a third of these
    after a third: one costs 1/9 + 2/27 + 2/27 of a full run.
    """
    number = max(int(runs / (1 / 9 + 2 / 27 + 2 / 27)), 1)
    left = rng.choice(len(task.rates), number, replace=False)
    for point in (round(50 / 9), round(50 / 3)):
        left = left[np.argsort(task.curves[left, point])][: max(len(left) // 3, 1)]
    return float(task.curves[left, -1].min())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True, help="the folder with TaskSet's tables")
    parser.add_argument("--updates", type=int, default=10_000, help="of each run")
    parser.add_argument("--runs", type=float, default=3.8, help="what the search may cost, in full runs")
    options = parser.parse_args()
    every = tasks(options.data, options.updates)
    rng = np.random.default_rng(0)
    total: dict[str, list[float]] = {}
    for name, task in every.items():
        ends = task.curves[:, -1]
        results = {"search": task.regret(searched(task, options.runs))}
        for number in (8, 32):
            draws = [ends[rng.choice(len(ends), number, replace=False)].min() for _ in range(DRAWS)]
            results[f"best of {number}"] = float(np.mean([task.regret(float(loss)) for loss in draws]))
        halved = [task.regret(halving(task, rng, options.runs)) for _ in range(DRAWS)]
        results["halving"] = float(np.mean(halved))
        print(f"{name[:52]:52s} " + "  ".join(f"{what} {regret:.2f}" for what, regret in results.items()))
        for what, regret in results.items():
            total.setdefault(what, []).append(regret)
    print("mean regret: " + ", ".join(f"{what} {np.mean(regrets):.2f}" for what, regrets in total.items()))


if __name__ == "__main__":
    main()
