"""Glideslope in Lightning."""

from __future__ import annotations

import math
from typing import Any

import lightning
import torch

from glideslope.errors import FrameworkError, ScheduleError
from glideslope.frameworks.lightning_job import Job
from glideslope.frameworks.of_trainer import timed_options, unknown
from glideslope.frameworks.torch import Forecast as TorchForecast
from glideslope.frameworks.torch import Scheduler
from glideslope.renamed import was_called
from glideslope.warning import warn

__all__ = ["Forecast", "Job", "scheduled"]


@was_called("lr", "schedule")
def scheduled(
    module: lightning.LightningModule, optimizer: torch.optim.Optimizer, schedule: Any, *, monitor: str | None = None,
    **options: Any,
) -> Any:  # fmt: skip
    """What `configure_optimizers` returns for an optimizer on a schedule.

    Lightning steps a scheduler once per epoch by default, so the configuration says once per update. The feedbacks of a
    schedule get the monitored metric after each validation.

    Args:
        module: the module, whose trainer knows the length of the training.
        optimizer: its optimizer.
        schedule: of the rate, as in `gs.torch.Scheduler`.
        monitor: the name of the metric, as logged, that feedbacks get.
        options: the other arguments of `gs.torch.Scheduler`; `steps` is the trainer's whole training if neither it nor
            the schedule has a horizon, and the clock has the trainer's epochs, as many updates as this process makes.

    Raises:
        ScheduleError: as `gs.torch.Scheduler`; or the trainer's training has no end and `steps` isn't given; or a
            duration is in epochs, whose length the trainer doesn't know; or `module` isn't one.

    Warns:
        UserWarning: with manual optimization, where only the user knows how many updates there will be.

    In a LightningModule:

        def configure_optimizers(self):
            optimizer = torch.optim.AdamW(self.parameters(), lr=3e-4)
            return gs.lightning.scheduled(self, optimizer, "warmup(5%) >> cosine")
    """
    if not hasattr(module, "automatic_optimization"):
        raise ScheduleError(
            f"{type(module).__name__} isn't a LightningModule: write gs.lightning.scheduled(self, optimizer, schedule)"
        )
    options = timed_options(
        schedule, options, lambda: _length(module), lambda: _steps_per_epoch(module), lambda: _loader(module.trainer)
    )
    scheduler = Scheduler(optimizer, schedule, **options)
    each_update = {"scheduler": scheduler, "interval": "step", "frequency": 1}
    return {"optimizer": optimizer, "lr_scheduler": each_update | ({"monitor": monitor} if monitor else {})}


class Forecast(lightning.Callback):
    """Forecasts the end of a training from the losses of its training steps, and reports what leaves its band.

    Args:
        to: a function that gets each alarm and forecast; by default `print`.
        every: the fraction of the run between two forecasts.
    """

    def __init__(self, *, to: Any = print, every: float = 0.05) -> None:
        self.to, self.every = to, every
        self.forecast: TorchForecast | None = None
        self._seen = 0

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, unused: int = 0
    ) -> None:
        """Takes the loss of the batch, at the end of an update."""
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if loss is None or trainer.global_step <= self._seen:
            return
        self._seen = trainer.global_step
        if self.forecast is None:
            schedulers = [config.scheduler for config in trainer.lr_scheduler_configs]
            scheduler = next((one for one in schedulers if isinstance(one, Scheduler)), None)
            if scheduler is None:
                raise FrameworkError("no gs.torch.Scheduler in the training: return gs.lightning.scheduled(…)")
            self.forecast = TorchForecast(scheduler, to=self.to, every=self.every)
        self.forecast.step(loss * trainer.accumulate_grad_batches if outputs is not loss else loss)


def _length(module: lightning.LightningModule) -> int | None:
    """The updates of the whole training; None where it has no end that is known."""
    if not module.automatic_optimization:
        warn(
            "with manual optimization the trainer counts the steps of all optimizers, and how many micro-batches "
            "make an update isn't known: the horizon may be too long; give gs.lightning.scheduled steps=, the "
            "updates of this optimizer",
            "lightning",
        )
    steps = module.trainer.estimated_stepping_batches
    return int(steps) if 0 < steps < math.inf else None


def _steps_per_epoch(module: lightning.LightningModule) -> float:
    """The updates that this process makes in an epoch; the last of them may be of fewer micro-batches."""
    trainer, call = module.trainer, "gs.lightning.scheduled"
    if not module.automatic_optimization:
        raise unknown("with manual optimization the trainer doesn't know how many there are in one", call)
    _loader(trainer)
    if math.isinf(trainer.num_training_batches):
        raise unknown("the trainer doesn't know the length of the training data", call)
    return math.ceil(trainer.num_training_batches / trainer.accumulate_grad_batches)


def _loader(trainer: Any) -> Any:
    """The loader of the training data, which is set up where it isn't yet."""
    if trainer.train_dataloader is None:
        trainer.fit_loop.setup_data()
    return trainer.train_dataloader
