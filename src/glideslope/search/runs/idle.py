"""The feedbacks of a run that never moved its rate."""

from __future__ import annotations

from collections.abc import Sequence

from glideslope.search.runs.contestant import Run
from glideslope.search.runs.labels import label


def idle(runs: Sequence[Run]) -> tuple[str, ...]:
    """The feedbacks that acted in none of a contestant's runs; beside a guard, on one factor, all did if it moved."""
    guarded = any(run.events for run in runs)
    measured = any(map(_measured, runs))
    feedbacks = runs[0].contestant.policy.feedbacks
    return tuple(map(label, (each for each in feedbacks if not (guarded if each.each_update else measured))))


def _measured(run: Run) -> bool:
    """Whether anything besides a guard moved the rate."""
    by_guard = {(event.back_to, event.factor) for event in run.events}
    return any(scale != 1.0 and (at, scale) not in by_guard for at, scale in run.scales)


def shown_name(runs: Sequence[Run]) -> str:
    """The name of a contestant for a table, with the feedbacks that never acted."""
    quiet, name = idle(runs), runs[0].contestant.name
    return f"{name} ({', '.join(quiet)} never acted)" if quiet else name
