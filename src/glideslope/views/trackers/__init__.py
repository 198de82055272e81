"""Where the runs of a search are sent besides its run directory: W&B, TensorBoard or MLflow."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

from glideslope.errors import GlideslopeError
from glideslope.views.trackers.tracked import Tracked, Tracker, of_run, of_sweep

NAMES = ("wandb", "tensorboard", "mlflow")

__all__ = ["NAMES", "Tracked", "Tracker", "of_run", "of_sweep", "sink_of", "study_in"]


def sink_of(name: str) -> Callable[[Path], Tracker]:
    """The class of a tracker, by its name. Raises a GlideslopeError if there is none, or it isn't installed."""
    if name not in NAMES:
        raise GlideslopeError(f"--log {name}: known are {', '.join(NAMES)}")
    return _sink(name, f"--log {name}")


def study_in(storage: str) -> Callable[[Path], Tracker]:
    """A tracker's class, a study in a storage of Optuna. Raises a GlideslopeError if Optuna isn't installed."""
    return partial(_sink("optuna", "--storage"), storage)


def _sink(name: str, option: str) -> Callable[..., Tracker]:
    try:
        sink: Callable[..., Tracker] = import_module(f"glideslope.views.trackers.to_{name}").Sink
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("glideslope"):
            raise
        raise GlideslopeError(
            f'{option} needs {error.name}, which is not installed: pip install "glideslope[{name}]"'
        ) from error
    return sink
