"""A Lightning training prepared by its Trainer, up to the first update."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import BaseFinetuning, GradientAccumulationScheduler, StochasticWeightAveraging
from lightning.pytorch.utilities import CombinedLoader

from glideslope.documents import check_kind, shown
from glideslope.errors import JobError
from glideslope.frameworks.naming import PreparedError, naming
from glideslope.frameworks.replaced import replaced
from glideslope.frameworks.torch.job import randomness
from glideslope.frameworks.torch.job.loader_checks import checked_loaders
from glideslope.warning import warn


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
    trainer = _default_trainer() if trainer is None else trainer
    _check(trainer, module, datamodule)
    configure = module.configure_optimizers
    stop, interrupts = _Stop(), signal.getsignal(signal.SIGINT)
    configured = replaced(module, configure_optimizers=lambda: _one_optimizer(configure()))
    with _alone(trainer, [stop]), configured, _before_iteration() as iterations, naming("the Trainer's fit"):
        try:
            trainer.fit(module, train_loader, validation_loader, datamodule=datamodule)
        except PreparedError:
            module.to(trainer.strategy.root_device)  # from where the Trainer's teardown has put it
        except SystemExit as error:
            if isinstance(error.__context__, KeyboardInterrupt):  # after which Lightning ignores more of them
                signal.signal(signal.SIGINT, interrupts or signal.SIG_DFL)
                raise error.__context__ from None
            raise
    if stop.prepared is None:
        raise JobError(
            "the Trainer makes no update: see its max_epochs, max_steps and limit_train_batches, and "
            "whether the training loader has a batch"
        )
    if not stop.prepared.validation_loaders:
        raise JobError(
            "there is no validation: the module needs a validation_step, and the Trainer a validation "
            "loader and limit_val_batches that isn't 0"
        )
    if trainer.lr_scheduler_configs:
        warn(
            "configure_optimizers made a scheduler, which a job doesn't use: the search sets the rates",
            "lightning",
        )
    generators, state = iterations[0]
    randomness.load(state, generators)
    return stop.prepared


def _default_trainer() -> lightning.Trainer:
    log = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    with replaced(log, disabled=True):  # what the devices are is said in a fit
        return lightning.Trainer(
            max_epochs=1000, devices=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False,
        )  # fmt: skip


def _check(trainer: lightning.Trainer, module: Any, datamodule: Any) -> None:
    settings: Any = trainer
    check_kind(JobError, lightning.LightningModule, "a lightning.LightningModule", module=module)
    check_kind(JobError, lightning.Trainer, "a lightning.Trainer", trainer=trainer)
    check_kind(JobError, lightning.LightningDataModule | None, "a lightning.LightningDataModule", datamodule=datamodule)
    if "_modules" not in vars(module):
        raise JobError(f"{type(module).__name__}.__init__ makes no module: let it call super().__init__() first")
    if not module.automatic_optimization:
        raise JobError(
            "the module has automatic_optimization=False, so its training_step makes updates itself: a job "
            "can't set their rate; use automatic optimization, or gs.torch.Job with a list of "
            "optimizers"
        )
    if type(module).optimizer_step is not lightning.LightningModule.optimizer_step:
        raise JobError("the module overrides optimizer_step, in whose place a job makes the updates: remove it")
    if trainer.world_size > 1:
        raise JobError(
            f"the Trainer has {trainer.world_size} processes, and a job one: give Trainer(devices=1), or "
            "use gs.accelerate.Job"
        )
    if settings.fast_dev_run:
        raise JobError("the Trainer has fast_dev_run, by which it trains and validates on few batches: leave it out")
    if settings.reload_dataloaders_every_n_epochs:
        raise JobError("the Trainer has reload_dataloaders_every_n_epochs: a position in such data can't be restored")
    changing = (BaseFinetuning, GradientAccumulationScheduler, StochasticWeightAveraging)
    if names := [type(one).__name__ for one in settings.callbacks if isinstance(one, changing)]:
        warn(f"a job doesn't run the Trainer's callbacks: {', '.join(names)}", "lightning")


def _one_optimizer(configured: Any) -> Any:
    """What configure_optimizers gave. Raises a JobError unless it has one optimizer."""
    is_pair = isinstance(configured, tuple) and configured and isinstance(configured[0], list)
    entries = configured[0] if is_pair else configured
    entries = entries if isinstance(entries, list | tuple) else [entries]
    optimizers = [each.get("optimizer") if isinstance(each, Mapping) else each for each in entries]
    if len(optimizers) == 1 and hasattr(optimizers[0], "param_groups"):
        return configured
    raise JobError(f"configure_optimizers gave {shown(configured, 80)}: give one optimizer, or a dict with 'optimizer'")


class _Stop(lightning.Callback):
    """Stops a fit before its first update, and keeps what it has prepared."""

    prepared: Prepared | None = None

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        loader: Any = trainer.train_dataloader
        loaders: Any = trainer.val_dataloaders
        loaders = [] if loaders is None else list(loaders) if isinstance(loaders, list | tuple) else [loaders]
        for name, each in (("training", loader), *(("validation", each) for each in loaders)):
            if isinstance(each, list | tuple | dict | CombinedLoader):
                raise JobError(
                    f"the {name} loader has parts: give one loader for training, whose batches have all "
                    "parts, and one or a list of them for validation"
                )
            checked_loaders(loader, each)
        numbers = [trainer.num_training_batches, *trainer.num_val_batches]
        most, *each_most = [None if number == float("inf") else int(number) for number in numbers]
        self.prepared = Prepared(trainer, trainer.optimizers[0], loader, most, loaders, each_most)
        raise PreparedError


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
