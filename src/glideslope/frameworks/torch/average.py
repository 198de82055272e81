"""An average of the weights in a training loop of one's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch

from glideslope.averages import Average as Kind
from glideslope.documents import shown
from glideslope.errors import FrameworkError, JobError, SearchError
from glideslope.frameworks.torch.job.averaging import STATISTICS, as_evaluated, measure_statistics, normalizations
from glideslope.frameworks.torch.job.averaging import Average as Weights
from glideslope.frameworks.torch.job.batch import examples, moved
from glideslope.frameworks.torch.job.state_checks import check_average
from glideslope.frameworks.torch.models import checked_model
from glideslope.schedules.numbers import is_count, plain

_LIVING: WeakKeyDictionary[Average, None] = WeakKeyDictionary()
"""The averages that there are, in the order in which they were made."""


class Average:
    """An average of a model's weights, updated after each update and put into the model to be measured or saved.

    A `gs.torch.Guard` of the same model takes it back with the weights.

    Args:
        model: the network, on its device; of DistributedDataParallel and `torch.compile`, the network within.
        average: "ema(0.999)", an exponential average with this decay at each update, or "swa(75%)", the plain mean from
            75% of the training on.
        steps: the updates of the training, which "swa" needs.

    Raises:
        FrameworkError: the text isn't an average, "swa" has no `steps`, or the model has no weights.

    Source: Izmailov et al. 2018, arXiv:1803.05407 (swa); Polyak & Juditsky 1992.

    In a loop, `update` after each `optimizer.step()`; then `with average.applied(train_loader):`, which measures the
    statistics of batch normalization on its inputs, evaluate or save the model.

    >>> import torch, glideslope as gs
    >>> model = torch.nn.Linear(1, 1, bias=False)
    >>> average = gs.torch.Average(model, "ema(0.9)")
    >>> for weight in (1.0, 2.0):
    ...     _ = model.weight.data.fill_(weight)
    ...     average.update()
    >>> with average.applied():
    ...     print(round(model.weight.item(), 6))
    1.1
    >>> model.weight.item()
    2.0
    """

    def __init__(self, model: torch.nn.Module, average: str, *, steps: int | None = None) -> None:
        try:
            self.kind = Kind.read(str(average))
        except SearchError as error:
            raise FrameworkError(str(error)) from None
        steps = plain(steps)
        if (steps is not None or self.kind.kind == "swa") and not (is_count(steps) and steps > 0):
            raise FrameworkError(f"steps={shown(steps)}: give the updates of the training, which swa needs")
        self._model = _network(checked_model(model))
        if not any(True for _ in self._model.parameters()):
            raise FrameworkError("a model without parameters has no weights to average")
        self._begins = int(self.kind.amount * (steps or 0)) if self.kind.kind == "swa" else 0
        self._updates = 0
        self._weights: Weights | None = None
        _LIVING[self] = None

    @property
    def has_begun(self) -> bool:
        """Whether any weights are averaged yet."""
        return self._weights is not None

    def update(self) -> None:
        """Takes the weights into the average; call it after each update, and not after a micro-batch."""
        self._updates += 1
        if self._updates <= self._begins:
            return
        if self._weights is None:
            self._weights = Weights(self._model, self.kind.kind, self.kind.amount)
        self._weights.add(self._model)

    @contextmanager
    def applied(self, batches: Iterable[Any] | None = None) -> Iterator[torch.nn.Module]:
        """The model with the averaged weights, in evaluation mode; then exactly as it was, also after an error.

        Args:
            batches: training batches on whose inputs the statistics of batch normalization are measured, of 4,096
                examples: a tensor, a tuple or a list whose first is the input, or a dictionary of inputs by name.

        Raises:
            FrameworkError: the model has batch normalization, whose statistics are those of other weights, and no
                batches are given.
        """
        model = self._model
        if self._weights is not None and batches is None and normalizations(model):
            raise FrameworkError(
                "the statistics of batch normalization are those of other weights than the averaged ones: give "
                "training batches to measure them on, average.applied(train_loader)"
            )
        with as_evaluated(model, (), self._weights) as is_averaged:
            if is_averaged and batches is not None:
                device = next(model.parameters()).device

                def forward(inputs: Any) -> Any:
                    return model(**inputs) if isinstance(inputs, Mapping) else model(inputs)

                measure_statistics(model, _inputs(batches, device), forward)
            model.eval()
            yield model

    def state_dict(self) -> dict[str, Any]:
        """The average, the updates seen, and the averaged weights: plain data and tensors, for `torch.save`."""
        return {
            "average": str(self.kind), "begins": self._begins, "updates": self._updates,
            "weights": None if self._weights is None else self._weights.state(),
        }  # fmt: skip

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Goes on from a state. Raises a FrameworkError if it is no state of an average, is of another, or of another
        model; nothing is changed then."""
        keys = {"average", "begins", "updates", "weights"}
        if not isinstance(state_dict, Mapping) or not keys <= state_dict.keys():
            raise FrameworkError(f"no state of an average: it has {', '.join(sorted(keys))}")
        kind, begins = state_dict["average"], state_dict["begins"]
        if not (isinstance(kind, str) and kind == str(self.kind) and is_count(begins) and begins == self._begins):
            name = kind if isinstance(kind, str) else shown(kind)
            raise FrameworkError(
                f"a state of {name} from update {shown(begins)}, and this is {self.kind} from update "
                f"{self._begins}: make the average as it was"
            )
        weights, updates = state_dict["weights"], state_dict["updates"]
        seen = max(int(updates) - self._begins, 0) if is_count(updates) else -1
        try:
            averaged = 0 if weights is None else check_average(weights, self._model.state_dict())
        except JobError as error:
            raise FrameworkError(f"a state of another model, or a damaged one: {error}") from None
        of_this = weights is None or (weights["kind"], weights["amount"]) == (self.kind.kind, self.kind.amount)
        if averaged != seen or not of_this:
            raise FrameworkError(
                f"a damaged state: its average is of {averaged} updates by {shown(weights)[:60]}, and it says that "
                f"{shown(updates)} were made"
            )
        self._weights = None if weights is None else Weights.restored(self._model, weights)
        self._updates = int(updates)


def averages_of(model: torch.nn.Module) -> list[Average]:
    """The averages of a model's weights, in the order in which they were made."""
    network = _network(model)
    return [average for average in _LIVING if average._model is network]


def _network(model: torch.nn.Module) -> torch.nn.Module:
    """The network within what wraps it."""
    while True:
        inner = getattr(model, "_orig_mod", None)
        if isinstance(model, torch.nn.parallel.DistributedDataParallel | torch.nn.DataParallel):
            inner = model.module
        if not isinstance(inner, torch.nn.Module):
            return model
        model = inner


def _inputs(batches: Iterable[Any], device: torch.device) -> Iterator[Any]:
    """The inputs of batches, on a device, until there are enough examples."""
    count = 0
    for batch in batches:
        inputs = batch[0] if isinstance(batch, list | tuple) else batch
        inputs = moved(vars(inputs) if dataclasses.is_dataclass(inputs) else inputs, device)
        yield inputs
        count += examples(inputs)
        if count >= STATISTICS:
            return
    if not count:
        raise FrameworkError("no batches to measure the statistics of batch normalization on")
