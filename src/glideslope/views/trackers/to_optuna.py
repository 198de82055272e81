"""Runs for optuna-dashboard: each is a finished trial of a study in a storage of Optuna."""

from __future__ import annotations

import math
import re
from pathlib import Path

import optuna
from optuna.distributions import FloatDistribution

from glideslope.errors import FrameworkError
from glideslope.views.trackers.tracked import Tracked

_PEAKS = FloatDistribution(1e-30, 1e30, log=True)
_IN_MEMORY = re.compile(r"sqlite(\+\w+)?:(//)?/?(:memory:)?")


class Sink:
    """Adds trials to the study that has the name of the run directory, in a storage such as "sqlite:///runs.db"."""

    def __init__(self, storage: str, folder: Path) -> None:
        if _IN_MEMORY.fullmatch(storage):
            raise FrameworkError("it is in the memory of this process, which nobody can read; give sqlite:///runs.db")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(storage=storage, study_name=folder.absolute().name, load_if_exists=True)

    def send(self, run: Tracked) -> None:
        losses = {updates: loss for updates, loss in run.evaluations if math.isfinite(loss)}
        attributes = {"run": run.name, **run.settings}
        peaks = {"peak": attributes.pop("peak")} if "peak" in attributes else {}
        final = run.evaluations[-1][1] if run.evaluations else math.inf
        trial = optuna.create_trial(
            value=final if math.isfinite(final) else math.inf, params=peaks,
            distributions=dict.fromkeys(peaks, _PEAKS), user_attrs=attributes, intermediate_values=losses,
        )  # fmt: skip
        self._study.add_trial(trial)
