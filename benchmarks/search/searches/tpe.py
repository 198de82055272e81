"""Optuna's tree-structured Parzen estimator, its runs pruned by Hyperband."""

from __future__ import annotations

import warnings

import numpy as np
from played import Played
from prior import Prior

import glideslope as gs
from searches.asha import FIRST, REDUCTION, loss_after
from searches.rates import HIGH, LOW


def tpe(played: Played, bound: int, rng: np.random.Generator, prior: Prior) -> tuple[str, float]:
    """The best of the full runs, or where none is finished the one that went farthest.

    Runs are told their loss as those of `asha` are, after each part of a full run.

    Raises:
        SearchError: Optuna isn't installed; the bound is under the first part.
    """
    try:
        import optuna
    except ImportError:
        raise gs.SearchError("this search is Optuna's: `pip install optuna`, or leave it out with --searches") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    part = played.horizon // FIRST
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(
            study_name="compare",  # with the number of a trial it gives the bracket
            sampler=optuna.samplers.TPESampler(seed=int(rng.integers(2**31))),
            pruner=optuna.pruners.HyperbandPruner(part, played.horizon, REDUCTION),
        )
    reached: dict[tuple[str, float], tuple[int, float]] = {}
    while played.updates + part <= bound:
        trial = study.ask()
        run = trial.suggest_categorical("schedule", played.schedules), trial.suggest_float("peak", LOW, HIGH, log=True)
        for updates in range(part, played.horizon + 1, part):
            if played.updates + part > bound:
                break
            loss = loss_after(played, run, updates)
            reached[run] = updates, loss
            trial.report(loss, updates)
            if trial.should_prune() or not np.isfinite(loss):
                break
        updates, loss = reached[run]
        finished = updates == played.horizon
        study.tell(trial, loss if finished else None, state=getattr(optuna.trial.TrialState, "COMPLETE" if finished
                   else "PRUNED"))  # fmt: skip
    if not reached:
        raise gs.SearchError(f"no part of {part} updates in {bound}")
    return min(reached, key=lambda run: (-reached[run][0], reached[run][1]))
