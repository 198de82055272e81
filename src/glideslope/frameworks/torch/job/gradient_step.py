"""An update of a model by the gradient of a loss: precision, accumulation, clipping and optimizers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from numbers import Real
from typing import Any

import torch
from torch.nn.utils import clip_grad_norm_, get_total_norm

from glideslope.documents import shown
from glideslope.errors import JobError
from glideslope.frameworks.torch.job.batch import moved
from glideslope.frameworks.torch.job.objective import Loss, Objective, differentiable
from glideslope.frameworks.torch.job.rates import parameters


class Precision:
    """The precision of forward passes, and the scale of the gradients. torch's autocast casts to bfloat16 or float16,
    which has a scaler of torch's if none is given; None leaves that to the model. Raises a JobError for another."""

    def __init__(self, device: torch.device, autocast: torch.dtype | None, scaler: torch.amp.GradScaler | None) -> None:
        if not any(autocast is each for each in (None, torch.bfloat16, torch.float16)):
            raise JobError(f"autocast={shown(autocast)}: give torch.bfloat16 or torch.float16")
        if scaler is not None and not hasattr(scaler, "scale"):
            raise JobError(f"scaler={scaler!r}: give a torch.amp.GradScaler")
        self.device, self.autocast = device, autocast
        scaled = autocast == torch.float16 and scaler is None
        self.scaler = torch.amp.GradScaler(device.type) if scaled else scaler

    def context(self) -> AbstractContextManager[Any]:
        """The context of a forward pass and its loss."""
        return nullcontext() if self.autocast is None else torch.autocast(self.device.type, self.autocast)

    def backward(self, loss: torch.Tensor, parameters: list[torch.Tensor] | None) -> None:
        """Adds the gradient of a loss to those of the parameters; to all that it depends on where these are None."""
        differentiable(loss)
        scaled: Any = loss if self.scaler is None else self.scaler.scale(loss)
        scaled.backward(inputs=parameters)


def check_clip_norm(clip_norm: float | None) -> None:
    """Raises a JobError unless the largest norm of a gradient is a positive number, or None."""
    if clip_norm is not None and not (isinstance(clip_norm, Real) and clip_norm > 0 and math.isfinite(clip_norm)):
        raise JobError(f"clip_norm={clip_norm!r}: give a positive number, the largest norm of the gradient")


class GradientStep:
    """Makes updates by the gradient of one loss. The gradients of the model's parameters and the optimizers' others are
    clipped together to the norm `clip_norm`, if given. With `alone` gradients are only of these optimizers' parameters,
    since other losses have the others."""

    def __init__(
        self,
        objective: Objective,
        optimizers: Sequence[torch.optim.Optimizer],
        model: torch.nn.Module,
        precision: Precision,
        clip_norm: float | None,
        *,
        alone: bool,
    ) -> None:
        check_clip_norm(clip_norm)
        self.objective, self.optimizers, self.precision, self.clip_norm = objective, optimizers, precision, clip_norm
        cast = precision.autocast is not None
        self._mean: Loss = precision.context()(objective.mean) if cast else objective.mean  # type: ignore[operator]
        trained = {id(parameter): parameter for parameter in parameters(self.optimizers)}
        # in the model's order, in which a loop of your own sums their norms
        ordered = [parameter for parameter in model.parameters() if trained.pop(id(parameter), None) is not None]
        self.parameters = [*ordered, *trained.values()]
        self._inputs = [parameter for parameter in self.parameters if parameter.requires_grad] if alone else None

    def __call__(self, model: torch.nn.Module, batches: list[Any]) -> tuple[torch.Tensor, bool]:
        """Makes an update by the mean loss over the units of all batches. Returns that, a scalar on its device, and
        whether the update was made: the scaler skips one whose gradient isn't finite."""
        for parameter in self.parameters:  # before the forward pass; zero_grad makes a record besides, 1% of 1 ms
            parameter.grad = None
        if len(batches) > 1:
            loss = self._mean_gradients(model, batches)
        else:
            loss = self._mean(model, moved(batches[0], self.precision.device))
            self.precision.backward(loss, self._inputs)
            loss = loss.detach()  # the graph is freed
        if self.precision.scaler is not None:
            return loss, self._apply(self.precision.scaler)
        if self.clip_norm is not None:
            clip_grad_norm_(self.parameters, self.clip_norm)
        for optimizer in self.optimizers:
            optimizer.step()
        return loss, True

    def _mean_gradients(self, model: torch.nn.Module, batches: list[Any]) -> torch.Tensor:
        """Adds the mean gradient over the units of several batches; returns their mean loss."""
        expected = sum(self.objective.examples(batch) for batch in batches)
        total, units = torch.zeros((), device=self.precision.device), 0.0
        for batch in batches:
            with self.precision.context():
                measured = self.objective(model, moved(batch, self.precision.device))
            size = float(measured.counted())
            if size:  # the mean over nothing is NaN
                self.precision.backward(measured.mean * (size / expected), self._inputs)
                total.add_(measured.mean.detach(), alpha=size)
            units += size
        if not units:
            raise JobError("the batches of an update have no units that a loss could be over")
        if units != expected:
            for parameter in parameters(self.optimizers):
                if parameter.grad is not None:
                    parameter.grad *= expected / units
        return total / units

    def _apply(self, scaler: torch.amp.GradScaler) -> bool:
        """Clips the scaled gradient and steps the optimizers; returns whether they made the update."""
        if self.clip_norm is not None or len(self.optimizers) > 1:
            for optimizer in self.optimizers:
                scaler.unscale_(optimizer)
        if self.clip_norm is not None:
            clip_grad_norm_(self.parameters, self.clip_norm)
        if len(self.optimizers) == 1 or self._finite():
            for optimizer in self.optimizers:
                scaler.step(optimizer)
        before = scaler.get_scale()
        scaler.update()
        return bool(scaler.get_scale() >= before)

    def _finite(self) -> bool:
        """Whether every gradient is: then all optimizers make the update, and else none."""
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        return bool(torch.isfinite(get_total_norm(gradients, math.inf)))
