"""Trainers that drive a scheduler: what they measure is told to its feedbacks.

A Hugging Face Trainer and Lightning's tell evaluations to torch's ReduceLROnPlateau only, which they know by its class,
and a scheduler isn't given the trainer that drives it. So it looks, once, which one has called it.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterator
from typing import Any

_LIGHTNING = ("lightning.pytorch", "pytorch_lightning")


def have_evaluations_told(scheduler: Any) -> None:
    """Has the trainer up the stack, if there is one, tell its evaluations to a scheduler's feedbacks.

    Args:
        scheduler: a `gs.torch.Scheduler`, whose `step` is running.
    """
    for caller in _callers():
        if "transformers.trainer" in sys.modules and isinstance(caller, sys.modules["transformers.trainer"].Trainer):
            from glideslope.frameworks.transformers import Evaluations

            caller.add_callback(Evaluations(scheduler))
            return
        for package in (sys.modules[name] for name in _LIGHTNING if name in sys.modules):
            if isinstance(caller, package.Trainer):
                caller.callbacks.insert(0, _of_lightning(package.Callback, scheduler))  # before checkpoints are saved
                return


def _callers() -> Iterator[Any]:
    """The objects whose methods are running, from the innermost on."""
    frame: Any = sys._getframe(1)
    while frame := frame.f_back:
        names = frame.f_code.co_varnames
        if names[:1] == ("self",) and frame.f_code.co_argcount:
            yield frame.f_locals.get("self")


def _of_lightning(base: Any, scheduler: Any) -> Any:
    """A callback of Lightning's that tells the metric which the scheduler's configuration monitors."""
    reference = weakref.ref(scheduler)

    def tell(trainer: Any) -> bool:
        scheduler = reference()
        for config in trainer.lr_scheduler_configs:
            metric = trainer.callback_metrics.get(config.monitor)
            if config.scheduler is scheduler and scheduler is not None and metric is not None:
                scheduler.measure(metric.detach())
                return True
        return False

    class Measurements(base):  # type: ignore[misc]
        validated = False

        def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
            if not trainer.sanity_checking:
                self.validated = tell(trainer)

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            if not self.validated:  # a metric of the training itself
                tell(trainer)
            self.validated = False

    return Measurements()
