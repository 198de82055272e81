"""Trainers that drive a scheduler pass their measurements to its feedbacks.

A Hugging Face Trainer and Lightning's pass evaluations to torch's ReduceLROnPlateau only, which they know by its class,
and a scheduler isn't given the trainer that drives it. So it looks, once, which one has called it.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterator
from typing import Any

from glideslope.callers import callers
from glideslope.warning import warn

_LIGHTNING = ("lightning.pytorch", "pytorch_lightning")


def pass_evaluations(scheduler: Any) -> bool:
    """Makes the trainer that called `scheduler.step` pass on its evaluations; returns whether there is one."""
    for caller in _objects():
        if "transformers.trainer" in sys.modules and isinstance(caller, sys.modules["transformers.trainer"].Trainer):
            from glideslope.frameworks.transformers import Evaluations

            callbacks = caller.callback_handler.callbacks
            if not any(isinstance(one, Evaluations) and one.scheduler is scheduler for one in callbacks):
                caller.add_callback(Evaluations(scheduler))
            return True
        for package in (sys.modules[name] for name in _LIGHTNING if name in sys.modules):
            if isinstance(caller, package.Trainer):
                if not any(getattr(one, "measured_for", lambda: None)() is scheduler for one in caller.callbacks):
                    measurements = _of_lightning(package.Callback, scheduler)
                    caller.callbacks.insert(0, measurements)  # before checkpoints are saved
                return True
    return False


def _objects() -> Iterator[Any]:
    """The objects whose methods are running, from the innermost on."""
    for frame in callers():
        names = frame.f_code.co_varnames
        if names[:1] == ("self",) and frame.f_code.co_argcount:
            yield frame.f_locals.get("self")


def _of_lightning(base: Any, scheduler: Any) -> Any:
    """A callback of Lightning's that passes on the metric which the scheduler's configuration monitors."""
    reference = weakref.ref(scheduler)

    class Measurements(base):  # type: ignore[misc]
        measured_for = reference
        latest: Any = None
        there: Any = None  # the metric before a validation: Lightning keeps each until there is another
        is_validated = is_told = False

        def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
            self.there = _monitored(trainer, reference())

        def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
            fresh = _monitored(trainer, reference()) is not self.there
            if trainer.state.fn == "fit" and not trainer.sanity_checking:
                self.is_validated = True
                if fresh:
                    self._tell(trainer)

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            self._tell(trainer)  # a metric of the training itself
            name = _monitor(trainer, reference())
            if self.is_validated and not self.is_told and name and name not in trainer.callback_metrics:
                self.is_told = True
                logged = ", ".join(sorted(trainer.callback_metrics))
                warn(
                    f"monitor={name!r} isn't logged: the feedback gets no measurement; logged are {logged}", "lightning"
                )

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            if (scheduler := reference()) is not None:
                scheduler.feedbacks.training_ended(scheduler.last_epoch)

        def _tell(self, trainer: Any) -> None:
            scheduler = reference()
            metric = _monitored(trainer, scheduler)
            if scheduler is not None and metric is not None and metric is not self.latest:
                scheduler.measure(metric.detach())
            self.latest = metric

    return Measurements()


def _monitor(trainer: Any, scheduler: Any) -> str | None:
    """The name of the metric that a scheduler's configuration monitors; None where there is none."""
    return next((config.monitor for config in trainer.lr_scheduler_configs if config.scheduler is scheduler), None)


def _monitored(trainer: Any, scheduler: Any) -> Any:
    """The latest value of that metric; None where there is none."""
    return trainer.callback_metrics.get(_monitor(trainer, scheduler))
