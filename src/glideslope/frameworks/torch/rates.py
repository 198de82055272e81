"""One or several optimizers: their parameters, and the rates, momenta and weight decays of their groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch

from glideslope.errors import JobError


class Rates:
    """Sets the rate of each parameter group in proportion to its initial rate.

    Args:
        optimizers: the largest initial rate of any group of any of them becomes the rate that is set.
    """

    def __init__(self, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        self.optimizers = optimizers
        rates = [
            [float(group.get("initial_lr", group["lr"])) for group in optimizer.param_groups]
            for optimizer in optimizers
        ]
        largest = max(map(max, rates))
        self._proportions = [[rate / largest if largest else 1.0 for rate in of_one] for of_one in rates]

    @property
    def controls(self) -> frozenset[str]:
        """What can be set besides the rate: momentum (Adam's first beta too) and weight decay, where all have them."""
        groups = [optimizer.param_groups[0] for optimizer in self.optimizers]
        momentum = {"momentum"} if all("momentum" in group or "betas" in group for group in groups) else set()
        return frozenset(momentum | ({"weight_decay"} if all("weight_decay" in group for group in groups) else set()))

    def set(self, lr: float, controls: dict[str, float]) -> None:
        """Sets the rate and the controls in every group."""
        for optimizer, proportions in zip(self.optimizers, self._proportions, strict=True):
            for group, proportion in zip(optimizer.param_groups, proportions, strict=True):
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


def parameters(optimizers: Iterable[torch.optim.Optimizer]) -> Iterator[torch.Tensor]:
    """The parameters of all groups of some optimizers."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            yield from group["params"]


def switches(optimizer: Any) -> bool:
    """Whether an optimizer has other weights for evaluation, as schedule-free ones do."""
    return callable(getattr(optimizer, "train", None)) and callable(getattr(optimizer, "eval", None))


def check_trained(model: torch.nn.Module, optimizers: list[torch.optim.Optimizer]) -> torch.Tensor:
    """The model's first parameter.

    Raises:
        JobError: the model has none, or an optimizer has none of the model's.
    """
    parameter = next(model.parameters(), None)
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
