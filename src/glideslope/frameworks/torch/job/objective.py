"""The loss of a batch: of the model's outputs and targets, or of the model and the batch."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch

from glideslope.documents import shown
from glideslope.errors import JobError
from glideslope.frameworks.torch.job.batch import examples, one_number, split, units, weighed
from glideslope.plural import plural

Loss = Callable[[Any, Any], Any]
"""Of outputs and targets, or of a model and a batch: the mean, or a pair (sum, count)."""


class BatchLoss(NamedTuple):
    """The loss of a batch."""

    mean: torch.Tensor  # the loss to differentiate
    counted: Callable[[], Any]
    """Returns the number of units that the mean is over; a count on a device is read only when needed."""
    sum: torch.Tensor | None = None  # the sum over these units, where the loss function gave it

    def over(self) -> tuple[torch.Tensor, Any]:
        """The sum over its units, 0 of none, of which the mean is NaN; and their number."""
        units = self.counted()
        if self.sum is not None:
            return self.sum, units
        return torch.where(torch.as_tensor(units, device=self.mean.device) > 0, self.mean * units, 0.0), units


class LossOfOutputs:
    """`loss(outputs, targets)`, a mean or a pair (sum, count), where a batch has inputs and targets; `weight` of the
    targets is the number of units that a mean is over."""

    def __init__(self, loss: Callable[[Any, Any], Any], weight: Callable[[Any], Any] | None) -> None:
        self.loss, self.weight = loss, weight

    def __call__(self, model: torch.nn.Module, batch: Any) -> BatchLoss:
        outputs, targets = self.outputs(model, batch)
        loss = self.loss(outputs, targets)
        if isinstance(loss, tuple):
            return pair(loss, "the loss")
        loss, count = scalar(loss, "the loss"), partial(units, self.loss, targets, self.weight)
        is_sum = getattr(self.loss, "reduction", "mean") == "sum"
        return BatchLoss(loss, count, loss if is_sum else None)

    def mean(self, model: torch.nn.Module, batch: Any) -> torch.Tensor:
        """The mean alone, which most updates need."""
        loss = self.loss(*self.outputs(model, batch))
        return pair(loss, "the loss").mean if isinstance(loss, tuple) else scalar(loss, "the loss")

    def outputs(self, model: torch.nn.Module, batch: Any) -> tuple[Any, Any]:
        """The model's outputs, and the targets. Raises a JobError if the model gives nothing, a number or a text."""
        arguments, keywords, targets = split(batch)
        outputs = model(*arguments, **keywords)
        if outputs is None or isinstance(outputs, (int, float, str)):
            raise JobError(f"the model gave {shown(outputs)}: let its forward return the outputs that the loss takes")
        return outputs, targets

    def forward(self, model: torch.nn.Module, batch: Any) -> Any:
        """One forward pass, for the statistics of batch normalization."""
        return self.outputs(model, batch)[0]

    def examples(self, batch: Any) -> int:
        return examples(split(batch)[2])


class LossOfBatch:
    """`batch_loss(model, batch)`, a mean or a pair (sum, count), for every other batch, model and loss; `weight` of the
    batch is the number of units that a mean is over, its examples if not given."""

    def __init__(self, batch_loss: Callable[[Any, Any], Any], weight: Callable[[Any], Any] | None) -> None:
        self.loss, self.weight = batch_loss, weight

    def __call__(self, model: torch.nn.Module, batch: Any) -> BatchLoss:
        loss = self.loss(model, batch)
        if isinstance(loss, tuple):
            return pair(loss, "batch_loss")
        return BatchLoss(scalar(loss, "batch_loss"), partial(weighed, self.weight or examples, batch))

    def mean(self, model: torch.nn.Module, batch: Any) -> torch.Tensor:
        """The mean alone, which most updates need."""
        loss = self.loss(model, batch)
        return pair(loss, "batch_loss").mean if isinstance(loss, tuple) else scalar(loss, "batch_loss")

    def forward(self, model: torch.nn.Module, batch: Any) -> Any:
        return self.loss(model, batch)

    def examples(self, batch: Any) -> int:
        return examples(batch)


Objective = LossOfOutputs | LossOfBatch  # a loss function of a model and a batch on the model's device


def pair(values: tuple[Any, ...], name: str) -> BatchLoss:
    """The loss given as (sum, count). Raises a JobError if it isn't a pair of two numbers."""
    if len(values) != 2:
        raise JobError(f"{name} gave {plural(len(values), 'value')}: give a mean, or a pair (sum, count)")
    total, second = scalar(values[0], name), f"{name}, as the second of a pair,"
    count = one_number(values[1], second)
    fits = not count.requires_grad if isinstance(count, torch.Tensor) else 0 <= count < math.inf
    if not fits:
        raise JobError(f"{second} gave {shown(count)}: give the number of units in the sum, without a gradient")
    return BatchLoss(total / count, lambda: count, total)


def scalar(value: Any, name: str, advice: str = "the mean over the batch, or a pair (sum, count)") -> torch.Tensor:
    """The value, if it is one number in a tensor. Raises a JobError if it is something else."""
    if isinstance(value, torch.Tensor) and value.numel() == 1 and not value.is_complex():
        return value.reshape(()) if value.dim() else value
    if isinstance(value, torch.Tensor) and value.is_complex():
        raise JobError(f"{name} is complex, and only a real number can be minimised: take its .abs() or .real")
    shown = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
    raise JobError(f"{name} gave {shown}: give a tensor with one number, {advice}")


def differentiable(loss: torch.Tensor) -> torch.Tensor:
    """The loss of a training batch. Raises a JobError if no gradient leads from it to a parameter."""
    if loss.requires_grad:
        return loss
    raise JobError(
        "the training loss has no gradient: it is detached or computed under no_grad, or every parameter "
        "that it depends on is frozen (requires_grad=False)"
    )


def objectives(loss: Any, batch_loss: Any, weight: Callable[[Any], Any] | None, optimizers: int) -> list[Objective]:
    """The loss functions of a job, one or one an optimizer. Raises a JobError for none, both, or another number."""
    if (loss is None) == (batch_loss is None):
        raise JobError("give loss, a function of outputs and targets, or batch_loss, a function of model and batch")
    weight = None if weight is None else function("weight", weight)
    if batch_loss is None:
        return [LossOfOutputs(function("loss", loss), weight)]
    if isinstance(batch_loss, list | tuple) and len(batch_loss) != optimizers:
        raise JobError(
            f"batch_loss is a list of {len(batch_loss)}, and there are {optimizers} optimizers: give one "
            "loss for all, or one for each"
        )
    listed = batch_loss if isinstance(batch_loss, list | tuple) else [batch_loss]
    return [LossOfBatch(function("batch_loss", each), weight) for each in listed]


def function(name: str, given: Any) -> Any:
    """What was given for a function. Raises a JobError for what can't be called, and for a class."""
    if callable(given) and not isinstance(given, type):
        return given
    raise JobError(f"{name}={shown(given)}: give a function, or an object that is called as one")
