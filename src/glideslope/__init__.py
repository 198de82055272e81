"""Glideslope: the learning rate of a training, described, found and applied."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from glideslope import schedules
from glideslope.errors import GlideslopeError, JobError, RunDirectoryError, ScheduleError, SearchError
from glideslope.schedules import *  # noqa: F403

if TYPE_CHECKING:
    from glideslope.frameworks import torch
    from glideslope.search import Job, Race, RangeTest, Tuned, find, race, tune

# Loaded when touched: these need NumPy, or a framework.
_LATER = dict.fromkeys(("Job", "Race", "RangeTest", "Tuned", "find", "race", "tune"), "glideslope.search")
_FRAMEWORKS = {"torch": "torch"}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    if name in _FRAMEWORKS:
        try:
            return import_module(f"glideslope.frameworks.{name}")
        except ModuleNotFoundError as error:
            if error.name != _FRAMEWORKS[name]:
                raise
            raise GlideslopeError(f'glideslope.{name} needs {name}: pip install "glideslope[{name}]"') from error
    raise AttributeError(f"module 'glideslope' has no attribute {name!r}")


__all__ = ["GlideslopeError", "Job", "JobError", "Race", "RangeTest", "RunDirectoryError", "ScheduleError",
           "SearchError", "Tuned", "find", "race", "torch", "tune"]  # fmt: skip
__all__ += schedules.__all__
