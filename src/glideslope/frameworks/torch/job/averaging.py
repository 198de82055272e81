"""Weights other than those that are trained, to measure: averaged ones, and what a schedule-free optimizer holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

STATISTICS = 4096  # examples on which the statistics of batch normalization are measured for other weights


def unsaved_buffers(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The buffers registered with persistent=False: the next step depends on them all the same."""
    saved = model.state_dict().keys()
    return {name: buffer for name, buffer in model.named_buffers() if name not in saved}


class Average:
    """An average of a model's weights by torch's AveragedModel, "ema" or "swa", and the amount of that."""

    def __init__(self, model: torch.nn.Module, kind: str, amount: float) -> None:
        self.kind, self.amount = kind, amount
        decay = get_ema_multi_avg_fn(amount) if kind == "ema" else None  # type: ignore[no-untyped-call]
        self._averaged = AveragedModel(model, multi_avg_fn=decay)

    @property
    def model(self) -> torch.nn.Module:
        """The model with the averaged weights."""
        return self._averaged.module

    def add(self, model: torch.nn.Module) -> None:
        """Takes the weights as they are now into the average."""
        self._averaged.update_parameters(model)

    @contextmanager
    def applied(self, model: torch.nn.Module) -> Iterator[None]:
        """The averaged weights and their buffers in a model, without a copy; then its own."""
        self._exchange(model)
        try:
            yield
        finally:
            self._exchange(model)

    def _exchange(self, model: torch.nn.Module) -> None:
        for one, other in zip(_tensors(model), _tensors(self.model), strict=True):
            one.data, other.data = other.data, one.data

    def state(self) -> dict[str, Any]:
        """Plain data, and the tensors themselves, which a snapshot copies."""
        return {"kind": self.kind, "amount": self.amount, "averaged": self._averaged.state_dict()}

    @classmethod
    def restored(cls, model: torch.nn.Module, state: dict[str, Any]) -> Average:
        """The average of a model at a snapshot."""
        average = cls(model, state["kind"], state["amount"])
        average._averaged.load_state_dict(state["averaged"])
        return average


@contextmanager
def as_evaluated(model: torch.nn.Module, optimizers: Sequence[Any], average: Average | None = None) -> Iterator[bool]:
    """A model with the weights to measure; then exactly as it was. Yields whether they are others than those that are
    trained. The optimizers have `train` and `eval`, and keep other weights for evaluation (schedule-free); an average
    is measured in place of the weights."""
    training = {module for module in model.modules() if module.training}
    copies = [tensor.detach().clone() for tensor in _tensors(model)] if optimizers else []
    for optimizer in optimizers:
        optimizer.eval()
    try:
        with nullcontext() if average is None else average.applied(model):
            yield bool(optimizers) or average is not None
    finally:
        for optimizer in optimizers:
            optimizer.train()  # back by interpolation, so not to the last bit
        for tensor, saved in zip(_tensors(model) if optimizers else (), copies, strict=True):
            tensor.data.copy_(saved)
        for module in model.modules():
            module.training = module in training


def _tensors(model: torch.nn.Module) -> list[torch.Tensor]:
    return [*model.parameters(), *model.buffers()]


def normalizations(model: torch.nn.Module) -> list[_BatchNorm]:
    """The layers of batch normalization that keep statistics."""
    return [module for module in model.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]


@torch.no_grad()
def measure_statistics(model: torch.nn.Module, batches: Iterable[Any], forward: Callable[[Any], Any]) -> None:
    """Measures the statistics of batch normalization in forward passes on batches, as plain means over them."""
    layers = normalizations(model)
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None
        model.eval()
        for layer in layers:
            layer.train()
        for batch in batches:
            forward(batch)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
