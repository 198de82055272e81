"""Whether contestants can run on a job, before any runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from glideslope.documents import shown
from glideslope.errors import SearchError
from glideslope.search.jobs.calls import calling
from glideslope.search.jobs.job import Job, controls_of
from glideslope.search.runs import labels
from glideslope.search.runs.contestant import Contestant
from glideslope.warning import warn

if TYPE_CHECKING:
    from glideslope.search.trials import Trials


def check_lists(**lists: object) -> None:
    """Raises unless each is a list of values, or what can be iterated as one; a text isn't, but each in it may be."""
    for name, value in lists.items():
        if isinstance(value, str | bytes) or not isinstance(value, Iterable) or getattr(value, "ndim", None) == 0:
            raise SearchError(f"{name}={shown(value)}: give a list" + (f", as [{shown(value)}]" if value else ""))


def texts(name: str, values: Iterable[str]) -> tuple[str, ...]:
    """The texts of a list, each once; raises where it is no list, or has something else."""
    check_lists(**{name: values})
    listed = tuple(values)
    for value in listed:
        if not isinstance(value, str):
            raise SearchError(f"{name} has {shown(value)}: give texts")
    return tuple(dict.fromkeys(listed))


def warn_of_no_text(contestants: Iterable[Contestant]) -> None:
    """Says once that a memory can't give back, to another process, the runs of what has no text form."""
    without = [contestant.name for contestant in contestants if not labels.has_text(contestant.schedule)]
    if without:
        warn(
            f"{', '.join(without)}: without a text form, by which a memory finds runs again; a search that goes on in "
            "another process makes them again",
        )


def check_all(trials: Trials, contestants: Iterable[Contestant], steps: int) -> None:
    """Raises for a contestant that can't run, before any runs: a SearchError if it needs what the job can't do, a
    JobError if there is no job with its optimizer, or none with its batches."""
    for contestant in contestants:
        trials.use(trials.opened, contestant.optimizer)
        controls = contestant.controls(steps)
        check_controls(trials.job, contestant, controls)
        batches_in = getattr(trials.job, "batches_in", None)
        if batches_in is not None:
            with calling("batches_in", f"for {contestant}"):
                for size in np.unique(controls.get("batch_size", ())):
                    batches_in(float(size))
    trials.use(trials.opened)


def check_controls(job: Job, contestant: Contestant, controls: Iterable[str]) -> None:
    """Raises for a contestant that needs what a job can't do, by name."""
    known = controls_of(job)
    if lacking := set(controls) - known:
        raise SearchError(f"{contestant} sets {', '.join(sorted(lacking))}, which this job can't: its step takes "
                          f"{', '.join(sorted(known)) or 'the rate only'}")  # fmt: skip
    if any(getattr(feedback, "mode", "min") == "max" for feedback in contestant.policy.feedbacks):
        raise SearchError(f"{contestant} answers to measurements of which more is better, and a job's evaluate gives a "
                          "loss, or the negative of a metric to maximize: leave out mode=max")  # fmt: skip
    if contestant.average and not hasattr(job, "average"):
        raise SearchError(f"{contestant} is measured by an average of the weights, and this job has no average()")
