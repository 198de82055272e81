"""The common part of the jobs of torch trainings: an update, a validation, an average of the weights, a state."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Real
from typing import Any, ClassVar

import torch
from torch.optim import Optimizer

from glideslope.documents import check_kind
from glideslope.errors import JobError
from glideslope.frameworks.torch.job import randomness
from glideslope.frameworks.torch.job.averaging import STATISTICS, Average, as_evaluated, measure_statistics
from glideslope.frameworks.torch.job.batch import examples
from glideslope.frameworks.torch.job.contents import Contents
from glideslope.frameworks.torch.job.epochs import Epochs
from glideslope.frameworks.torch.job.loader import Position, batches_in
from glideslope.frameworks.torch.job.rates import Rates, check_controls, parameters, switches

_MOST_SKIPPED = 32  # updates in a row that a gradient scaler may skip, each of other batches


class AbstractJob(ABC):
    """The job of a torch training, whatever makes its updates. The model is the network without what wraps it; all
    optimizers make each update; `generators` are those besides the global ones that the training draws from; `losses`
    that are modules may have parameters and buffers; `accumulate` batches make an update; `batch` is the examples in a
    batch over all `processes`, None where that isn't known; above `memory` bytes `state()` is a temporary file."""

    _counts: ClassVar[tuple[str, ...]] = ()  # attributes with plain data that a state has besides

    def __init__(
        self,
        model: torch.nn.Module,
        optimizers: Sequence[Optimizer],
        data: Position | Epochs,
        generators: list[randomness.Source],
        *,
        losses: Sequence[Any] = (),
        scaler: torch.amp.GradScaler | None = None,
        accumulate: int,
        batch: int | None,
        processes: int = 1,
        maximize: bool,
        memory: int,
    ) -> None:
        check_kind(JobError, bool, "True or False", maximize=maximize)
        check_kind(JobError, Real, "a number of bytes", memory=memory)
        self.model, self.accumulate, self.maximize, self.memory = model, accumulate, maximize, memory
        self._optimizers, self._batch, self._generators = optimizers, batch, generators
        self._data = data
        self._switching: list[Any] = [each for each in optimizers if switches(each)]
        for each in self._switching:
            each.train()  # a schedule-free one
        self._rates = Rates(optimizers)
        self._contents = Contents(model, optimizers, losses, scaler, data, generators)
        self._average: Average | None = None
        self._examples = accumulate * batch // processes if batch else 1  # of an update, on this process

    @property
    def controls(self) -> frozenset[str]:
        """The controls of `step` besides the rate: momentum (or Adam's first beta), weight decay, the batch size."""
        return self._rates.controls | ({"batch_size"} if self._batch else frozenset())

    def step(self, lr: float, **controls: float) -> torch.Tensor:
        """Makes one update.

        Args:
            lr: the rate.
            controls: momentum, weight_decay; batch_size, the examples: a multiple of the loader's batch, whose
                gradients are averaged.

        Returns:
            The training loss of the update, a scalar left on its device; the sum of the losses where there are several.

        Raises:
            JobError: a control isn't one of `controls`, a batch has no loss, or the gradient scaler skipped many
                updates in a row.
        """
        batches = self.accumulate
        if controls:
            check_controls(controls, self.controls)
            batches = self.batches_in(controls["batch_size"]) if "batch_size" in controls else batches
            self._rates.set_controls(controls)
        self._rates.set(lr)
        for _ in range(_MOST_SKIPPED):
            loss, is_made = self._update(batches)
            if is_made and self._average is not None:
                self._average.add(self.model)
            if is_made or not math.isfinite(loss.item()):  # no smaller scale would make a loss finite
                return loss
        raise JobError(f"the gradient scaler skipped {_MOST_SKIPPED} updates in a row: the gradients are never finite")

    def skip(self) -> None:
        """Passes the batches of an update by, without the update."""
        self._draw(self.accumulate)

    def average(self, kind: str, amount: float) -> None:
        """Begins to average the weights: after each update from here on.

        Args:
            kind: "ema", an exponential average, or "swa", the plain mean.
            amount: the decay of "ema" at each update.
        """
        self._average = Average(self.model, kind, amount)

    def evaluate(self) -> float:
        """The mean loss over the validation data, or the metric, in evaluation mode; the training isn't changed.

        Raises:
            JobError: the validation doesn't measure it.
        """
        return self._measured(math.inf, averaged=False)

    def estimate(self, updates: float) -> float:
        """The same over examples spread evenly over the validation data, for about the cost of `updates` updates, each
        of three forward passes of a batch: over about 512 at least, or all where a part of the data can't be chosen."""
        return self._measured(updates, averaged=False)

    def evaluate_average(self, updates: float = math.inf) -> float:
        """The validation loss or metric of the averaged weights, or of the weights where none are averaged; in full, or
        for the cost of so many updates, as `estimate`. Statistics of batch normalization are measured anew, on part of
        the training data."""
        return self._measured(updates, averaged=True)

    def measured_state(self) -> dict[str, Any]:
        """The state dictionary of the model whose loss is measured: that of averaged weights where there are, and of
        the weights that a schedule-free optimizer evaluates."""
        if self._average is not None:
            return dict(self._average.model.state_dict())
        if not self._switching:
            return dict(self.model.state_dict())
        with self._evaluated(averaged=False):
            return copy.deepcopy(dict(self.model.state_dict()))

    def state(self) -> dict[str, Any]:
        """A snapshot of all that the next step depends on; tensors and plain data, so `torch.save` can store it."""
        return {
            **self._contents.save(self._average, self.memory),
            **{name: getattr(self, name) for name in self._counts},
        }

    def restore(self, state: Any) -> None:
        """Goes back to exactly where `state` was taken; raises JobError if it isn't a state of such a job."""
        self._contents.check(state, self._counts)
        self._average = None  # so that its weights leave the device before others come
        self._average = self._contents.load(state)
        if not self._batch:
            self._examples = 1
        for name in self._counts:
            setattr(self, name, state[name])
        for parameter in parameters(self._optimizers):
            parameter.grad = None

    def reseed(self, seed: int) -> None:
        """Seeds every generator anew and begins a new epoch: other data order, dropout and augmentation."""
        randomness.reseed(seed, self._generators)
        self._data.reseed(seed)

    def peaks(self, lr: float) -> list[float]:
        """The rate of each optimizer, its fastest group's, in an update at rate `lr`."""
        return self._rates.peaks(lr)

    def batches_in(self, examples: float) -> int:
        """How many of the loader's batches make up one of so many examples; raises JobError if no whole number does."""
        return batches_in(examples, self._batch)

    def _sized_by(self, batch: Any) -> None:
        """Sizes estimates by a batch of the last update, where the loader doesn't say how large one is."""
        if not self._batch:
            self._examples = self.accumulate * examples(batch)

    def _measured(self, updates: float, averaged: bool) -> float:
        with self._evaluated(averaged):
            value = self._validate(3 * updates * self._examples)
        return -value if self.maximize else value

    @contextmanager
    def _evaluated(self, averaged: bool) -> Iterator[None]:
        """The model in evaluation mode, with the weights that are measured; then the training exactly as it was."""
        average = self._average if averaged else None
        switching = () if average else self._switching
        with (
            randomness.kept(self._generators),
            torch.no_grad(),
            as_evaluated(self.model, switching, average) as has_others,
        ):
            if has_others:
                measure_statistics(self.model, self._data.sample(STATISTICS), self._forward)
            self.model.eval()
            yield

    @abstractmethod
    def _update(self, batches: int) -> tuple[torch.Tensor, bool]:
        """Attempts an update of so many batches; returns its loss, and whether the optimizers made it."""

    @abstractmethod
    def _draw(self, batches: int) -> Any:
        """Takes the batches of an update."""

    @abstractmethod
    def _validate(self, examples: float) -> float:
        """Measures the model as it is, on about so many examples of this process."""

    @abstractmethod
    def _forward(self, batch: Any) -> Any:
        """One forward pass of the model on a training batch, for the statistics of batch normalization."""
