"""The training of a Hugging Face Trainer, for a search to drive."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from numbers import Real
from typing import Any

import torch
from torch.utils.data import Subset
from transformers import Trainer, TrainerCallback

from glideslope.documents import check_kind, shown
from glideslope.errors import JobError
from glideslope.frameworks.estimates import evenly, fewest
from glideslope.frameworks.naming import PreparedError, naming
from glideslope.frameworks.replaced import replaced
from glideslope.frameworks.torch.job import randomness
from glideslope.frameworks.torch.job.abstract_job import AbstractJob
from glideslope.frameworks.torch.job.batch import one_number
from glideslope.frameworks.torch.job.epochs import Epochs
from glideslope.frameworks.torch.job.job_state import MEMORY
from glideslope.frameworks.torch.job.loader import batch_size
from glideslope.frameworks.torch.job.loader_checks import length
from glideslope.frameworks.torch.job.objective import differentiable, scalar
from glideslope.frameworks.torch.job.rates import check_trained


class Job(AbstractJob):
    """The training of a Hugging Face Trainer as it stands.

    The Trainer prepares the training and computes each loss: its model (a PEFT model too), optimizer and parameter
    groups, collator, precision, label smoothing and `compute_loss` are used, and its accumulation and clipping. Only
    its schedule isn't, since `step` sets the rate; nor are its callbacks, logs and checkpoints. The validation loss is
    the Trainer's `eval_loss`; or its `metric_for_best_model`, whose negative is returned if `greater_is_better`.

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

    _counts = ("progress",)
    _data: Epochs

    def __init__(self, trainer: Trainer, *, memory: int = MEMORY) -> None:
        _check(trainer)
        self.trainer = trainer
        loader, arguments = _prepared(trainer), trainer.args
        model: Any = trainer.model
        optimizer: Any = trainer.optimizer
        self.optimizer: torch.optim.Optimizer = getattr(optimizer, "optimizer", optimizer)
        generators = randomness.sources(
            *model.modules(), loader, trainer.data_collator, trainer.compute_loss_func, trainer.compute_metrics,
            [value for value in vars(trainer).values() if isinstance(value, randomness.Source)],
        )  # fmt: skip
        self._parts: dict[int, Any] = {}
        super().__init__(
            model, [self.optimizer], Epochs(loader, generators), generators, scaler=trainer.accelerator.scaler,
            accumulate=arguments.gradient_accumulation_steps, batch=batch_size(loader), processes=arguments.world_size,
            maximize=bool(arguments.metric_for_best_model and arguments.greater_is_better), memory=memory,
        )  # fmt: skip
        check_trained(model, [self.optimizer])

    @property
    def progress(self) -> list[Any]:
        """The Trainer's count of updates, and its epoch."""
        return [self.trainer.state.global_step, self.trainer.state.epoch]

    @progress.setter
    def progress(self, progress: list[Any]) -> None:
        self.trainer.state.global_step, self.trainer.state.epoch = progress

    def _validate(self, examples: float) -> float:
        trainer: Any = self.trainer
        log = list(trainer.state.log_history)
        with (
            replaced(trainer.callback_handler, callbacks=[]),
            replaced(trainer.args, logging_nan_inf_filter=False),  # which leaves out losses that aren't finite
            replaced(trainer.state, log_history=log),
            _checked(trainer),
            naming("the Trainer's evaluate"),
        ):
            measured = _names(trainer.evaluate(self._part(examples * trainer.args.world_size)), "evaluate")
        name = f"eval_{(trainer.args.metric_for_best_model or 'loss').removeprefix('eval_')}"
        if name not in measured:
            raise JobError(
                f"the Trainer's evaluation has no {name}, but {', '.join(sorted(measured))}: give data with "
                "labels, or name one of these by metric_for_best_model= in TrainingArguments"
            )
        return float(one_number(measured[name], name, "one number"))

    def _part(self, examples: float) -> Any:
        """The evaluation data, evenly spread, with about so many examples; None for all of them."""
        data: Any = self.trainer.eval_dataset
        if math.isinf(examples) or isinstance(data, dict) or _overrides(self.trainer, "get_eval_dataloader"):
            return None
        wanted, size = fewest(examples), len(data) if hasattr(data, "__len__") and hasattr(data, "__getitem__") else 0
        if wanted < size and wanted not in self._parts:
            places = evenly(wanted, size)
            self._parts[wanted] = data.select(places) if hasattr(data, "select") else Subset(data, places)
        return self._parts.get(wanted)

    def _forward(self, batch: Any) -> Any:
        with self.trainer.compute_loss_context_manager():
            return self.trainer.compute_loss(self.model, self.trainer._prepare_inputs(batch))

    def _draw(self, batches: int) -> tuple[list[Any], Any]:
        """Takes the batches of an update, fewer at the end of an epoch; and the items that their loss is over."""
        check = partial(_names, function="the data collator", what="the model's arguments")
        data = self._data if _overrides(self.trainer, "compute_loss") else map(check, self._data)
        for _ in range(2):
            drawn, items = self.trainer.get_batch_samples(data, batches, self.trainer.args.device)
            if drawn:
                break
            self._data.end()
        return drawn, items

    def _update(self, batches: int) -> tuple[torch.Tensor, bool]:
        """Attempts an update as the Trainer's loop does."""
        trainer, accelerator = self.trainer, self.trainer.accelerator
        model: Any = trainer.model_wrapped
        drawn, items = self._draw(batches)
        trainer.current_gradient_accumulation_steps = len(drawn)
        total = torch.zeros((), device=trainer.args.device)
        for i, batch in enumerate(drawn):
            last = i == len(drawn) - 1
            accelerator.gradient_state._set_sync_gradients(last)
            with nullcontext() if last else accelerator.no_sync(model), _checked(trainer):
                total += one_number(trainer.training_step(model, batch, items), "training_step", "the loss, one number")
        if trainer.args.max_grad_norm > 0:
            accelerator.clip_grad_norm_(model.parameters(), trainer.args.max_grad_norm)
        trainer.optimizer.step()  # type: ignore[union-attr]
        model.zero_grad()
        trainer.state.global_step += 1
        trainer.state.epoch = self._data.epoch + self._data.share
        self._sized_by(drawn[0])
        loss = accelerator.reduce(total, "mean") if accelerator.num_processes > 1 else total
        return loss, not accelerator.optimizer_step_was_skipped


class _Stop(TrainerCallback):
    """Stops a Trainer before its first update, and keeps its training loader."""

    loader: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        self.loader = objects["train_dataloader"]
        raise PreparedError


def _prepared(trainer: Trainer) -> Any:
    """Runs a Trainer's `train()` up to the first update; returns its training loader."""
    stop = _Stop()
    with replaced(trainer.callback_handler, callbacks=[stop]), _checked(trainer), naming("the Trainer's train"):
        try:
            trainer.train()
        except PreparedError:
            return stop.loader
    raise JobError(f"{type(trainer).__name__}.train() calls no on_train_begin: it has a loop of its own")


def _check(trainer: Any) -> None:
    """Raises for what isn't a Trainer, or is one whose training can't be driven."""
    check_kind(JobError, Trainer, "a transformers.Trainer", trainer=trainer)
    for name in ("train_dataset", "eval_dataset"):
        data, made = getattr(trainer, name), _overrides(trainer, f"get_{name.removesuffix('_dataset')}_dataloader")
        if not made and (data is None or length(data) == 0):
            lacking = "has no" if data is None else "has an empty"
            raise JobError(f"the Trainer {lacking} {name}: a job trains on the one and is measured on the other")
    check_kind(JobError, Real, "a number, 0 for none", max_grad_norm=trainer.args.max_grad_norm)
    functions = {name: getattr(trainer, name) for name in ("compute_loss_func", "compute_metrics", "data_collator")}
    check_kind(JobError, Callable | None, "a function", **functions)
    engines = {
        "DeepSpeed": trainer.is_deepspeed_enabled,
        "FSDP": trainer.is_fsdp_enabled,
        "DataParallel over several GPUs": trainer.args.n_gpu > 1,
    }
    if used := [engine for engine, is_used in engines.items() if is_used]:
        raise JobError(
            f"the Trainer uses {used[0]}, whose training state a job can't restore: use one GPU, or start a "
            "process for each with torchrun"
        )
    if "lomo" in str(trainer.args.optim).lower():
        raise JobError("the Trainer's optimizer is LOMO, which updates in the backward pass: choose another optim=")


def _overrides(trainer: Trainer, method: str) -> bool:
    """Whether a subclass has a method of its own."""
    return getattr(type(trainer), method) is not getattr(Trainer, method)


def _checked(trainer: Any) -> AbstractContextManager[None]:
    """A Trainer whose functions raise a JobError where they return something else than they should."""
    is_own = _overrides(trainer, "compute_loss")
    name, need = ("compute_loss", "") if is_own else ("the model", ", for which the data need labels")

    def loss(given: Any, arguments: Any, options: dict[str, Any]) -> Any:
        if not (arguments[2] if len(arguments) > 2 else options.get("return_outputs")):
            trains = torch.is_grad_enabled()  # an evaluation has the mean of what a Trainer of the user's may give
            return differentiable(scalar(given, name, f"the mean loss{need}")) if trains else given
        if isinstance(given, tuple | list) and len(given) == 2 and isinstance(given[0], torch.Tensor):
            return given
        raise JobError(f"{name} gave {shown(given, 80)} in the evaluation: give (loss, outputs) if return_outputs=True")

    def optimizer(given: Any, *_: Any) -> Any:
        if hasattr(trainer.optimizer, "param_groups"):
            return given
        raise JobError(
            f"the Trainer's optimizer is {shown(trainer.optimizer, 80)}: give it a torch optimizer, or let "
            "create_optimizer set self.optimizer"
        )

    checks = {
        "compute_loss": loss,
        "create_optimizer": optimizer,
        "compute_loss_func": lambda given, *_: scalar(given, "compute_loss_func", "the mean loss"),
        "compute_metrics": lambda given, _, options: (
            given if options.get("compute_result") is False else _names(given, "compute_metrics")  # of a batch, or all
        ),
    }
    return replaced(trainer, **{each: _checking(getattr(trainer, each), check) for each, check in checks.items()})


def _checking(function: Any, check: Callable[[Any, Any, dict[str, Any]], Any]) -> Any:
    """A function with a check of what it returns, which gets its arguments too; None for none."""
    return function and (lambda *arguments, **options: check(function(*arguments, **options), arguments, options))


def _names(given: Any, function: str, what: str = "numbers, such as {'accuracy': 0.5}") -> Any:
    """What a function gave. Raises a JobError unless that is values by their names."""
    if isinstance(given, Mapping) and all(isinstance(name, str) for name in given):
        return given
    raise JobError(f"{function} gave {shown(given, 80)}: give a dict of {what}")
