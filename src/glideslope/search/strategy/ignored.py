"""Whether the rate of a job counts: one that its step ignores makes all runs the same, and any peak an answer."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from glideslope.search.runs.contestant import Run
from glideslope.search.strategy.learned import learned_clearly
from glideslope.warning import warn

ALIKE = 3
"""The rates, of runs that learned, at which all losses may not be the same."""


def warn_of_ignored_rate(runs: Iterable[Run]) -> None:
    """Warns if all runs of a seed learned, and have the same losses as far as they go, whatever their rates."""
    by_seed: dict[int, list[Run]] = {}
    for run in runs:
        by_seed.setdefault(run.seed, []).append(run)
    for seed, some in by_seed.items():
        longest = max(some, key=lambda run: len(run.losses)).losses
        rates = {run.curve[0][: min(len(one.losses) for one in some)].tobytes() for run in some}
        same = len(rates) >= ALIKE and all(np.array_equal(run.losses, longest[: len(run.losses)]) for run in some)
        if same and all(map(learned_clearly, some)):
            warn_by(f"all {len(some)} runs of seed {seed} gave the same losses, whatever their rates")
            return


def warn_by(what: str) -> None:
    """Warns of what shows that a step ignores its rate, and says what to do."""
    warn(
        f"{what}: so the job's step doesn't use its rate, and the answer says nothing. Let step use the rate that it "
        "is given, in the place of one that the optimizer was made with; in Optax, optax.inject_hyperparams, or a rate "
        "of 1 and updates times the rate that update is given",
    )
