"""Tables of the runs of a search, by what they were made for, with why each is the answer, or isn't."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from glideslope.escape import visible
from glideslope.search.directory.snapshot import Snapshot
from glideslope.search.race import mean_loss
from glideslope.search.runs.contestant import Run
from glideslope.search.strategy.full_runs import best_run
from glideslope.search.strategy.outcomes import final_loss
from glideslope.views import race, tuned
from glideslope.views.reasons import Compared, difference, lost

FULL, CONSTANT, NOISE = "full runs", "constant rates", "noise"
"""What runs of a tuning are made for that aren't short ones to compare."""


def rounds(snapshot: Snapshot) -> list[dict[str, Any]]:
    """A table for each round of runs, the full ones first, with why each is the answer or isn't, and with seeds."""
    if not snapshot.runs:
        return []
    is_race = "race" in (*snapshot.stages, snapshot.search.get("command"))
    return _raced(snapshot) if is_race else _tuned(snapshot)


def _tuned(snapshot: Snapshot) -> list[dict[str, Any]]:
    compared = _compared(snapshot)
    tables = {
        "Full runs": sorted(compared.full, key=final_loss),
        "Full runs of constant rates": sorted(compared.constants, key=final_loss),
        **tuned.rounds(compared.short),
        "In another data order": compared.again,
    }
    lead = () if compared.lead is None else (compared.lead,)
    return [_table(title, runs, list(map(compared.reason, runs)), lead) for title, runs in tables.items() if runs]


def _compared(snapshot: Snapshot) -> Compared:
    """The runs by what they were made for; where an earlier version didn't say it, by their length."""
    kinds: dict[str, list[Run]] = {"short": [], FULL: [], CONSTANT: [], NOISE: []}
    steps = snapshot.search.get("steps")
    for run, stage in zip(snapshot.runs, snapshot.stages, strict=True):
        known = stage or (FULL if run.contestant.cost(run.steps) == steps else "short")
        kinds.get(known, kinds["short"]).append(run)
    short, full, constants, again = kinds.values()
    noise = next((gap for run in again if (gap := difference(run, short))), 0.0)
    return Compared(short, full, constants, again, noise, _answer(snapshot, short, full, noise))


def _answer(snapshot: Snapshot, short: list[Run], full: list[Run], noise: float) -> Run | None:
    """The run of the answer, with the loss that the search says, once it has ended."""
    if snapshot.state != "finished" or not full or snapshot.result is None:
        return None
    best, loss = best_run(full), snapshot.result.get("final_loss")
    if not isinstance(loss, int | float) or loss == best.final_loss:
        return best
    run = Compared(short, (), (), (), noise, None).best_short
    return run and replace(run, final_loss=float(loss))


def _raced(snapshot: Snapshot) -> list[dict[str, Any]]:
    by_contestant: dict[str, list[Run]] = {}
    for run in snapshot.runs:
        by_contestant.setdefault(str(run.contestant), []).append(run)
    contestants = list(by_contestant.values())
    lead = "the answer" if snapshot.state == "finished" else "the best so far"
    why = dict(zip(by_contestant, race.reasons(contestants, lead), strict=True))
    ranked = [run for runs in sorted(contestants, key=mean_loss) for run in sorted(runs, key=final_loss)]
    reasons = [why[str(run.contestant)] if math.isfinite(run.final_loss) else lost(run) for run in ranked]
    leads = [run for run, reason in zip(ranked, reasons, strict=True) if reason.startswith(f"{lead}:")]
    return [_table(f"Runs of {ranked[0].steps:,} updates", ranked, reasons, leads)]


def _table(title: str, runs: Sequence[Run], reasons: Sequence[str], leads: Sequence[Run]) -> dict[str, Any]:
    alike = Counter(map(_kind, runs))
    rows = []
    for run, reason in zip(runs, reasons, strict=True):
        name = tuned.row(run)[0] + (f", seed {run.seed}" if alike[_kind(run)] > 1 else "")
        rows.append([visible(name), run.contestant.peak, run.steps, number(run.final_loss), visible(reason)])
    return {"title": visible(title), "rows": rows, "leads": [any(run is one for one in leads) for run in runs]}


def _kind(run: Run) -> tuple[str, float]:
    return run.contestant.name, run.contestant.peak


def number(value: float) -> float | None:
    """A number as JSON has it: None where it isn't finite."""
    return float(value) if math.isfinite(value) else None
