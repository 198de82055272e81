"""Which runs a fit is of: those that tell something, in groups that are left out together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from glideslope.errors import LawError
from glideslope.laws.run import Run, used
from glideslope.plural import plural

LEAST_RUNS, LEAST_POINTS = 2, 20
LAST = 5  # the last points of a run, by which its end is judged
_WARMING = 0.9  # the part of a run that is its warmup, where it tells nothing


def groups_of(runs: Sequence[Run]) -> list[list[int]]:
    """What is left out together: the runs of a peak, which share their beginnings; of fewer than three peaks the runs
    of a schedule, which differ in their seed; or else single runs."""
    ticks = [np.rint(np.linspace(0, len(run.lr) - 1, 1001)) for run in runs]
    schedules = [f"{len(run.lr)} {run.rates.at(at).tobytes()!r}" for run, at in zip(runs, ticks, strict=True)]
    for kinds, least in (([f"{run.peak:.4g}" for run in runs], 3), (schedules, 2)):
        if len(groups := dict.fromkeys(kinds)) >= least:
            return [[i for i, other in enumerate(kinds) if other == kind] for kind in groups]
    return [[i] for i in range(len(runs))]


def spread(runs: Sequence[Run], most: int) -> list[Run]:
    """Some runs that differ in their peak, their mean rate and their length."""
    order = sorted(runs, key=lambda run: (run.peak, len(run.lr), run.rates.mean(lambda rate: rate)))
    return [order[i] for i in np.unique(np.linspace(0, len(order) - 1, most).round().astype(int))]


def useless(run: Run, longest: int) -> str:
    """Why a run can't tell anything, if so."""
    loss = run.loss[used(run, longest)]
    if not len(loss):
        return "has no losses after its warmup"
    if run.rates.warmup > _WARMING * len(run.lr):
        return "ends with its warmup"
    if len(loss) > 2 and np.all(loss == loss[0]):
        return f"has a loss of {loss[0]:g} everywhere"
    if len(loss) > 2 * LAST and np.median(loss[-LAST:]) >= np.median(loss[:LAST]):
        return "ends no lower than it began: it diverged"
    return ""


def check_enough(runs: Sequence[Run], notes: Sequence[str]) -> None:
    if len(runs) < LEAST_RUNS:
        dropped = f" ({'; '.join(notes)})" if notes else ""
        raise LawError(
            f"{plural(len(runs), 'run')}: a law needs {LEAST_RUNS} at least, so {LEAST_RUNS - len(runs)} more; a "
            f"constant rate, and one annealed to near 0 over its last fifth, tell most{dropped}"
        )
    if not any(_falls(run) for run in runs):
        raise LawError(
            "every run has a constant rate, so what a cooldown does can't be told: add one whose rate falls to near 0"
        )
    points = sum(len(used(run, max(len(other.lr) for other in runs))) for run in runs)
    if points < LEAST_POINTS:
        raise LawError(
            f"{plural(points, 'point')} after the warmups: a law needs {LEAST_POINTS} or more; log more often"
        )
    if not all(math.isfinite(run.peak) for run in runs):
        raise LawError("a rate isn't finite")


def _falls(run: Run) -> bool:
    """Whether losses were measured at rates well under the peak, after it."""
    top = run.rates.warmup
    last = int(run.step.max(initial=0))
    return last > top and run.rates.lowest(top, last) < 0.7 * run.peak
