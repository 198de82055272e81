"""A torch training that a search may drive."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch.optim import Optimizer

from glideslope.documents import shown
from glideslope.errors import JobError
from glideslope.frameworks.naming import drawn
from glideslope.frameworks.torch.job import randomness
from glideslope.frameworks.torch.job.abstract_job import AbstractJob
from glideslope.frameworks.torch.job.batch import moved
from glideslope.frameworks.torch.job.gradient_step import GradientStep, Precision
from glideslope.frameworks.torch.job.job_state import MEMORY
from glideslope.frameworks.torch.job.loader import Position, batch_size
from glideslope.frameworks.torch.job.loader_checks import checked_loaders, whole_batches
from glideslope.frameworks.torch.job.metric import measurement
from glideslope.frameworks.torch.job.objective import Loss, objectives
from glideslope.frameworks.torch.job.parts import Parts
from glideslope.frameworks.torch.job.rates import check_trained
from glideslope.frameworks.torch.job.resumable import stream
from glideslope.frameworks.torch.models import warn_of_evaluation


class Job(AbstractJob):
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
        scaler: a gradient scaler for mixed precision. An update that it skips doesn't count: the next batch is taken;
            only a loss that isn't finite is returned.
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
        warn_of_evaluation(model)
        whole_batches("accumulate", accumulate)
        whole_batches("validation_batches", 1 if validation_batches is None else validation_batches)
        self.train_loader, self.validation_loader = checked_loaders(train_loader, validation_loader)
        try:
            self.device = torch.device(device) if device is not None else parameter.device
        except (RuntimeError, TypeError, ValueError, OverflowError):
            raise JobError(f"device={shown(device)}: give a device of torch, such as 'cuda:0' or 'cpu'") from None
        self.optimizer, self.loss, self.batch_loss, self.weight = optimizer, loss, batch_loss, weight
        self.metric = metric
        self._precision = Precision(self.device, autocast, scaler)
        self.scaler = self._precision.scaler
        self._losses = objectives(loss, batch_loss, weight, len(optimizers))
        generators = randomness.sources(
            *model.modules(), train_loader, validation_loader, loss, batch_loss, metric, predict
        )
        data = Position(self.train_loader, generators)
        super().__init__(
            model.to(self.device), optimizers, data, generators, losses=[each.loss for each in self._losses],
            scaler=self.scaler, accumulate=accumulate, batch=batch_size(self.train_loader), maximize=maximize,
            memory=memory,
        )  # fmt: skip
        turns = [optimizers] if len(self._losses) == 1 else [[each] for each in optimizers]
        self._steps = [
            GradientStep(each, turn, self.model, self._precision, clip_norm, alone=len(self._losses) > 1)
            for each, turn in zip(self._losses, turns, strict=True)
        ]
        only = self._losses[0] if len(self._losses) == 1 else None
        self._measurement = measurement(metric, only, predict, weight, self.device, maximize)
        self._parts, self._most = Parts(self.validation_loader, generators, most=validation_batches), validation_batches
        # A stream, and an endless loader, begin anew at each validation.
        self._stream = stream(self.validation_loader)
        self._stream_began = copy.deepcopy(self._stream.state_dict()) if self._stream is not None else None
        self._random = randomness.save(generators) if validation_batches is not None else None
        trained = data.stateful if data.stateful is not None else data.stream
        self._shares = trained is not None and (trained is self.validation_loader or trained is self._stream)

    def _update(self, batches: int) -> tuple[torch.Tensor, bool]:
        taken = self._draw(batches)
        self._sized_by(taken[-1])
        loss, is_made = self._steps[0](self.model, taken)
        for step in self._steps[1:]:
            other, also = step(self.model, taken)
            loss, is_made = loss + other, is_made or also
        return loss, is_made

    def _draw(self, batches: int) -> list[Any]:
        return [self._data.next() for _ in range(batches)]

    def _validate(self, examples: float) -> float:
        position = self._data.save() if self._shares else None
        measure = self._measurement()
        try:
            if self._stream is not None:
                self._stream.load_state_dict(copy.deepcopy(self._stream_began))
            if self._random is not None:
                randomness.load(self._random, self._generators)
            for batch in itertools.islice(drawn(self._parts.of(examples), "validation"), self._most):
                batch = moved(batch, self.device)
                with self._precision.context():
                    measure.add(self.model, batch)
        finally:
            if position is not None:
                self._data.load(position)
        return measure.value()

    def _forward(self, batch: Any) -> Any:
        with self._precision.context():
            return self._losses[0].forward(self.model, moved(batch, self.device))
