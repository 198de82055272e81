"""Glideslope: the learning rate of a training, described, found and applied."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from glideslope import schedules
from glideslope.errors import ConversionError, GlideslopeError, JobError, RunDirectoryError, ScheduleError, SearchError
from glideslope.schedules import *  # noqa: F403

if TYPE_CHECKING:
    from glideslope.frameworks import torch
    from glideslope.frameworks.conversion.export import export
    from glideslope.frameworks.conversion.from_configuration import from_deepspeed, from_keras, from_transformers
    from glideslope.frameworks.conversion.from_optax import from_optax
    from glideslope.frameworks.conversion.from_torch import from_torch
    from glideslope.frameworks.conversion.json_form import from_json, json_schema, to_json
    from glideslope.search import Job, Race, RangeTest, Tuned, find, race, tune

_CONVERSION = "glideslope.frameworks.conversion"
# Loaded when touched: these need NumPy, or a framework.
_LATER = {
    **dict.fromkeys(("Job", "Race", "RangeTest", "Tuned", "export", "find", "race", "tune"), "glideslope.search"),
    **dict.fromkeys(("from_deepspeed", "from_keras", "from_transformers"), f"{_CONVERSION}.from_configuration"),
    "export": f"{_CONVERSION}.export",
    "from_optax": f"{_CONVERSION}.from_optax",
    "from_torch": f"{_CONVERSION}.from_torch",
    **dict.fromkeys(("from_json", "json_schema", "to_json"), f"{_CONVERSION}.json_form"),
}
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


__all__ = ["ConversionError", "GlideslopeError", "Job", "JobError", "Race", "RangeTest", "RunDirectoryError",
           "ScheduleError", "SearchError", "Tuned", "export", "find", "from_deepspeed", "from_json", "from_keras",
           "from_optax", "from_torch", "from_transformers", "json_schema", "race", "to_json", "torch",
           "tune"]  # fmt: skip
__all__ += schedules.__all__
