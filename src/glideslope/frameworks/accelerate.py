"""Glideslope with Accelerate: a job of one or several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from accelerate.utils import slice_tensors

from glideslope.errors import JobError
from glideslope.frameworks.naming import drawn
from glideslope.frameworks.replaced import replaced
from glideslope.frameworks.torch.job import randomness
from glideslope.frameworks.torch.job.abstract_job import AbstractJob
from glideslope.frameworks.torch.job.batch import examples, moved
from glideslope.frameworks.torch.job.epochs import Epochs, base_loader
from glideslope.frameworks.torch.job.gradient_step import check_clip_norm
from glideslope.frameworks.torch.job.job_state import MEMORY
from glideslope.frameworks.torch.job.loader import batch_size
from glideslope.frameworks.torch.job.loader_checks import checked_loaders
from glideslope.frameworks.torch.job.metric import Accumulated, Measure, measurement
from glideslope.frameworks.torch.job.objective import Loss, differentiable, objectives
from glideslope.frameworks.torch.job.parts import Parts
from glideslope.frameworks.torch.job.rates import check_trained
from glideslope.frameworks.torch.models import warn_of_evaluation
from glideslope.plural import plural

__all__ = ["Job"]

_DIVIDED = {"DEEPSPEED", "FSDP", "MEGATRON_LM", "XLA"}
"""Ways to train in which a process has a part of the model or the optimizer."""


class Job(AbstractJob):
    """A training with Accelerate, of one process or several, which all make the job and call it alike.

    An update is that of a loop of your own: for as many batches as the accelerator accumulates, `accelerator.backward`
    within `accelerator.accumulate(model)`, then `accelerator.clip_grad_norm_` and the optimizer. The training loss is
    the mean over the batches of the update and the processes. The validation loss is over all units of all batches of
    all processes; examples that Accelerate repeats to fill the last batch are left out.

    Args:
        accelerator: prepared the model, the optimizer and the loaders.
        model: the prepared network.
        optimizer: the prepared optimizer; or a list, whose optimizers all make each update.
        train_loader: the prepared loader.
        validation_loader: the prepared loader for `evaluate`.
        loss, metric, maximize, predict, clip_norm, weight, memory: as in `gs.torch.Job`; a metric with `update` and
            `compute` must gather over the processes by itself, as torchmetrics do.
        batch_loss: as in `gs.torch.Job`, but one function.

    Raises:
        JobError: the optimizer isn't prepared, the model is divided over processes (FSDP, DeepSpeed), a loader is
            empty, or the arguments don't fit.
    """

    def __init__(
        self, accelerator: Accelerator, model: torch.nn.Module, optimizer: Any, loss: Loss | None = None,
        train_loader: Iterable[Any] | None = None, validation_loader: Iterable[Any] | None = None, *,
        batch_loss: Loss | None = None, metric: Any = None, maximize: bool = False,
        predict: Callable[[torch.nn.Module, Any], tuple[Any, Any]] | None = None, clip_norm: float | None = None,
        weight: Callable[[Any], Any] | None = None, memory: int = MEMORY,
    ) -> None:  # fmt: skip
        self.accelerator, self.clip_norm = accelerator, clip_norm
        self._prepared = list(optimizer) if isinstance(optimizer, list | tuple) else [optimizer]
        self.optimizers = _checked(accelerator, self._prepared)
        check_trained(model, self.optimizers)
        check_clip_norm(clip_norm)
        train_loader, self.validation_loader = checked_loaders(train_loader, validation_loader)
        if isinstance(batch_loss, list | tuple):
            raise JobError("batch_loss is a list: with Accelerate give one loss, of which all optimizers make updates")
        warn_of_evaluation(accelerator.unwrap_model(model))
        self._objective = objectives(loss, batch_loss, weight, 1)[0]
        self._measurement = measurement(metric, self._objective, predict, weight, accelerator.device, maximize)
        _check_gathers(self._measurement(), metric, accelerator)
        generators = randomness.sources(
            *model.modules(), train_loader, self.validation_loader, loss, batch_loss, metric, predict
        )
        self.prepared_model, data = model, Epochs(train_loader, generators)
        self._parts = Parts(self.validation_loader, generators, base_loader(self.validation_loader))
        super().__init__(
            accelerator.unwrap_model(model), self.optimizers, data, generators, losses=(loss, batch_loss),
            scaler=accelerator.scaler, accumulate=accelerator.gradient_accumulation_steps,
            batch=batch_size(train_loader), processes=accelerator.num_processes, maximize=maximize, memory=memory,
        )  # fmt: skip

    def _update(self, batches: int) -> tuple[torch.Tensor, bool]:
        accelerator = self.accelerator
        total, size, is_complete = torch.zeros((), device=accelerator.device), 0, False
        accelerator.step = 0  # with which Accelerate counts the batches of an update
        with replaced(accelerator, gradient_accumulation_steps=batches):
            while not is_complete:
                batch = moved(self._data.next(), accelerator.device)
                with accelerator.accumulate(self.prepared_model):
                    loss = self._objective(self.prepared_model, batch).mean
                    accelerator.backward(differentiable(loss))
                    is_complete = accelerator.sync_gradients
                    if is_complete and self.clip_norm is not None:
                        accelerator.clip_grad_norm_(self.prepared_model.parameters(), self.clip_norm)
                    for optimizer in self._prepared:
                        optimizer.step()
                        optimizer.zero_grad()
                total, size = total + loss.detach(), size + 1
        self._sized_by(batch)
        return accelerator.reduce(total / size, "mean"), not accelerator.optimizer_step_was_skipped

    def _draw(self, batches: int) -> None:
        state = self.accelerator.gradient_state
        for _ in range(batches):
            self._data.next()
            if state.sync_with_dataloader and state.end_of_dataloader:
                break  # as an update ends there

    def _forward(self, batch: Any) -> Any:
        return self._objective.forward(self.model, moved(batch, self.accelerator.device))

    def _validate(self, examples: float) -> float:
        measure = self._measurement()
        for batch in drawn(self._parts.of(examples), "validation"):
            self._measure(measure, moved(batch, self.accelerator.device))
        if not isinstance(measure, Accumulated):
            both = measure.total, measure.units
            sums = torch.stack([torch.as_tensor(each, device=measure.total.device) for each in both])
            measure.total, measure.units = self.accelerator.reduce(sums, "sum")
        return measure.value()

    def _measure(self, measure: Measure, batch: Any) -> None:
        """Measures a batch, without the examples that only fill the last one."""
        state = self.accelerator.gradient_state
        repeated = state.in_dataloader and state.end_of_dataloader and state.remainder > 0
        if repeated and self.accelerator.even_batches and self.accelerator.num_processes > 1:
            size = examples(batch)
            real = min(max(state.remainder - self.accelerator.process_index * size, 0), size)
            if not real:
                self._objective.forward(self.prepared_model, batch)  # in which processes wait for each other
                return
            batch = slice_tensors(batch, slice(0, real))
        measure.add(self.prepared_model, batch)


def _checked(accelerator: Any, optimizers: Sequence[Any]) -> list[torch.optim.Optimizer]:
    """The optimizers that Accelerate wrapped. Raises a JobError if one isn't prepared, or the model is divided."""
    if not isinstance(accelerator, Accelerator):
        raise JobError(f"gs.accelerate.Job was given a {type(accelerator).__name__}: give the Accelerator first")
    if accelerator.distributed_type.name in _DIVIDED:
        raise JobError(
            f"the accelerator divides the model over processes ({accelerator.distributed_type.value}), and "
            "a job keeps the whole state of each: train with DistributedDataParallel"
        )
    for optimizer in optimizers:
        if not isinstance(optimizer, AcceleratedOptimizer):
            raise JobError(
                f"the optimizer is a {type(optimizer).__name__} that isn't prepared: first call model, "
                "optimizer, loader = accelerator.prepare(model, optimizer, loader)"
            )
    return [optimizer.optimizer for optimizer in optimizers]


def _check_gathers(measure: Measure, metric: Any, accelerator: Accelerator) -> None:
    """Raises if a metric would be another on each process."""
    if isinstance(measure, Accumulated) and accelerator.num_processes > 1 and not hasattr(metric, "sync"):
        raise JobError(
            f"the metric {type(metric).__name__} doesn't gather over "
            f"{plural(accelerator.num_processes, 'process')}: give a function of (outputs, targets), or one "
            "of torchmetrics"
        )
