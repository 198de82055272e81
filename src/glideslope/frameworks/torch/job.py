"""A torch training that a search may drive."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch.optim import Optimizer

from glideslope.errors import JobError
from glideslope.frameworks.torch import randomness
from glideslope.frameworks.torch.averaging import Average
from glideslope.frameworks.torch.contents import Contents
from glideslope.frameworks.torch.gradient_step import GradientStep, Precision
from glideslope.frameworks.torch.job_state import MEMORY
from glideslope.frameworks.torch.loader import Position, batch_size, batches_in
from glideslope.frameworks.torch.loader_checks import checked_loaders, whole_batches
from glideslope.frameworks.torch.metric import measurement
from glideslope.frameworks.torch.objective import Loss, objectives
from glideslope.frameworks.torch.rates import Rates, check_controls, check_trained, switches, until_made
from glideslope.frameworks.torch.validation import Validation


class Job:
    """A training made from what a torch user has: a model, an optimizer, a loss and two loaders.

    `loss(outputs, targets)` serves batches of inputs and targets: `(inputs, targets)`, or several inputs and then
    targets; a dict or a dataclass whose targets are called labels, label, targets, target or y, the rest being the
    model's arguments by name; and a batch of inputs only, which are the targets too. `batch_loss(model, batch)` serves
    any other batch, model and loss. Either returns a mean over the batch, or a pair `(sum, count)` of a sum and the
    number of units in it, such as tokens that aren't padding.

    The rate of a parameter group is `lr` times the group's initial rate over the largest initial rate of any group
    of any optimizer, times the group's `lr_scale` if it has one: groups keep their proportions.

    The gradient of an update and the validation loss are over all units of all their batches, however these are
    divided. So a mean counts by its units: `weight(targets)` of them, if given; else those that torch's
    CrossEntropyLoss or NLLLoss averages, its `ignore_index` left out; else as many as there are targets, or examples
    with `batch_loss`. A loss function of your own that leaves some out gives a pair, or has a `weight`.

    Args:
        model: the network; a ModuleDict of several.
        optimizer: made over the model's parameters; or a list, whose optimizers all make each update.
        loss: the loss function of outputs and targets.
        train_loader: gives batches, an epoch each time it is iterated, or without end. Its position must be restorable.
        validation_loader: the same, for `evaluate`, which reads it from its beginning.
        batch_loss: in place of `loss`, the loss function of the model and a batch; or a list, one for each optimizer,
            each of which is updated in turn by the gradient of its loss, as a GAN is.
        metric: what a validation measures in place of the loss: a function of (outputs, targets), or of (model, batch)
            with `batch_loss` and no `predict`, which gives a mean or a pair (sum, count); or an object with `update`
            and `compute`, which is copied.
        maximize: whether a larger metric is better: `evaluate` then returns its negative.
        predict: with `batch_loss`, the function of (model, batch) that gives a metric its (outputs, targets).
        clip_norm: the largest norm of the gradient of an update.
        autocast: torch.bfloat16 or torch.float16, the type of torch's autocast; float16 has a gradient scaler.
        accumulate: the training loader's batches in an update.
        device: where to train; where the model's parameters are if not given.
        scaler: a gradient scaler for mixed precision. An update it skips is no update: the next batch is
            taken, but for a loss that isn't finite, which is returned.
        weight: the number of units that the mean loss of a batch is over, from its targets, such as
            `lambda targets: (targets != 0).sum()`; from the batch with `batch_loss`.
        validation_batches: the batches of an evaluation, where the validation loader is endless.
        memory: the bytes above which `state()` is a temporary file and not in the CPU's memory; 2 GiB.

    Raises:
        JobError: a loader is empty, or its position can't be restored; or the arguments don't fit.

    >>> import torch, glideslope as gs
    >>> from torch.utils.data import DataLoader, TensorDataset
    >>> model = torch.nn.Linear(2, 1)
    >>> loader = DataLoader(TensorDataset(torch.ones(8, 2), torch.ones(8, 1)), batch_size=4)
    >>> job = gs.torch.Job(model, torch.optim.SGD(model.parameters()), torch.nn.MSELoss(), loader, loader)
    >>> state = job.state()
    >>> before, _ = job.evaluate(), job.step(lr=0.1)
    >>> job.evaluate() < before
    True
    >>> job.restore(state)
    >>> job.evaluate() == before
    True
    """

    def __init__(
        self,
        model: torch.nn.Module,
        optimizer: Optimizer | list[Optimizer] | tuple[Optimizer, ...],
        loss: Loss | None = None,
        train_loader: Iterable[Any] | None = None,
        validation_loader: Iterable[Any] | None = None,
        *,
        batch_loss: Loss | Sequence[Loss] | None = None,
        metric: Any = None,
        maximize: bool = False,
        predict: Callable[[torch.nn.Module, Any], tuple[Any, Any]] | None = None,
        clip_norm: float | None = None,
        autocast: torch.dtype | None = None,
        accumulate: int = 1,
        device: torch.device | str | None = None,
        scaler: torch.amp.GradScaler | None = None,
        weight: Callable[[Any], Any] | None = None,
        validation_batches: int | None = None,
        memory: int = MEMORY,
    ) -> None:
        optimizers = list(optimizer) if isinstance(optimizer, list | tuple) else [optimizer]
        parameter = check_trained(model, optimizers)
        whole_batches("accumulate", accumulate)
        whole_batches("validation_batches", 1 if validation_batches is None else validation_batches)
        if maximize and metric is None:
            raise JobError("maximize=True without a metric would maximise the loss: give metric=")
        self.train_loader, self.validation_loader = checked_loaders(train_loader, validation_loader)
        self.device = torch.device(device) if device is not None else parameter.device
        self.model = model.to(self.device)
        self.optimizer, self.loss, self.batch_loss, self.weight = optimizer, loss, batch_loss, weight
        self.metric, self.maximize, self.accumulate, self.memory = metric, maximize, accumulate, memory
        precision = Precision(self.device, autocast, scaler)
        self.scaler = precision.scaler
        losses = objectives(loss, batch_loss, weight, len(optimizers))
        self._optimizers = optimizers
        turns = [optimizers] if len(losses) == 1 else [[each] for each in optimizers]
        self._steps = [
            GradientStep(each, turn, self.model, precision, clip_norm, alone=len(losses) > 1)
            for each, turn in zip(losses, turns, strict=True)
        ]
        self._own = randomness.sources(
            *model.modules(), train_loader, validation_loader, loss, batch_loss, metric, predict
        )
        self._data = Position(self.train_loader, self._own)
        self._average: Average | None = None
        switching: list[Any] = [each for each in optimizers if switches(each)]
        for each in switching:
            each.train()  # a schedule-free one
        measured = measurement(metric, losses[0] if len(losses) == 1 else None, predict, weight, self.device)
        self._validation = Validation(
            measured, losses[0].forward, precision, self._data, switching, self._own, self.validation_loader,
            validation_batches,
        )  # fmt: skip
        self._examples = 1  # of an update
        self._loads = batch_size(self.train_loader)
        self._rates = Rates(optimizers)
        self._contents = Contents(
            self.model, optimizers, [each.loss for each in losses], self.scaler, self._data, self._own
        )

    @property
    def controls(self) -> frozenset[str]:
        """What `step` can set besides the rate: momentum (or Adam's first beta), weight decay, the batch size."""
        return self._rates.controls | ({"batch_size"} if self._loads else frozenset())

    def step(self, lr: float, **controls: float) -> torch.Tensor:
        """Makes one update.

        Args:
            lr: the rate.
            controls: momentum, weight_decay; batch_size, the examples: a multiple of the loader's batch, whose
                gradients are averaged.

        Returns:
            The training loss of the batch, a scalar left on its device; the sum of the losses where there are several.

        Raises:
            JobError: a control isn't one of `controls`, a batch has no targets, or the scaler skipped many updates.
        """
        if controls:
            check_controls(controls, self.controls)
        self._rates.set(lr, controls)
        batches = self.batches_in(controls["batch_size"]) if "batch_size" in controls else self.accumulate
        return until_made(lambda: self._update(batches))

    def _update(self, batches: int) -> tuple[torch.Tensor, bool]:
        """Attempts an update of so many of the loader's batches; returns its loss, and whether it was made."""
        drawn = [self._data.next() for _ in range(batches)]
        loss, made = self._steps[0](self.model, drawn)
        for step in self._steps[1:]:
            other, also = step(self.model, drawn)
            loss, made = loss + other, made or also
        if made:
            self._examples = self.accumulate * self._steps[0].objective.examples(drawn[-1])
            if self._average is not None:
                self._average.add(self.model)
        return loss, made

    def skip(self) -> None:
        """Passes the batches of an update by, without the update."""
        for _ in range(self.accumulate):
            self._data.next()

    def average(self, kind: str, amount: float) -> None:
        """Begins to average the weights: after each update from here on.

        Args:
            kind: "ema", an exponential average, or "swa", the plain mean.
            amount: the decay of "ema" at each update.
        """
        self._average = Average(self.model, kind, amount)

    def evaluate_average(self, updates: float = math.inf) -> float:
        """What `evaluate` gives of the averaged weights, and of the weights themselves where none are averaged.

        Statistics of batch normalization are measured anew for them, on part of the training data.

        Args:
            updates: what it may cost, as for `estimate`; measured in full if not given.
        """
        return self._measured(updates, self._average.model if self._average else None)

    def evaluate(self) -> float:
        """The mean loss over the validation loader, or the metric, in evaluation mode; the training isn't changed."""
        return self._measured(math.inf)

    def estimate(self, updates: float) -> float:
        """The same over batches spread evenly over the validation loader, for about the cost of `updates` updates.

        An update is taken to cost three times a batch's forward pass. No fewer than about 512 examples are
        measured; all of them where the loader's batches can't be chosen.
        """
        return self._measured(updates)

    def _measured(self, updates: float, averaged: torch.nn.Module | None = None) -> float:
        loader = self._validation.part(self.validation_loader, 3 * updates * self._examples)
        value = self._validation(loader, averaged if averaged is not None else self.model, averaged is not None)
        return -value if self.maximize else value

    def measured_state(self) -> dict[str, Any]:
        """The state dictionary of the model whose loss is measured: that of averaged weights where there are, and of
        the weights that a schedule-free optimizer evaluates."""
        if self._average is not None:
            return dict(self._average.model.state_dict())
        return self._validation.state_of(self.model)

    def state(self) -> dict[str, Any]:
        """A snapshot of all that the next step depends on; tensors and plain data, so `torch.save` can store it."""
        return self._contents.save(self._average, self.memory)

    def restore(self, state: Any) -> None:
        """Goes back to exactly where `state` was taken; raises JobError if it isn't a state of such a job."""
        self._contents.check(state)
        self._average = None  # so that its weights leave the device before others come
        self._average = self._contents.load(state)
        for step in self._steps:
            step.clear()

    def reseed(self, seed: int) -> None:
        """Seeds every generator anew and begins a new epoch: other data order, dropout and augmentation."""
        randomness.reseed(seed, self._own)
        self._data.reseed()

    def batches_in(self, examples: float) -> int:
        """How many of the loader's batches make up one of so many examples; raises JobError if no whole number does."""
        return batches_in(examples, self._loads)
