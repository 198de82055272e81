"""Results of searches as text and as a picture."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from plays import Plays
from regret import sweep_by_one_seed
from tables import Table


def _geometric_mean(values: np.ndarray) -> float:
    return float(np.exp(np.mean(np.log(values))))


SUMMARIES: dict[str, Callable[[np.ndarray], float]] = {
    "mean": lambda values: float(np.mean(values)), "geometric mean": _geometric_mean,
    "median": lambda values: float(np.median(values)), "worst": lambda values: float(np.max(values)),
}  # fmt: skip
TITLES = {
    "ours": "this search", "random": "random", "asha": "ASHA", "tpe": "Optuna's TPE with Hyperband",
    "usual": "no search: what is best most often on the tables of other families",
    "steepest": "the steepest point of a range test", "full_runs": "full runs of a cosine at evenly spread peaks",
}  # fmt: skip
"""What a picture calls the searches; docs/tuning.md does too."""


def lines(results: Sequence[Plays], tables: dict[str, Table]) -> Iterator[str]:
    """The text: regrets over all jobs, failures, costs, then the mean regret of each job."""
    jobs, searches = [*dict.fromkeys(one.job for one in results)], [*dict.fromkeys(one.search for one in results)]
    bounds = [*dict.fromkeys(one.bound for one in results)]
    columns = [f"{bound:g}" for bound in bounds]
    alone = sum(len(tables[name].seeds) == 1 for name in jobs)
    yield f"{len(jobs)} tables, {len(results[0].regrets)} repeats; bounds in full runs"
    if alone:
        yield (f"{alone} of the tables have one seed: their runs have no noise but that of a range test's batches, and "
               "any loss above the best counts")  # fmt: skip
    if sweeps := [regret for name in jobs for regret in sweep_by_one_seed(tables[name])]:
        settings = math.prod(tables[jobs[0]].losses.shape[:2])
        values = ", ".join(f"{name} {summary(np.array(sweeps)):.3f}" for name, summary in SUMMARIES.items())
        yield f"for comparison, a sweep of all {settings} settings with one seed, by its other seeds: {values}"
    groups = {(search, bound): select(results, search, bound) for search in searches for bound in bounds}
    for name, summary in SUMMARIES.items():
        yield f"\nregret, {name} over jobs and repeats, of the searches that chose"
        cells = [[_cell(summary, _regrets(groups[search, bound])) for bound in bounds] for search in searches]
        yield from _table(searches, columns, cells)
    within = {bound: [groups[search, bound] for search in searches] for bound in bounds}
    cells = [[_beside(groups[search, bound], within[bound]) for bound in bounds] for search in searches]
    yield "\nregret, geometric mean over those repeats in which every search chose that ever did within the bound"
    yield from _table(searches, columns, cells)
    yield "\nfailed, % of the searches"
    yield from _table(searches, columns, [[_failed(groups[search, bound]) for bound in bounds] for search in searches])
    yield "\ncost, mean in full runs"
    cells = [[f"{_cost(groups[search, bound]):.3f}" for bound in bounds] for search in searches]
    yield from _table(searches, columns, cells)
    for bound in bounds:
        yield f"\nregret of each job, mean, within {bound:g} full runs"
        cells = [[_cell(SUMMARIES["mean"], _regrets(groups[s, bound], job)) for s in searches] for job in jobs]
        yield from _table(jobs, searches, cells)
    yield "\nreasons of failures"
    for search in searches:
        reasons: Counter[str] = Counter()
        for bound in bounds:
            for one in groups[search, bound]:
                reasons.update(one.failures)
        yield from (f"{search}, {count} times: {reason}" for reason, count in reasons.most_common())


def select(results: Sequence[Plays], search: str, bound: float) -> list[Plays]:
    """The plays of a search within a bound."""
    return [one for one in results if (one.search, one.bound) == (search, bound)]


def draw(results: Sequence[Plays], path: Path) -> None:
    """A picture of regret against cost, a line for each search with a point for each bound at which it mostly chose."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5), layout="constrained")
    searches, bounds = dict.fromkeys(one.search for one in results), dict.fromkeys(one.bound for one in results)
    for axes, name in zip(figure.subplots(1, 2), ("geometric mean", "median"), strict=True):
        for i, search in enumerate(searches):
            groups = [group for bound in bounds if _chose_mostly(group := select(results, search, bound))]
            regrets = [SUMMARIES[name](_regrets(group)) for group in groups]
            costs = [max(_cost(group), 0.5 * min(bounds)) for group in groups]  # what costs nothing stands at the left
            axes.plot(costs, regrets, marker="osD^vPX*"[i % 8], label=TITLES.get(search, search))
        axes.set(xscale="log", yscale="log", xlabel="cost, full runs", ylabel=f"regret, {name}")
        axes.set_xticks(list(bounds), [f"{bound:g}" for bound in bounds])
        axes.set_yticks((1, 1.1, 1.2, 1.5, 2, 3, 5, 10), ("1", "1.1", "1.2", "1.5", "2", "3", "5", "10"))
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    axes.legend(loc="upper right")
    figure.savefig(path, dpi=120, metadata={"Software": None})


def _chose_mostly(group: Sequence[Plays]) -> bool:
    return bool(np.isfinite(np.concatenate([one.regrets for one in group])).mean() > 0.5)


def _regrets(group: Sequence[Plays], job: str | None = None) -> np.ndarray:
    """Those of the searches that chose, of all jobs or of one."""
    joined = np.concatenate([one.regrets for one in group if job in (None, one.job)])
    return joined[np.isfinite(joined)]


def _beside(group: Sequence[Plays], others: Sequence[Sequence[Plays]]) -> str:
    """The geometric mean of a search where it and all others that ever chose have chosen."""
    regrets = np.array([np.concatenate([one.regrets for one in other]) for other in others])
    chose = np.isfinite(regrets)
    common = chose[chose.any(axis=1)].all(axis=0)
    values = np.concatenate([one.regrets for one in group])[common]
    return _cell(_geometric_mean, values[np.isfinite(values)])


def _cost(group: Sequence[Plays]) -> float:
    return float(np.mean([one.costs for one in group]))


def _failed(group: Sequence[Plays]) -> str:
    share = np.mean([math.isnan(regret) for one in group for regret in one.regrets])
    return f"{100 * share:.0f}" if share else ""


def _cell(summary: Callable[[np.ndarray], float], values: np.ndarray) -> str:
    return f"{summary(values):.3f}" if len(values) else "-"


def _table(rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[str]:
    yield " " * 20 + "".join(f"{column:>10}" for column in columns)
    for row, values in zip(rows, cells, strict=True):
        yield f"{row:20}" + "".join(f"{value:>10}" for value in values)
