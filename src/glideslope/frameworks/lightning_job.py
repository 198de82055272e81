"""The training of a LightningModule, for a search to drive."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import lightning
import torch
from lightning.pytorch.trainer.states import RunningStage
from lightning.pytorch.utilities.signature_utils import is_param_in_hook_signature

from glideslope.documents import check_kind
from glideslope.errors import JobError
from glideslope.frameworks.lightning_logged import Logged, reset_metrics
from glideslope.frameworks.lightning_prepared import prepared
from glideslope.frameworks.naming import drawn
from glideslope.frameworks.replaced import replaced
from glideslope.frameworks.torch.job import randomness
from glideslope.frameworks.torch.job.abstract_job import AbstractJob
from glideslope.frameworks.torch.job.batch import examples, one_number
from glideslope.frameworks.torch.job.epochs import Epochs
from glideslope.frameworks.torch.job.job_state import MEMORY
from glideslope.frameworks.torch.job.loader import batch_size
from glideslope.frameworks.torch.job.objective import differentiable, scalar
from glideslope.frameworks.torch.job.parts import Parts
from glideslope.frameworks.torch.job.rates import check_trained

_MOST_WITHOUT = 32  # updates in a row without a loss, each of other batches


class Job(AbstractJob):
    """The training of a LightningModule: its `training_step`, `validation_step` and `configure_optimizers`.

    The Trainer prepares the training as it does in `fit`, and its precision, accumulation, clipping and limits of
    batches are used. The module's hooks around a batch, an update, an epoch and a validation are called, and those that
    move a batch; `self.trainer`, `self.global_step` and `self.current_epoch` are as in a fit. Callbacks, loggers,
    checkpoints and schedulers aren't used, and `self.log` does nothing in training.

    Args:
        module: the LightningModule, with automatic optimization and one optimizer.
        datamodule: gives the loaders, if the module doesn't.
        trainer: the Trainer, of one process; Lightning's default on one device if not given.
        train_loader: in place of a datamodule's.
        validation_loader: likewise; or a list.
        monitor: the name of what `validation_step` logs that is minimised; if not given, the mean over examples of the
            loss that it returns.
        maximize: whether a larger one is better: `evaluate` then returns its negative.
        memory: the bytes above which `state()` is a temporary file and not in the CPU's memory; 2 GiB.

    Raises:
        JobError: the module has manual optimization or several optimizers, or there is no validation.

    Warns:
        UserWarning: `configure_optimizers` made a scheduler, which isn't used.

    In a job file:

        def job(seed):
            lightning.seed_everything(seed)
            return gs.lightning.Job(Digits(), DigitsData(), lightning.Trainer(gradient_clip_val=1.0))
    """

    _counts = ("updates",)
    _data: Epochs

    def __init__(
        self, module: lightning.LightningModule, datamodule: lightning.LightningDataModule | None = None,
        trainer: lightning.Trainer | None = None, *, train_loader: Iterable[Any] | None = None,
        validation_loader: Any = None, monitor: str | None = None, maximize: bool = False, memory: int = MEMORY,
    ) -> None:  # fmt: skip
        check_kind(JobError, str | None, "the name of a logged metric", monitor=monitor)
        if maximize and monitor is None:
            raise JobError("maximize=True without monitor= would maximise the loss: give the name of a logged metric")
        self._prepared = prepared(trainer, module, datamodule, train_loader, validation_loader)
        self.trainer, self.optimizer, self.monitor = self._prepared.trainer, self._prepared.optimizer, monitor
        self.module = module
        loader = self._prepared.train_loader
        generators = randomness.sources(
            *module.modules(), loader, self._prepared.validation_loaders, datamodule,
            [value for value in vars(module).values() if isinstance(value, randomness.Source)],
        )  # fmt: skip
        data = Epochs(loader, generators, self._prepared.train_batches)
        self._parts = [
            Parts(each, generators, most=most)
            for each, most in zip(self._prepared.validation_loaders, self._prepared.validation_batches, strict=True)
        ]
        self._scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        self.updates = 0
        super().__init__(
            module, [self.optimizer], data, generators, scaler=self._scaler,
            accumulate=self.trainer.accumulate_grad_batches, batch=batch_size(loader), maximize=maximize, memory=memory,
        )  # fmt: skip
        check_trained(module, [self.optimizer])
        with self._running(RunningStage.TRAINING):
            module.on_train_start()

    def _update(self, batches: int) -> tuple[torch.Tensor, bool]:
        losses: list[torch.Tensor] = []

        def closure() -> torch.Tensor | None:
            for i in range(batches):
                losses.extend(self._gradients(i == 0, batches))
            return losses[-1] if losses else None  # without one the precision unscales nothing

        before = self._scaler.get_scale() if self._scaler else 0.0
        with self._running(RunningStage.TRAINING), _unlogged(self.module):
            for _ in range(_MOST_WITHOUT):
                self.trainer.strategy.optimizer_step(self.optimizer, closure, model=self.module)
                if losses:
                    break
            else:
                raise JobError(f"training_step gave None in {_MOST_WITHOUT} updates in a row: return the loss")
            self.updates += 1  # one that the scaler skips too, as in a fit
            self._count()
        return torch.stack(losses).mean(), not self._scaler or self._scaler.get_scale() >= before

    def _draw(self, batches: int) -> None:
        with self._running(RunningStage.TRAINING):
            for i in range(batches):
                self._next(is_first=i == 0)

    def _next(self, is_first: bool) -> Any:
        """The next batch of an update, None where the epoch has no more: none of another epoch joins an update."""
        batch = next(self._data, None)
        if batch is None:
            if not is_first:
                return None
            self.module.on_train_epoch_end()
            self._data.end()
            self._count()
            batch = next(self._data)
        if self._data.taken == 1:
            reset_metrics(self.module)
            self.module.on_train_epoch_start()
        return batch

    def _gradients(self, is_first: bool, batches: int) -> Iterator[torch.Tensor]:
        """Adds the gradient of the next of so many batches; gives its loss."""
        batch = self._next(is_first)
        if batch is None:
            return
        index = self._data.taken - 1
        batch = self._moved(batch, 0)
        self._sized_by(batch)
        if self.module.on_train_batch_start(batch, index) == -1:
            raise JobError("on_train_batch_start returned -1, to leave out the rest of an epoch: a job can't do that")
        output = self.trainer.strategy.training_step(*_arguments(self.module.training_step, batch, index, None))
        loss: Any = output.get("loss", output) if isinstance(output, Mapping) else output
        if is_first:
            self.module.on_before_zero_grad(self.optimizer)
            self.module.optimizer_zero_grad(self._data.epoch, index, self.optimizer)
        if loss is not None:
            loss = differentiable(scalar(loss, "training_step", "the mean loss, or a dict that has it as 'loss'"))
            self.trainer.strategy.backward(loss / batches, self.optimizer)
            yield loss.detach()
        self.module.on_train_batch_end(output, batch, index)

    def _forward(self, batch: Any) -> Any:
        with _unlogged(self.module):
            arguments = _arguments(self.module.training_step, self._moved(batch, 0), 0, None)
            return self.trainer.strategy.training_step(*arguments)

    @contextmanager
    def _evaluated(self, averaged: bool) -> Iterator[None]:
        with self._running(RunningStage.VALIDATING), super()._evaluated(averaged):
            yield

    def _validate(self, examples: float) -> float:
        logged, losses = Logged(), Logged()
        with replaced(self.module, log=logged.log):
            self._collect(logged, losses, examples)
        if self.monitor is None and not losses.names():
            raise JobError(f"validation_step returns no loss: return it, or give monitor={logged.listed()}")
        if self.monitor is not None and self.monitor not in logged.names():
            raise JobError(f"the validation logs no {self.monitor!r}, but {logged.listed()}")
        value = losses.value("loss") if self.monitor is None else logged.value(self.monitor)
        reset_metrics(self.module)
        return value

    def _collect(self, logged: Logged, losses: Logged, wanted: float) -> None:
        """Makes a validation of about so many examples, and has what it logs and returns collected."""
        module, loaders = self.module, self._parts
        reset_metrics(module)
        module.on_validation_start()
        module.on_validation_epoch_start()
        for i, (loader, most) in enumerate(zip(loaders, self._prepared.validation_batches, strict=True)):
            number = i if len(loaders) > 1 else None
            logged.suffix = f"/dataloader_idx_{i}" if len(loaders) > 1 else ""
            batches = drawn(loader.of(wanted / len(loaders)), "validation")
            for index, batch in enumerate(itertools.islice(batches, most)):
                batch = self._moved(batch, i)
                logged.size = losses.size = examples(batch)
                module.on_validation_batch_start(batch, index, i)
                output = self.trainer.strategy.validation_step(
                    *_arguments(module.validation_step, batch, index, number)
                )
                loss: Any = output.get("loss") if isinstance(output, Mapping) else output
                if self.monitor is None and loss is not None:
                    losses.log("loss", one_number(loss, "validation_step", "the loss, or monitor= one that is logged"))
                module.on_validation_batch_end(output, batch, index, i)
        logged.size, logged.suffix = 1, ""
        module.on_validation_epoch_end()
        module.on_validation_end()

    def _moved(self, batch: Any, loader: int) -> Any:
        batch = self.trainer.precision_plugin.convert_input(batch)
        batch = self.module._on_before_batch_transfer(batch, dataloader_idx=loader)
        return self.trainer.strategy.batch_to_device(batch, dataloader_idx=loader)

    def _count(self) -> None:
        """Sets `global_step` and `current_epoch` to where the training is."""
        fit: Any = self.trainer.fit_loop
        fit.epoch_loop.automatic_optimization.optim_progress.optimizer.step.total.completed = self.updates
        fit.epoch_progress.current.completed = fit.epoch_progress.current.processed = self._data.epoch

    @contextmanager
    def _running(self, stage: RunningStage) -> Iterator[None]:
        """The Trainer at a stage of a fit, without its callbacks."""
        with replaced(self.trainer, callbacks=[]), replaced(self.trainer.state, stage=stage):
            self._count()
            yield


def _unlogged(module: lightning.LightningModule) -> AbstractContextManager[None]:
    """A module whose `log` does nothing."""
    return replaced(module, log=lambda *values, **options: None)


def _arguments(step: Any, batch: Any, index: int, loader: int | None) -> list[Any]:
    """The arguments of a step, which may leave out the numbers of the batch and the loader."""
    if is_param_in_hook_signature(step, "dataloader_iter", explicit=True):
        raise JobError("a step takes dataloader_iter, and reads the loader itself: a job gives it batches")
    if loader is not None and not is_param_in_hook_signature(step, "dataloader_idx"):
        raise JobError("there are several validation loaders: let validation_step take dataloader_idx=0 too")
    arguments = [batch]
    if is_param_in_hook_signature(step, "batch_idx", min_args=2):
        arguments.append(index)
    return [*arguments, loader] if loader is not None else arguments
