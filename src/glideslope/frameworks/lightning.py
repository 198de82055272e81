"""Glideslope in Lightning."""

from __future__ import annotations

import warnings
from typing import Any

import lightning
import torch

from glideslope.frameworks.lightning_job import Job
from glideslope.frameworks.torch import Scheduler
from glideslope.frameworks.torch.reading import has_horizon

__all__ = ["Job", "scheduled"]


def scheduled(
    module: lightning.LightningModule,
    optimizer: torch.optim.Optimizer,
    lr: Any,
    *,
    monitor: str | None = None,
    **options: Any,
) -> Any:
    """What `configure_optimizers` returns for an optimizer on a schedule.

    Lightning steps a scheduler once per epoch unless told otherwise, so what it is given says once per update. The
    feedbacks of a schedule are told what is monitored after each validation.

    Args:
        module: the module, whose trainer knows the length of the training.
        optimizer: its optimizer.
        lr: the schedule of the rate, as in `gs.torch.Scheduler`.
        monitor: the name of the metric, as logged, that feedbacks are told.
        options: the other arguments of `gs.torch.Scheduler`; `steps` is the trainer's whole training if neither it nor
            the schedule has a horizon.

    Raises:
        ScheduleError: as `gs.torch.Scheduler`; or the trainer's training has no end and `steps` isn't given.

    Warns:
        UserWarning: with manual optimization, where only the user knows how many updates there will be.

    In a LightningModule:

        def configure_optimizers(self):
            optimizer = torch.optim.AdamW(self.parameters(), lr=3e-4)
            return gs.lightning.scheduled(self, optimizer, "warmup(5%) >> cosine")
    """
    if "steps" not in options and not has_horizon(lr):
        if not module.automatic_optimization:
            warnings.warn(
                "with manual optimization the trainer counts the steps of all optimizers, and how many micro-batches "
                "make an update isn't known: the horizon may be too long; give gs.lightning.scheduled steps=, the "
                "updates of this optimizer",
                stacklevel=2,
            )
        steps = module.trainer.estimated_stepping_batches
        options["steps"] = None if steps == float("inf") else steps
    scheduler = Scheduler(optimizer, lr, **options)
    each_update = {"scheduler": scheduler, "interval": "step", "frequency": 1}
    return {"optimizer": optimizer, "lr_scheduler": each_update | ({"monitor": monitor} if monitor else {})}
