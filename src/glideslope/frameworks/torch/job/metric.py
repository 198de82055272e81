"""The measurement of a validation: the loss, or a metric that is minimised or maximised in its place."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Protocol

import torch

from glideslope.errors import JobError
from glideslope.frameworks.torch.job.batch import examples, units
from glideslope.frameworks.torch.job.objective import LossOfOutputs, Objective, pair

Reading = Callable[[torch.nn.Module, Any], tuple[Any, Any]]
"""The two arguments of a metric, from a model and a batch."""


class Measure(Protocol):
    """A measurement over batches, made anew for each evaluation."""

    def add(self, model: torch.nn.Module, batch: Any) -> None:
        """Measures a batch."""

    def value(self) -> float:
        """The measurement over all batches."""


class MeanLoss:
    """The mean loss over all units of all batches; sums are kept on a device."""

    def __init__(self, objective: Objective, device: torch.device) -> None:
        self.objective = objective
        self.mean = Mean("loss", device)

    def add(self, model: torch.nn.Module, batch: Any) -> None:
        self.mean.add(*self.objective(model, batch).over())

    def value(self) -> float:
        return self.mean.value()


class MeanMetric:
    """The mean of a metric over all units of all batches.

    Args:
        metric: a function that returns the mean over a batch, or a pair (sum, count).
        reading: its arguments.
        count: the number of units that a mean is over, from its arguments.
        device: where sums are kept.
    """

    def __init__(
        self, metric: Callable[[Any, Any], Any], reading: Reading, count: Callable[[Any], Any], device: torch.device
    ) -> None:
        self.metric, self.reading, self.count = metric, reading, count
        self.mean = Mean("metric", device)

    def add(self, model: torch.nn.Module, batch: Any) -> None:
        arguments = self.reading(model, batch)
        value = self.metric(*arguments)
        if isinstance(value, tuple):
            if len(value) == 2:
                value = (torch.as_tensor(value[0]), value[1])
            measured = pair(value, "the metric")
            self.mean.add(*measured.over())
            return
        value = torch.as_tensor(value)
        if value.numel() != 1:
            raise JobError(f"the metric gave shape {tuple(value.shape)}: give a mean, or a pair (sum, count)")
        size = self.count(arguments[1])
        self.mean.add(value * size if float(size) else torch.zeros(()), size)

    def value(self) -> float:
        return self.mean.value()


class Accumulated:
    """A copy of a metric with `update`, which takes what `reading` gives, and `compute`, such as torchmetrics has; on a
    device if it has a method `to`."""

    def __init__(self, metric: Any, reading: Reading, device: torch.device) -> None:
        self.metric, self.reading = copy.deepcopy(metric), reading
        if callable(getattr(self.metric, "to", None)):
            self.metric = self.metric.to(device)
        if callable(getattr(self.metric, "reset", None)):
            self.metric.reset()

    def add(self, model: torch.nn.Module, batch: Any) -> None:
        self.metric.update(*self.reading(model, batch))

    def value(self) -> float:
        value = self.metric.compute()
        try:
            return float(value)
        except (TypeError, ValueError, RuntimeError):
            shown = tuple(value.shape) if isinstance(value, torch.Tensor) else repr(value)
            raise JobError(
                f"the metric's compute() gave {shown}, where one number is compared: give a metric of one number, such "
                "as one with average='macro'"
            ) from None


class Mean:
    """A mean over units of what has a name, for messages; the sum is in double precision, which Apple's devices
    lack."""

    def __init__(self, name: str, device: torch.device) -> None:
        self.name = name
        dtype = torch.float32 if device.type == "mps" else torch.float64
        self.total: Any = torch.zeros((), device=device, dtype=dtype)
        self.units: Any = 0

    def add(self, total: torch.Tensor, units: Any) -> None:
        """Adds a sum over so many units."""
        self.total += total
        self.units += units

    def value(self) -> float:
        """The mean. Raises a JobError if it is over no units."""
        if not float(self.units):
            raise JobError(f"the validation {self.name} is over no units at all: every target is ignored")
        return float(self.total) / float(self.units)


def measurement(
    metric: Any,
    objective: Objective | None,
    predict: Reading | None,
    weight: Callable[[Any], Any] | None,
    device: torch.device,
    maximize: bool,
) -> Callable[[], Measure]:
    """A function that begins the measurement of an evaluation.

    Args:
        metric: a function, or something with `update` and `compute`; None measures the loss.
        objective: the loss function; None where there are several.
        predict: (outputs, targets) from a model and a batch.
        weight: the number of units that a mean is over, from the targets, or the batch where there are none.
        device: of the model.
        maximize: whether a larger metric is better.

    Raises:
        JobError: there is nothing to measure, or it can't be measured of what there is.
    """
    if metric is None:
        if maximize:
            raise JobError("maximize=True without a metric would maximise the loss: give metric=")
        if objective is None:
            raise JobError("batch_loss is a list of losses: give metric=, what a validation measures")
        return lambda: MeanLoss(objective, device)
    reading = predict or (objective.outputs if isinstance(objective, LossOfOutputs) else None)
    if callable(getattr(metric, "update", None)) and callable(getattr(metric, "compute", None)):
        if reading is None:
            raise JobError(
                f"the metric {type(metric).__name__} is updated with outputs and targets, and batch_loss gives none: "
                "give predict=lambda model, batch: (outputs, targets)"
            )
        return lambda: Accumulated(metric, reading, device)
    if not callable(metric):
        raise JobError(f"metric={metric!r}: give a function, or an object with update and compute")
    if reading is None:
        return lambda: MeanMetric(metric, lambda model, batch: (model, batch), weight or examples, device)
    return lambda: MeanMetric(metric, reading, lambda targets: units(metric, targets, weight), device)
