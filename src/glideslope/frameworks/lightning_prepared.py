"""A Lightning training prepared by its Trainer, up to the first update."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import BaseFinetuning, GradientAccumulationScheduler, StochasticWeightAveraging
from lightning.pytorch.utilities import CombinedLoader

from glideslope.errors import JobError
from glideslope.frameworks.replaced import replaced
from glideslope.frameworks.torch.job import randomness


@dataclass(frozen=True)
class Prepared:
    """A training before its first update. `train_batches` are the batches of an epoch, None where that isn't known;
    `validation_batches` those of each validation loader that are measured."""

    trainer: Any
    optimizer: torch.optim.Optimizer
    train_loader: Any
    train_batches: int | None
    validation_loaders: list[Any]
    validation_batches: list[int | None]


def prepared(
    trainer: lightning.Trainer | None, module: lightning.LightningModule,
    datamodule: lightning.LightningDataModule | None, train_loader: Any, validation_loader: Any,
) -> Prepared:  # fmt: skip
    """Starts a fit, and stops it before the first update. Raises a JobError if it can't be driven, or makes none."""
    if trainer is None:
        trainer = _default_trainer()
    _check(trainer, module)
    stop = _Stop()
    with _alone(trainer, [stop]), _before_iteration() as iterations:
        try:
            trainer.fit(module, train_loader, validation_loader, datamodule=datamodule)
        except _PreparedError:
            module.to(trainer.strategy.root_device)  # from where the Trainer's teardown has put it
    if stop.prepared is None:
        raise JobError("the Trainer makes no update: see its max_epochs, max_steps and limit_train_batches")
    if not stop.prepared.validation_loaders:
        raise JobError(
            "there is no validation: the module needs a validation_step, and the Trainer a validation loader and "
            "limit_val_batches that isn't 0"
        )
    if trainer.lr_scheduler_configs:
        warnings.warn(
            "configure_optimizers made a scheduler, which a job doesn't use: the search sets the rates", stacklevel=3
        )
    generators, state = iterations[0]
    randomness.load(state, generators)
    return stop.prepared


def _default_trainer() -> lightning.Trainer:
    log = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    level = log.level
    log.setLevel(logging.ERROR)  # what the devices are is said in a fit
    try:
        return lightning.Trainer(
            max_epochs=1000, devices=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False,
        )  # fmt: skip
    finally:
        log.setLevel(level)


def _check(trainer: lightning.Trainer, module: Any) -> None:
    settings: Any = trainer
    if not isinstance(module, lightning.LightningModule):
        raise JobError(f"gs.lightning.Job was given a {type(module).__name__}: give a lightning.LightningModule")
    if not isinstance(trainer, lightning.Trainer):
        raise JobError(f"trainer= is a {type(trainer).__name__}: give a lightning.Trainer")
    if not module.automatic_optimization:
        raise JobError(
            "the module has automatic_optimization=False, so its training_step makes updates itself: a job can't set "
            "their rate; use automatic optimization, or gs.torch.Job with a list of optimizers"
        )
    if type(module).optimizer_step is not lightning.LightningModule.optimizer_step:
        raise JobError("the module overrides optimizer_step, in whose place a job makes the updates: remove it")
    if trainer.world_size > 1:
        raise JobError(
            f"the Trainer has {trainer.world_size} processes, and a job one: give Trainer(devices=1), or use "
            "gs.accelerate.Job"
        )
    if settings.fast_dev_run:
        raise JobError("the Trainer has fast_dev_run, by which it trains and validates on few batches: leave it out")
    if settings.reload_dataloaders_every_n_epochs:
        raise JobError("the Trainer has reload_dataloaders_every_n_epochs: a position in such data can't be restored")
    changing = (BaseFinetuning, GradientAccumulationScheduler, StochasticWeightAveraging)
    if names := [type(one).__name__ for one in settings.callbacks if isinstance(one, changing)]:
        warnings.warn(f"a job doesn't run the Trainer's callbacks: {', '.join(names)}", stacklevel=4)


class _PreparedError(Exception):
    """The training is prepared: the Trainer fits no further."""


class _Stop(lightning.Callback):
    """Stops a fit before its first update, and keeps what it has prepared."""

    prepared: Prepared | None = None

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if len(trainer.optimizers) != 1:
            raise JobError(f"configure_optimizers made {len(trainer.optimizers)} optimizers: a job needs one")
        loader: Any = trainer.train_dataloader
        if isinstance(loader, list | tuple | dict | CombinedLoader):
            raise JobError("there are several training loaders: give a job one, whose batches have all parts")
        loaders: Any = trainer.val_dataloaders
        loaders = [] if loaders is None else list(loaders) if isinstance(loaders, list | tuple) else [loaders]
        self.prepared = Prepared(
            trainer, trainer.optimizers[0], loader, _number(trainer.num_training_batches), loaders,
            [_number(each) for each in trainer.num_val_batches],
        )  # fmt: skip
        raise _PreparedError


def _number(batches: float) -> int | None:
    return int(batches) if batches != float("inf") else None


def _alone(trainer: Any, callbacks: list[Any]) -> AbstractContextManager[None]:
    """A Trainer with other callbacks, without loggers and a sanity check, which validates in the first epoch."""
    every = None if trainer.check_val_every_n_epoch is None else 1
    return replaced(trainer, callbacks=callbacks, loggers=[], num_sanity_val_steps=0, check_val_every_n_epoch=every)


@contextmanager
def _before_iteration() -> Iterator[list[tuple[list[randomness.Source], dict[str, Any]]]]:
    """The generators, and their state, before each time that Lightning begins to iterate over loaders. A fit begins to
    iterate before it says that training starts, and that draws random numbers."""
    states: list[tuple[list[randomness.Source], dict[str, Any]]] = []
    original = CombinedLoader.__iter__

    def watched(self: CombinedLoader) -> Any:
        generators = randomness.sources(*self.flattened)
        states.append((generators, randomness.save(generators)))
        return original(self)

    with replaced(CombinedLoader, __iter__=watched):
        yield states
