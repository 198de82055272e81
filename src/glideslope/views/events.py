"""The interventions in runs whose training was being lost, as sections of a page."""

from __future__ import annotations

from collections.abc import Sequence

from glideslope.search.runs.contestant import Run
from glideslope.views import report

_COLUMNS = ("run", "update", "what", "loss", "went back to", "rate times", "batch")


def sections(runs: Sequence[Run]) -> list[str]:
    """A table of the events, and one of the runs that a guard stopped; each where there is any."""
    rows = [
        (str(run.contestant), event.update, event.kind, event.loss, event.back_to, event.factor,
         "skipped" if event.skipped else "")
        for run in runs
        for event in run.events
        if event.kind != "overfitting"  # nothing was lost there: the answer says it
    ]  # fmt: skip
    problems = [(str(run.contestant), run.problem) for run in runs if run.problem]
    shown = [report.listing("Where the training was being lost", _COLUMNS, rows)] if rows else []
    return shown + ([report.listing("Runs that a guard stopped", ("run", "why"), problems)] if problems else [])
