"""One or several optimizers: their parameters, the rates, momenta and weight decays of their groups, their updates."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch

from glideslope.documents import shown
from glideslope.errors import JobError
from glideslope.frameworks.torch.models import checked_model
from glideslope.frameworks.torch.scheduler.succession import retire
from glideslope.plural import plural


class Rates:
    """Sets the rate of each parameter group in proportion to its initial rate, and its weight decay likewise: the
    largest initial rate of any group of any optimizer becomes the rate that is set."""

    def __init__(self, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        self.optimizers = optimizers
        for optimizer in optimizers:
            _check_optimizer(optimizer)
            retire(optimizer)
        if not any(parameter.requires_grad for parameter in parameters(optimizers)):
            raise JobError("the optimizer has no parameter with requires_grad=True: there is nothing to train")
        rates = [
            [float(group.get("initial_lr", group["lr"])) for group in optimizer.param_groups]
            for optimizer in optimizers
        ]
        decays = [[float(group.get("weight_decay", 0)) for group in one.param_groups] for one in optimizers]
        self._proportions, self._decays = _shares(rates), _shares(decays)

    @property
    def controls(self) -> frozenset[str]:
        """The controls besides the rate: momentum (Adam's first beta too) and weight decay, where all have them."""
        groups = [optimizer.param_groups[0] for optimizer in self.optimizers]
        momentum = {"momentum"} if all("momentum" in group or "betas" in group for group in groups) else set()
        return frozenset(momentum | ({"weight_decay"} if all("weight_decay" in group for group in groups) else set()))

    def peaks(self, lr: float) -> list[float]:
        """The rate of each optimizer's fastest group, where that of the fastest of all is `lr`."""
        return [lr * max(proportions) for proportions in self._proportions]

    def set(self, lr: float) -> None:
        """Sets the rate in every group. Raises a JobError if an optimizer has others than at first."""
        for optimizer, proportions in zip(self.optimizers, self._proportions, strict=True):
            if len(optimizer.param_groups) != len(proportions):
                raise JobError(
                    f"the optimizer has {plural(len(optimizer.param_groups), 'parameter group')} now, and had "
                    f"{len(proportions)} when the job was made: give it all of them from the start, since each run "
                    "of a search begins with those"
                )
            for group, proportion in zip(optimizer.param_groups, proportions, strict=True):
                rate = lr * proportion * group.get("lr_scale", 1.0)
                if isinstance(group["lr"], torch.Tensor):
                    group["lr"].fill_(rate)
                else:
                    group["lr"] = rate

    def set_controls(self, controls: dict[str, float]) -> None:
        """Sets the weight decay and the momentum, where they are among the controls, in every group."""
        for optimizer, decays in zip(self.optimizers, self._decays, strict=True):
            for group, decay in zip(optimizer.param_groups, decays, strict=True):
                if "weight_decay" in controls:
                    group["weight_decay"] = controls["weight_decay"] * decay  # none where there was none
                if "momentum" in controls and "betas" in group:
                    group["betas"] = (controls["momentum"], *group["betas"][1:])
                elif "momentum" in controls:
                    group["momentum"] = controls["momentum"]


def _check_optimizer(optimizer: torch.optim.Optimizer) -> None:
    """Raises a JobError if an optimizer doesn't make an update of one gradient at the rate that is set."""
    name = type(optimizer).__name__
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        raise JobError(
            f"{name}.step needs a closure, by which it measures a batch several times in an update; a job measures it "
            "once: choose another optimizer"
        )
    if any(group["lr"] is None for group in optimizer.param_groups):
        raise JobError(f"{name} has lr=None, so it sets the rate itself: make it with a rate, which a search can set")


def _shares(values: list[list[float]]) -> list[list[float]]:
    """Each value over the largest; 1 where all are 0."""
    largest = max(map(max, values))
    return [[value / largest if largest else 1.0 for value in of_one] for of_one in values]


def check_controls(names: Iterable[str], controls: frozenset[str]) -> None:
    """Raises a JobError for the name of a control that a job doesn't have."""
    if unknown := set(names) - controls:
        listed = ", ".join(sorted(controls)) or "none"
        raise JobError(f"this job can't set {', '.join(sorted(unknown))}: its optimizer has {listed}")


def parameters(optimizers: Iterable[torch.optim.Optimizer]) -> Iterator[torch.Tensor]:
    """The parameters of all groups of some optimizers."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            yield from group["params"]


def switches(optimizer: Any) -> bool:
    """Whether an optimizer has other weights for evaluation, as schedule-free ones do."""
    return callable(getattr(optimizer, "train", None)) and callable(getattr(optimizer, "eval", None))


def check_trained(model: torch.nn.Module, optimizers: list[torch.optim.Optimizer]) -> torch.Tensor:
    """The model's first parameter. Raises a JobError if the model has none, or an optimizer has none of the model's."""
    parameter = next(checked_model(model).parameters(), None)
    if other := [optimizer for optimizer in optimizers if not hasattr(optimizer, "param_groups")]:
        raise JobError(f"optimizer={shown(other[0], 80)}: give a torch optimizer, or a list of them")
    if parameter is None:
        raise JobError("the model has no parameters: there is nothing to train")
    if not optimizers:
        raise JobError("the list of optimizers is empty: give one or more")
    every = [id(weight) for weight in parameters(optimizers)]
    if len(every) != len(set(every)):
        raise JobError("two of the optimizers have the same parameter, so it would be updated twice: give it to one")
    trained = set(map(id, model.parameters()))
    for optimizer in optimizers:
        if not any(id(weight) in trained for weight in parameters([optimizer])):
            raise JobError(
                "the optimizer has none of the model's parameters, so nothing would be trained: make it when the model "
                "is complete, over model.parameters()"
            )
    return parameter
