"""The training of a Hugging Face Trainer, for a search to drive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import Trainer, TrainerCallback

from glideslope.errors import JobError
from glideslope.frameworks.torch import randomness
from glideslope.frameworks.torch.averaging import as_evaluated
from glideslope.frameworks.torch.contents import Contents
from glideslope.frameworks.torch.epochs import Epochs
from glideslope.frameworks.torch.job_state import MEMORY
from glideslope.frameworks.torch.rates import Rates, check_controls, switches, until_made


class Job:
    """The training of a Hugging Face Trainer as it stands.

    The Trainer prepares the training and computes each loss: its model (a PEFT model too), optimizer and parameter
    groups, collator, precision, label smoothing and `compute_loss` are used, and its accumulation and clipping. Only
    its schedule isn't, since `step` sets the rate; nor are its callbacks, logs and checkpoints. The validation loss is
    the Trainer's `eval_loss`; or its `metric_for_best_model`, whose negative is returned if `greater_is_better`.

    The rate of a parameter group is `lr` times the group's initial rate over the largest of all groups.

    Args:
        trainer: a Trainer with a training and an evaluation data set. Its own `train()` makes the same updates, at the
            rates of its own schedule.
        memory: the bytes above which `state()` is a temporary file and not in the CPU's memory; 2 GiB.

    Raises:
        JobError: the Trainer has no evaluation data set, trains nothing, or trains in a way whose state can't be
            restored here (DeepSpeed, FSDP, DataParallel).

    In a job file:

        def job(seed):
            trainer = Trainer(model, TrainingArguments("runs", seed=seed), train_dataset=..., eval_dataset=...)
            return gs.transformers.Job(trainer)
    """

    def __init__(self, trainer: Trainer, *, memory: int = MEMORY) -> None:
        _check(trainer)
        self.trainer, self.memory = trainer, memory
        loader = _prepared(trainer)
        self.model: torch.nn.Module = trainer.model  # type: ignore[assignment]
        optimizer: Any = trainer.optimizer
        self.optimizer: torch.optim.Optimizer = getattr(optimizer, "optimizer", optimizer)
        self._generators = randomness.sources(
            *self.model.modules(), loader, trainer.data_collator, trainer.compute_loss_func, trainer.compute_metrics,
            [value for value in vars(trainer).values() if isinstance(value, randomness.Source)],
        )  # fmt: skip
        self._data = Epochs(loader, self._generators)
        self._rates = Rates([self.optimizer])
        scaler = trainer.accelerator.scaler
        self._contents = Contents(self.model, [self.optimizer], (), scaler, self._data, self._generators)

    @property
    def controls(self) -> frozenset[str]:
        """What `step` can set besides the rate: momentum (or Adam's first beta), and weight decay."""
        return self._rates.controls

    def step(self, lr: float, **controls: float) -> torch.Tensor:
        """Makes one update, of as many batches as the Trainer accumulates.

        Args:
            lr: the rate.
            controls: momentum, weight_decay.

        Returns:
            The training loss, a scalar left on its device.

        Raises:
            JobError: a control isn't one of `controls`, or the gradient scaler skipped many updates.
        """
        check_controls(controls, self.controls)
        self._rates.set(lr, controls)
        return until_made(self._update)

    def skip(self) -> None:
        """Passes the batches of an update by, without the update."""
        self._drawn()

    def evaluate(self) -> float:
        """The Trainer's `eval_loss`, or its metric for the best model, the negative of it if greater is better.

        Raises:
            JobError: the evaluation doesn't measure it.
        """
        arguments = self.trainer.args
        random_state = randomness.save(self._generators)
        switching = [self.optimizer] if switches(self.optimizer) else []
        try:
            with as_evaluated(self.model, switching), _alone(self.trainer):
                measured = self.trainer.evaluate()
        finally:
            randomness.load(random_state, self._generators)
        best = arguments.metric_for_best_model
        name = f"eval_{(best or 'loss').removeprefix('eval_')}"
        if name not in measured:
            raise JobError(
                f"the Trainer's evaluation has no {name}, but {', '.join(sorted(measured))}: give data with labels, or "
                "name one of these by metric_for_best_model= in TrainingArguments"
            )
        return -float(measured[name]) if best and arguments.greater_is_better else float(measured[name])

    def state(self) -> dict[str, Any]:
        """A snapshot of all that the next step depends on; tensors and plain data, so `torch.save` can store it."""
        progress = [self.trainer.state.global_step, self.trainer.state.epoch]
        return {**self._contents.save(None, self.memory), "progress": progress}

    def restore(self, state: Any) -> None:
        """Goes back to exactly where `state` was taken."""
        self._contents.load(state)
        self.trainer.state.global_step, self.trainer.state.epoch = state["progress"]
        self.model.zero_grad()

    def reseed(self, seed: int) -> None:
        """Seeds every generator anew and begins a new epoch: other data order, dropout and augmentation."""
        randomness.reseed(seed, self._generators)
        self._data.reseed(seed)

    def _drawn(self) -> tuple[list[Any], Any]:
        """The batches of an update, fewer at the end of an epoch; and the items that their loss is over."""
        arguments = self.trainer.args
        for _ in range(2):
            batches, items = self.trainer.get_batch_samples(
                self._data, arguments.gradient_accumulation_steps, arguments.device
            )
            if batches:
                break
            self._data.end()
        return batches, items

    def _update(self) -> tuple[torch.Tensor, bool]:
        """Attempts an update as the Trainer's loop does; returns its loss, and whether the optimizer made it."""
        trainer, accelerator = self.trainer, self.trainer.accelerator
        model: Any = trainer.model_wrapped
        batches, items = self._drawn()
        trainer.current_gradient_accumulation_steps = len(batches)
        total = torch.zeros((), device=trainer.args.device)
        for i, batch in enumerate(batches):
            last = i == len(batches) - 1
            accelerator.gradient_state._set_sync_gradients(last)
            if last:
                total += trainer.training_step(model, batch, items)
            else:
                with accelerator.no_sync(model):
                    total += trainer.training_step(model, batch, items)
        if trainer.args.max_grad_norm > 0:
            accelerator.clip_grad_norm_(model.parameters(), trainer.args.max_grad_norm)
        trainer.optimizer.step()  # type: ignore[union-attr]
        model.zero_grad()
        trainer.state.global_step += 1
        trainer.state.epoch = self._data.epoch + self._data.share
        loss = accelerator.reduce(total, "mean") if accelerator.num_processes > 1 else total
        return loss, not accelerator.optimizer_step_was_skipped


class _PreparedError(Exception):
    """The training is prepared: the Trainer's loop goes no further."""


class _Stop(TrainerCallback):
    """Stops a Trainer before its first update, and keeps its training loader."""

    loader: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        self.loader = objects["train_dataloader"]
        raise _PreparedError


def _prepared(trainer: Trainer) -> Any:
    """Has a Trainer prepare its training as `train()` does, up to the first update; returns its training loader."""
    stop, handler = _Stop(), trainer.callback_handler
    callbacks, handler.callbacks = handler.callbacks, [stop]
    try:
        trainer.train()
    except _PreparedError:
        return stop.loader
    finally:
        handler.callbacks = callbacks
    raise JobError(f"{type(trainer).__name__}.train() calls no on_train_begin: it has a loop of its own")


@contextmanager
def _alone(trainer: Trainer) -> Iterator[None]:
    """A Trainer without callbacks and logs, which doesn't leave out losses that aren't finite."""
    handler, arguments, log = trainer.callback_handler, trainer.args, list(trainer.state.log_history)
    callbacks, filtered = handler.callbacks, arguments.logging_nan_inf_filter
    handler.callbacks, arguments.logging_nan_inf_filter = [], False
    try:
        yield
    finally:
        handler.callbacks, arguments.logging_nan_inf_filter = callbacks, filtered
        trainer.state.log_history = log


def _check(trainer: Any) -> None:
    """Raises for what isn't a Trainer, or is one whose training can't be driven."""
    if not isinstance(trainer, Trainer):
        raise JobError(f"gs.transformers.Job was given a {type(trainer).__name__}: give a transformers.Trainer")
    for name in ("train_dataset", "eval_dataset"):
        if getattr(trainer, name) is None and not _overrides(trainer, name):
            raise JobError(f"the Trainer has no {name}: a job trains on the one and is measured on the other")
    for engine, used in (
        ("DeepSpeed", trainer.is_deepspeed_enabled),
        ("FSDP", trainer.is_fsdp_enabled),
        ("DataParallel over several GPUs", trainer.args.n_gpu > 1),
    ):
        if used:
            raise JobError(
                f"the Trainer uses {engine}, whose training state a job can't restore: use one GPU, or start a process "
                "for each with torchrun"
            )
    if "lomo" in str(trainer.args.optim).lower():
        raise JobError("the Trainer's optimizer is LOMO, which updates in the backward pass: choose another optim=")


def _overrides(trainer: Trainer, name: str) -> bool:
    """Whether a subclass makes the loader of a data set itself."""
    method = f"get_{name.removesuffix('_dataset')}_dataloader"
    return getattr(type(trainer), method) is not getattr(Trainer, method)
