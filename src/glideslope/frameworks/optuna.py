"""Runs of a job as trials of Optuna, for those whose search is Optuna's."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable
from types import SimpleNamespace

import optuna

from glideslope.documents import shown
from glideslope.errors import SearchError
from glideslope.policy import Policy, as_policy
from glideslope.schedules import one_cycle
from glideslope.schedules.amounts import check_peak, check_positive
from glideslope.search.jobs.job import Job, JobFactory, is_factory
from glideslope.search.jobs.scalars import whole
from glideslope.search.jobs.start import start
from glideslope.search.runs.checks import check_lists
from glideslope.search.runs.contestant import Contestant, distinct
from glideslope.search.runs.make_run import make_run
from glideslope.search.runs.opened import Jobs
from glideslope.search.runs.trial import Trial

__all__ = ["objective"]

_STEPS = "glideslope steps"  # the attribute of a study that has the updates of its trials

SPREAD = 256.0  # how far the peaks reach on both sides of the one that is usual for the optimizer


def objective(
    job: Job | JobFactory, steps: int, *, schedules: Iterable[Policy] | None = None,
    peaks: tuple[float, float] | None = None, evaluations: int = 20, seed: int = 0,
) -> Callable[[optuna.Trial], float]:  # fmt: skip
    """An objective for `study.optimize` that trains at the peak rate, and with the schedule, that a trial suggests.

    It suggests `peak`, on a logarithmic scale, and `schedule` where there are several; it reports the validation loss
    at each evaluation, and stops a run that the study's pruner rejects. A run that diverges ends at infinity. Studies
    with `n_jobs` need a function from a seed to a job.

    Args:
        job: a job, or a function from a seed to a job.
        steps: the updates of each run.
        schedules: the schedules to choose from; a single cycle if not given.
        peaks: the smallest and the largest peak rate; by default the usual one divided and multiplied by 256.
        evaluations: the measurements of the validation loss in a run, each reported.
        seed: the seed of the job.

    Raises:
        ScheduleError: a schedule can't be made for so many updates.
        SearchError: steps or evaluations aren't positive whole numbers, or a peak isn't a positive number; in a trial,
            the study maximizes, has trials of other schedules or updates, or trials at once that share a job.

    Example:
        study = optuna.create_study(pruner=optuna.pruners.HyperbandPruner())
        study.optimize(gs.optuna.objective(job, 2000), n_trials=20)
        study.best_params  # {'peak': 0.0213}
    """
    check_positive(steps=steps, evaluations=evaluations)
    check_lists(schedules=() if schedules is None else schedules, peaks=() if peaks is None else peaks)
    steps, evaluations, seed = whole("steps", steps), min(whole("evaluations", evaluations), steps), whole("seed", seed)
    choice = {str(policy): policy for policy in distinct(as_policy(one).value for one in schedules or [one_cycle()])}
    for policy in choice.values():
        as_policy(policy).within(steps)
    limits = None if peaks is None else tuple(map(check_peak, peaks))
    if limits is not None and (len(limits) != 2 or limits[0] > limits[1]):
        raise SearchError(f"peaks={shown(peaks)}: give the smallest and the largest peak rate")
    mine = threading.local() if is_factory(job) else SimpleNamespace()  # the jobs of a thread, or the one of all
    in_use = threading.Lock()

    def run(trial: optuna.Trial) -> float:
        if (study := getattr(trial, "study", None)) is not None:  # a fixed trial has none
            _check_study(study, steps)
        if is_factory(job):
            return trained(trial)
        if not in_use.acquire(blocking=False):
            raise SearchError("n_jobs: trials at once can't share a job: give a function from a seed to a job")
        try:
            return trained(trial)
        finally:
            in_use.release()

    def trained(trial: optuna.Trial) -> float:
        if not hasattr(mine, "jobs"):
            mine.jobs = Jobs(job, seed)
        opened = mine.jobs.at(seed)
        usual = start(opened.job)
        low, high = limits or (usual / SPREAD, usual * SPREAD)
        peak = trial.suggest_float("peak", low, high, log=True)
        name = next(iter(choice)) if len(choice) == 1 else _suggested(trial, list(choice))

        def measured(updates: int, loss: float) -> None:
            trial.report(loss if math.isfinite(loss) else math.inf, updates)
            if updates < steps and trial.should_prune():
                raise optuna.TrialPruned

        opened.restore("the initial state")
        planned = Trial(Contestant(choice[name], peak), steps, seed, evaluations)
        return make_run(opened, planned, measured=measured).run.final_loss

    return run


def _check_study(study: optuna.Study, steps: int) -> None:
    """Raises unless a study minimizes one value, and its trials are of so many updates; a new one is of these."""
    if [direction.name for direction in study.directions] != ["MINIMIZE"]:
        raise SearchError("the objective is a loss: make the study with direction='minimize', and for that alone")
    if (before := study.user_attrs.get(_STEPS)) is None:
        study.set_user_attr(_STEPS, steps)
    elif before != steps:
        raise SearchError(
            f"the study {study.study_name} has trials of {before} updates, whose losses don't compare with those of "
            f"{steps}: give another study_name"
        )


def _suggested(trial: optuna.Trial, names: list[str]) -> str:
    """One of several schedules."""
    try:
        return trial.suggest_categorical("schedule", names)
    except ValueError as error:  # Optuna's, which doesn't say which
        raise SearchError(
            f"the study has trials of other schedules than {', '.join(names)}: give the same, or another study_name"
        ) from error
