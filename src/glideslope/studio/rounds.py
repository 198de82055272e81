"""Tables of the runs of a search: a table for each length, with how each run ended."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from glideslope.escape import visible
from glideslope.search.runs.contestant import Run
from glideslope.search.runs.idle import shown_name
from glideslope.search.strategy.outcomes import final_loss


def rounds(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """A table for each length of runs, the best first, with how each ended; several of a kind say their seed."""
    tables = []
    for steps in sorted({run.steps for run in runs}):
        ranked = sorted((run for run in runs if run.steps == steps), key=final_loss)
        best = ranked[0].final_loss
        alike = Counter(map(_kind, ranked))
        rows = []
        for run in ranked:
            seed = f", seed {run.seed}" if alike[_kind(run)] > 1 else ""
            name, end = shown_name([run]) + seed, _end(run, best)
            rows.append([visible(name), run.contestant.peak, number(run.final_loss), visible(end)])
        tables.append({"title": f"Runs of {steps:,} updates", "rows": rows})
    return tables


def _kind(run: Run) -> tuple[str, float]:
    return run.contestant.name, run.contestant.peak


def _end(run: Run, best: float) -> str:
    """How a run ended beside the best of its length."""
    if run.problem:
        return f"stopped by its guard: {run.problem}"
    if not math.isfinite(run.final_loss):
        whole = len(run.losses) >= len(run.contestant.rates(run.steps)) and math.isfinite(run.losses[-1])
        return "its validation loss isn't finite" if whole else f"diverged after {len(run.losses):,} updates"
    if run.final_loss == best:
        return "the best so far"
    return f"{run.final_loss - best:.3g} above the best"


def number(value: float) -> float | None:
    """A number as JSON has it: None where it isn't finite."""
    return float(value) if math.isfinite(value) else None
