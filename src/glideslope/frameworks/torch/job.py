"""A torch training that a search may drive."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from functools import partial
from typing import Any, NamedTuple

import torch

from glideslope.errors import JobError
from glideslope.frameworks.torch import randomness
from glideslope.frameworks.torch.averaging import STATISTICS, Average, as_evaluated, measure_statistics, unsaved_buffers
from glideslope.frameworks.torch.batch import examples, moved, units
from glideslope.frameworks.torch.loader import Position, batch_size, spread

_MOST_SKIPPED = 32
_FEWEST = 512
"""Examples in an estimate: the mean of fewer would rank runs by chance."""


class _Loss(NamedTuple):
    """The loss of a batch.

    Attributes:
        mean: what is trained on.
        counted: gives the number of units that it is over; counting waits until it is needed.
        sum: over these, where that was given.
    """

    mean: torch.Tensor
    counted: Callable[[], Any]
    sum: torch.Tensor | None = None

    def over(self) -> tuple[torch.Tensor, Any]:
        """The sum over its units, 0 of none, of which the mean is NaN; and their number."""
        units = self.counted()
        if self.sum is not None:
            return self.sum, units
        return torch.where(torch.as_tensor(units, device=self.mean.device) > 0, self.mean * units, 0.0), units


class Job:
    """A training made from what a torch user has: a model, an optimizer, a loss and two loaders.

    A batch is `(inputs, targets)`, or several inputs and then targets; its loss is `loss(model(inputs), targets)`: a
    mean over the batch, or a pair `(sum, count)`, of a sum and the number of units in it, such as tokens that aren't
    padding. The rate of a parameter group is `lr` times the group's initial rate over the largest initial rate of any
    group, times the group's `lr_scale` if it has one: groups keep their proportions.

    The validation loss is over all units of all batches, however they are divided into batches. So a mean counts
    by its units: `weight(targets)` of them, if given; else those that torch's CrossEntropyLoss or NLLLoss averages,
    its `ignore_index` left out; else as many as there are targets. A loss function of your own that leaves some out
    gives a pair, or has a `weight`.

    Args:
        model: the network.
        optimizer: made over the model's parameters.
        loss: the loss function of outputs and targets, a mean or a pair (sum, count).
        train_loader: gives batches, an epoch each time it is iterated. Its position must be restorable.
        validation_loader: the same, for `evaluate`.
        device: where to train; where the model's parameters are if not given.
        scaler: a gradient scaler for mixed precision. An update it skips is no update: the next batch is
            taken, but for a loss that isn't finite, which is returned.
        weight: the number of units that the mean loss of a batch is over, from its targets, such as
            `lambda targets: (targets != 0).sum()`.

    Raises:
        JobError: a loader is empty, or its position can't be restored.

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
        optimizer: torch.optim.Optimizer,
        loss: Callable[[Any, Any], torch.Tensor],
        train_loader: Iterable[Any],
        validation_loader: Iterable[Any],
        *,
        device: torch.device | str | None = None,
        scaler: torch.amp.GradScaler | None = None,
        weight: Callable[[Any], Any] | None = None,
    ) -> None:
        parameter = next(model.parameters(), None)
        if parameter is None:
            raise JobError("the model has no parameters: there is nothing to train")
        trained = set(map(id, model.parameters()))
        if not any(id(weight) in trained for group in optimizer.param_groups for weight in group["params"]):
            raise JobError(
                "the optimizer has none of the model's parameters, so nothing would be trained: make it when the model "
                "is complete, over model.parameters()"
            )
        self.device = torch.device(device) if device is not None else parameter.device
        self.model = model.to(self.device)
        self.optimizer = optimizer
        self.loss = loss
        self.train_loader = train_loader
        self.validation_loader = validation_loader
        self.scaler = scaler
        self.weight = weight
        for name, loader in (("training", train_loader), ("validation", validation_loader)):
            if _length(loader) == 0:
                raise JobError(f"the {name} loader is empty: it has no batch")
        self._own = randomness.sources(*model.modules(), train_loader, validation_loader, loss)
        self._data = Position(train_loader, self._own)
        self._batch_size = 1  # examples of the last batch
        self._average: Average | None = None
        self._switches = callable(getattr(optimizer, "train", None)) and callable(getattr(optimizer, "eval", None))
        if self._switches:
            optimizer.train()  # type: ignore[attr-defined]  # of a schedule-free one
        self._loads = batch_size(train_loader)
        self._parts: dict[int, Iterable[Any]] = {}  # of the validation loader, by the examples asked for
        rates = [float(group.get("initial_lr", group["lr"])) for group in optimizer.param_groups]
        self._proportions = [rate / max(rates) if max(rates) else 1.0 for rate in rates]

    @property
    def controls(self) -> frozenset[str]:
        """What `step` can set besides the rate: momentum (Adam's first beta too) and weight decay, where there are; and
        the batch size, made of several of the loader's batches."""
        group = self.optimizer.param_groups[0]
        momentum = {"momentum"} if "momentum" in group or "betas" in group else set()
        return frozenset(momentum | ({"weight_decay"} & group.keys()) | ({"batch_size"} if self._loads else set()))

    def step(self, lr: float, **controls: float) -> torch.Tensor:
        """Makes one update.

        Args:
            lr: the rate.
            controls: momentum, weight_decay; batch_size, the examples: a multiple of the loader's batch, whose
                gradients are averaged.

        Returns:
            The training loss of the batch, a scalar left on its device.

        Raises:
            JobError: a control isn't one of `controls`, a batch isn't inputs and targets, or the scaler skipped many
                updates in a row.
        """
        batches = self._set(lr, controls)
        for _ in range(_MOST_SKIPPED):
            self._clear_gradients()  # before the forward pass, which can reuse the memory
            loss = self._gradients() if batches == 1 else self._mean_gradients(batches)
            if self.scaler is None:
                self.optimizer.step()
                return self._updated(loss)
            self.scaler.step(self.optimizer)
            before = self.scaler.get_scale()
            self.scaler.update()
            if self.scaler.get_scale() >= before:
                return self._updated(loss)
            if not math.isfinite(loss.item()):  # no scale would help: it is told, and the training isn't held up
                return loss
        raise JobError(f"the gradient scaler skipped {_MOST_SKIPPED} updates in a row: the gradients are never finite")

    def skip(self) -> None:
        """Passes a batch by, without an update."""
        self._data.next()

    def average(self, kind: str, amount: float) -> None:
        """Begins to average the weights: after each update from here on.

        Args:
            kind: "ema", an exponential average, or "swa", the plain mean.
            amount: the decay of "ema" at each update.
        """
        self._average = Average(self.model, kind, amount)

    def evaluate_average(self, updates: float = math.inf) -> float:
        """The validation loss of the averaged weights, and of the weights themselves where none are averaged.

        Statistics of batch normalization are measured anew for them, on part of the training data.

        Args:
            updates: what it may cost, as for `estimate`; measured in full if not given.
        """
        loader = self.validation_loader if math.isinf(updates) else self._part(updates)
        return self._mean_loss(loader, self._average.model if self._average else None)

    def evaluate(self) -> float:
        """The mean loss over the validation loader, in evaluation mode; the training goes on as if it hadn't been.

        Raises:
            JobError: the loader gave no batch.
        """
        return self._mean_loss(self.validation_loader)

    def estimate(self, updates: float) -> float:
        """The same over batches spread evenly over the validation loader, for about the cost of `updates` updates.

        An update is taken to cost three times a batch's forward pass. No fewer than about 512 examples are
        measured; all of them where the loader's batches can't be chosen.
        """
        return self._mean_loss(self._part(updates))

    def _part(self, updates: float) -> Iterable[Any]:
        """The part of the validation data that an estimate at such a cost reads."""
        examples = max(_FEWEST, math.ceil(3 * updates * self._batch_size))
        if examples not in self._parts:
            self._parts[examples] = spread(self.validation_loader, examples)
        return self._parts[examples]

    @torch.no_grad()
    def _mean_loss(self, loader: Iterable[Any], averaged: torch.nn.Module | None = None) -> float:
        model = averaged if averaged is not None else self.model
        random_state = randomness.save(self._own)
        total: Any = torch.zeros((), device=self.device, dtype=_accumulator(self.device))
        units: Any = 0
        batches = 0
        with as_evaluated(model, self.optimizer if self._switches and averaged is None else None) as other:
            try:
                if other or averaged is not None:
                    measure_statistics(model, self._moved_inputs(spread(self.train_loader, STATISTICS)))
                model.eval()
                for batch in loader:
                    loss, size = self._batch_loss(batch, model).over()
                    total += loss
                    units += size
                    batches += 1
            finally:
                randomness.load(random_state, self._own)
        if not batches:
            raise JobError("the validation loader is empty: it gave no batch")
        if not float(units):
            raise JobError("the validation loss is over no units at all: every target is ignored")
        return float(total) / float(units)

    @torch.no_grad()
    def measured_state(self) -> dict[str, Any]:
        """The state dictionary of the model whose loss is measured: that of averaged weights where there are, and of
        the weights that a schedule-free optimizer evaluates."""
        if self._average is not None:
            return dict(self._average.model.state_dict())
        if not self._switches:
            return dict(self.model.state_dict())
        random_state = randomness.save(self._own)
        with as_evaluated(self.model, self.optimizer):
            measure_statistics(self.model, self._moved_inputs(spread(self.train_loader, STATISTICS)))
            state = copy.deepcopy(self.model.state_dict())
        randomness.load(random_state, self._own)
        return dict(state)

    def state(self) -> dict[str, Any]:
        """A snapshot of all that the next step depends on; tensors and plain data, so `torch.save` can store it."""
        return {
            "model": copy.deepcopy(self.model.state_dict()),
            "buffers": {name: buffer.clone() for name, buffer in unsaved_buffers(self.model).items()},
            "optimizer": copy.deepcopy(self.optimizer.state_dict()),
            "average": self._average.state() if self._average else {},
            "scaler": copy.deepcopy(self.scaler.state_dict()) if self.scaler else {},
            "data": copy.deepcopy(self._data.save()),
            "random": randomness.save(self._own),
        }

    def restore(self, state: Any) -> None:
        """Goes back to exactly where `state` was taken.

        Raises:
            JobError: it isn't a state of such a job; all stays as it was then.
        """
        parts = ("model", "buffers", "optimizer", "average", "scaler", "data", "random")
        if not isinstance(state, Mapping) or (missing := [name for name in parts if name not in state]):
            lacking = f"lacks {', '.join(missing)}" if isinstance(state, Mapping) else f"is a {type(state).__name__}"
            raise JobError(f"the state of the job {lacking}: give what its state() returned")
        self._data.check(state["data"])
        self.model.load_state_dict(state["model"])
        for name, buffer in unsaved_buffers(self.model).items():
            buffer.copy_(state["buffers"][name])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self._average = Average.restored(self.model, state["average"]) if state["average"] else None
        if self.scaler:
            self.scaler.load_state_dict(state["scaler"])
        self._clear_gradients()
        self._data.load(state["data"])
        randomness.load(state["random"], self._own)

    def reseed(self, seed: int) -> None:
        """Seeds every generator anew and begins a new epoch: other data order, dropout and augmentation."""
        randomness.reseed(seed, self._own)
        self._data.reseed()

    def _clear_gradients(self) -> None:
        """What the optimizer's zero_grad does, without the profiler's record, which costs a small network 1%."""
        for group in self.optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def _gradients(self) -> torch.Tensor:
        """Adds the gradient of the next batch; returns its loss."""
        loss = self._batch_loss(self._data.next()).mean
        self._backward(loss)
        return loss.detach()

    def _mean_gradients(self, batches: int) -> torch.Tensor:
        """Adds the mean gradient over the examples of several batches; returns their mean loss."""
        drawn = [self._data.next() for _ in range(batches)]
        expected = sum(examples(batch[-1]) for batch in drawn)
        total, units = torch.zeros((), device=self.device), 0.0
        for batch in drawn:
            measured = self._batch_loss(batch)
            size = float(measured.counted())
            if size:  # the mean over nothing is NaN
                self._backward(measured.mean * (size / expected))
                total += measured.mean.detach() * size
            units += size
        if not units:
            raise JobError("the batches of an update have no units that a loss could be over")
        if units != expected:
            for group in self.optimizer.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        parameter.grad *= expected / units
        return total / units

    def _backward(self, loss: torch.Tensor) -> None:
        scaled: Any = loss if self.scaler is None else self.scaler.scale(loss)
        scaled.backward()

    def _updated(self, loss: torch.Tensor) -> torch.Tensor:
        if self._average is not None:
            self._average.add(self.model)
        return loss

    def _set(self, lr: float, controls: dict[str, float]) -> int:
        """Sets the rate and the controls in the optimizer; returns the number of batches that an update takes."""
        if controls and (unknown := controls.keys() - self.controls):
            raise JobError(
                f"this job can't set {', '.join(sorted(unknown))}: its optimizer has {self.controls or '{}'}"
            )
        for group, proportion in zip(self.optimizer.param_groups, self._proportions, strict=True):
            rate = lr * proportion * group.get("lr_scale", 1.0)
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
            if "weight_decay" in controls:
                group["weight_decay"] = controls["weight_decay"]
            if "momentum" in controls and "betas" in group:
                group["betas"] = (controls["momentum"], *group["betas"][1:])
            elif "momentum" in controls:
                group["momentum"] = controls["momentum"]
        return self.batches_in(controls["batch_size"]) if "batch_size" in controls else 1

    def batches_in(self, examples: float) -> int:
        """How many of the loader's batches make up one of so many examples.

        Raises:
            JobError: no whole number does.
        """
        batches, rest = divmod(examples, self._loads or 1)
        if rest or batches < 1:
            raise JobError(
                f"batch_size={examples:g}: the loader's batches have {self._loads}, and an update takes whole ones; "
                f"write growth(base={self._loads}, ..., multiple={self._loads})"
            )
        return int(batches)

    def _batch_loss(self, batch: Any, model: torch.nn.Module | None = None) -> _Loss:
        """The loss of a batch, and what it is over."""
        if not (isinstance(batch, list | tuple) and len(batch) >= 2):
            raise JobError(
                f"a batch is a {type(batch).__name__}: it must be (inputs, targets); "
                "for any other, write a Job with step, evaluate, state and restore"
            )
        *inputs, targets = [moved(part, self.device) for part in batch]
        loss = self.loss((model or self.model)(*inputs), targets)
        self._batch_size = examples(targets)
        if isinstance(loss, tuple):
            total, count = self._pair(loss)
            return _Loss(total / count, lambda: count, total)
        count = partial(units, self.loss, targets, self.weight)
        return _Loss(loss, count, loss if getattr(self.loss, "reduction", "mean") == "sum" else None)

    @staticmethod
    def _pair(loss: tuple[Any, ...]) -> tuple[Any, Any]:
        if len(loss) != 2:
            raise JobError(f"the loss gave {len(loss)} values: give a mean, or a pair (sum, count)")
        return loss

    def _moved_inputs(self, loader: Iterable[Any]) -> Iterator[list[Any]]:
        for batch in loader:
            yield [moved(part, self.device) for part in batch[:-1]]


def _accumulator(device: torch.device) -> torch.dtype:
    """What sums are kept in: double precision, which Apple's devices lack."""
    return torch.float32 if device.type == "mps" else torch.float64


def _length(loader: Iterable[Any]) -> int | None:
    """How many batches a loader has, None if it doesn't say; a DataLoader of a stream raises when asked."""
    try:
        return len(loader) if isinstance(loader, Sized) else None
    except TypeError:
        return None
