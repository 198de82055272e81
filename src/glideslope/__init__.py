"""Glideslope: the learning rate of a training, described, found and applied."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from glideslope import batches, layers, schedules
from glideslope.errors import (  # fmt: skip
    BatchError,
    ConversionError,
    DivergenceError,
    DocumentError,
    FeedbackError,
    FileError,
    FrameworkError,
    GlideslopeError,
    GlideslopeWarning,
    JobError,
    LawError,
    LayerError,
    NothingLearnedError,
    RunDirectoryError,
    ScheduleError,
    SearchError,
)
from glideslope.feedback import Controlled, Feedback, greedy, guard, plateau
from glideslope.frameworks.when_imported import import_after
from glideslope.schedules import *  # noqa: F403
from glideslope.schedules import theirs as _theirs

if TYPE_CHECKING:
    from glideslope import laws, search
    from glideslope.conversion.export import export
    from glideslope.conversion.from_configuration import from_deepspeed, from_keras, from_transformers
    from glideslope.conversion.from_optax import from_optax
    from glideslope.conversion.from_torch import from_torch
    from glideslope.conversion.json_form import from_json, to_json
    from glideslope.conversion.json_schema import json_schema
    from glideslope.frameworks import accelerate as accelerate
    from glideslope.frameworks import jax as jax
    from glideslope.frameworks import keras as keras
    from glideslope.frameworks import lightning as lightning
    from glideslope.frameworks import optuna as optuna
    from glideslope.frameworks import ray as ray
    from glideslope.frameworks import torch as torch
    from glideslope.frameworks import transformers as transformers
    from glideslope.search import Job, RangeTest, check_job, find
    from glideslope.search.directory.trained import load_checkpoint
    from glideslope.search.race import Race, race
    from glideslope.search.tune import Tuned, tune
    from glideslope.studio.notebook import studio as studio

__version__ = "1.0.0"
_CONVERSION = "glideslope.conversion"
# Loaded when touched: these need NumPy, or a framework.
_LATER = {
    **dict.fromkeys(("Job", "Race", "RangeTest", "Tuned", "check_job", "find", "race", "tune"), "glideslope.search"),
    "load_checkpoint": "glideslope.search.directory.trained",
    **dict.fromkeys(("from_deepspeed", "from_keras", "from_transformers"), f"{_CONVERSION}.from_configuration"),
    "export": f"{_CONVERSION}.export", "from_optax": f"{_CONVERSION}.from_optax",
    "from_torch": f"{_CONVERSION}.from_torch", **dict.fromkeys(("from_json", "to_json"), f"{_CONVERSION}.json_form"),
    "json_schema": f"{_CONVERSION}.json_schema",
}  # fmt: skip
_FRAMEWORKS = ("accelerate", "jax", "keras", "lightning", "optuna", "ray", "torch", "transformers")


def __getattr__(name: str) -> Any:
    if name in ("laws", "search", "studio"):
        return import_module(f"glideslope.{name}")
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    if name in _FRAMEWORKS:
        try:
            return import_module(f"glideslope.frameworks.{name}")
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if missing == "glideslope":
                raise
            if missing == "tensorflow":
                raise FrameworkError(
                    "Keras is set to its TensorFlow backend, which isn't installed: set KERAS_BACKEND=torch or jax"
                ) from error
            extras = f"{name},{missing}" if name == "keras" and missing in ("torch", "jax") else name
            raise FrameworkError(
                f'glideslope.{name} needs {missing}, which is not installed: pip install "glideslope[{extras}]"'
            ) from error
    hint = _theirs.hint(name, schedules.__all__)
    raise AttributeError(f"module 'glideslope' has no attribute {name!r}{f' ({hint})' if hint else ''}")


def __dir__() -> list[str]:
    return sorted({"__version__", *__all__, *_FRAMEWORKS})


__all__ = [
    "BatchError", "Controlled", "ConversionError", "DivergenceError", "DocumentError", "Feedback", "FeedbackError",
    "FileError", "FrameworkError", "GlideslopeError", "GlideslopeWarning", "Job", "JobError", "LawError", "LayerError",
    "NothingLearnedError", "Race", "RangeTest", "RunDirectoryError", "ScheduleError", "SearchError", "Tuned",
    "batches", "check_job", "export", "find", "from_deepspeed", "from_json", "from_keras", "from_optax",
    "from_torch", "from_transformers", "greedy", "guard", "json_schema", "laws", "layers", "load_checkpoint", "plateau",
    "race", "search", "studio", "to_json", "tune",
]  # fmt: skip
"""Without the frameworks: `from glideslope import *` would import them all, and hide the real ones."""
__all__ += schedules.__all__

import_after("keras", "glideslope.frameworks.keras.schedule")
