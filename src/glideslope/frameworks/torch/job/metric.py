"""The measurement of a validation: the loss, or a metric that is minimised or maximised in its place."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from glideslope.documents import shown
from glideslope.errors import JobError
from glideslope.frameworks.torch.job.batch import examples, one_number, units, weighed
from glideslope.frameworks.torch.job.objective import LossOfOutputs, Objective, function, pair

Reading = Callable[[torch.nn.Module, Any], tuple[Any, Any]]  # the two arguments of a metric, from a model and a batch


class Mean:
    """The mean of a loss or a metric over all units of all batches: `over` gives the sum over the units of a batch, and
    their number. The sum is in double precision, which Apple's devices lack."""

    def __init__(
        self, name: str, over: Callable[[torch.nn.Module, Any], tuple[Any, Any]], device: torch.device
    ) -> None:
        self.name, self.over = name, over
        dtype = torch.float32 if device.type == "mps" else torch.float64
        self.total: Any = torch.zeros((), device=device, dtype=dtype)
        self.units: Any = 0

    def add(self, model: torch.nn.Module, batch: Any) -> None:
        """Measures a batch."""
        total, units = self.over(model, batch)
        self.total += total
        self.units += units

    def value(self) -> float:
        """The mean. Raises a JobError if it is over no units."""
        if not float(self.units):
            raise JobError(f"the validation {self.name} is over no units at all: every target is ignored")
        return float(self.total) / float(self.units)


class Accumulated:
    """A copy of a metric with `update`, which takes what `reading` gives, and `compute`; on a device if it can."""

    def __init__(self, metric: Any, reading: Reading, device: torch.device) -> None:
        self.metric, self.reading = copy.deepcopy(metric), reading
        if callable(getattr(self.metric, "to", None)):
            self.metric = self.metric.to(device)
        if callable(getattr(self.metric, "reset", None)):
            self.metric.reset()

    def add(self, model: torch.nn.Module, batch: Any) -> None:
        self.metric.update(*self.reading(model, batch))

    def value(self) -> float:
        return computed(self.metric)


def computed(metric: Any) -> float:
    """What a metric computes. Raises a JobError unless that is one number."""
    advice = "a metric of one number, such as one with average='macro'"
    return float(one_number(metric.compute(), f"{type(metric).__name__}.compute()", advice))


Measure = Mean | Accumulated  # a measurement over batches, made anew for each evaluation


def measurement(
    metric: Any, objective: Objective | None, predict: Reading | None, weight: Callable[[Any], Any] | None,
    device: torch.device, maximize: bool,
) -> Callable[[], Measure]:  # fmt: skip
    """A function that begins the measurement of an evaluation: of a metric, or where it is None of the loss, by the
    objective, None of several losses. `predict` gives (outputs, targets) from a model and a batch; `weight` the number
    of units that a mean is over, from the targets, or the batch where there are none. Raises a JobError if there is
    nothing to measure, or it can't be measured."""
    if metric is None:
        if maximize:
            raise JobError("maximize=True without a metric would maximise the loss: give metric=")
        if objective is None:
            raise JobError("batch_loss is a list of losses: give metric=, what a validation measures")
        return lambda: Mean("loss", lambda model, batch: objective(model, batch).over(), device)
    of_outputs = objective.outputs if isinstance(objective, LossOfOutputs) else None
    reading = of_outputs if predict is None else _pairs(function("predict", predict))
    accumulates = callable(getattr(metric, "update", None)) and callable(getattr(metric, "compute", None))
    if isinstance(metric, type) or not (accumulates or callable(metric)):
        raise JobError(f"metric={shown(metric)}: give a function, or an object with update and compute")
    if accumulates:
        if reading is None:
            raise JobError(
                f"the metric {type(metric).__name__} is updated with outputs and targets, and batch_loss "
                "gives none: give predict=lambda model, batch: (outputs, targets)"
            )
        return lambda: Accumulated(metric, reading, device)
    if reading is None:
        over = partial(_over, metric, lambda model, batch: (model, batch), partial(weighed, weight or examples))
    else:
        over = partial(_over, metric, reading, lambda targets: units(metric, targets, weight))
    return lambda: Mean("metric", over, device)


def _pairs(predict: Reading) -> Reading:
    """The same function, which raises a JobError where it doesn't give a pair."""

    def reading(model: torch.nn.Module, batch: Any) -> tuple[Any, Any]:
        pair = predict(model, batch)
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise JobError(f"predict gave {shown(pair, 80)}: give (outputs, targets)")
        return pair[0], pair[1]

    return reading


def _over(
    metric: Callable[[Any, Any], Any], reading: Reading, count: Callable[[Any], Any], model: torch.nn.Module, batch: Any
) -> tuple[Any, Any]:
    """The sum of a metric over the units of a batch, and their number: the metric gives it, or a mean over `count`."""
    arguments = reading(model, batch)
    value = metric(*arguments)
    if isinstance(value, tuple):
        return pair((*map(_tensor, value[:1]), *value[1:]), "the metric").over()
    value, size = _tensor(value), count(arguments[1])
    return (value * size if float(size) else torch.zeros(())), size


def _tensor(value: Any) -> torch.Tensor:
    return torch.as_tensor(one_number(value, "the metric"))
