"""All that the next update of a torch training depends on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch

from glideslope.frameworks.torch import randomness
from glideslope.frameworks.torch.averaging import Average, unsaved_buffers
from glideslope.frameworks.torch.rates import parameters
from glideslope.frameworks.torch.snapshot import load_optimizer, snapshot


class Data(Protocol):
    """A position in the training data."""

    def save(self) -> dict[str, Any]:
        """The position: plain data and tensors."""
        ...

    def load(self, state: dict[str, Any], /) -> None:
        """Goes back to a position."""
        ...


class Contents:
    """Saves and loads a training.

    Args:
        model: the network.
        optimizers: of its parameters; and of others, such as those of a loss function.
        scaler: of the gradients.
        data: the position in the training data.
        generators: besides the global ones.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        optimizers: Sequence[torch.optim.Optimizer],
        scaler: torch.amp.GradScaler | None,
        data: Data,
        generators: list[randomness.Source],
    ) -> None:
        self.model, self.optimizers, self.scaler, self.data = model, optimizers, scaler, data
        self.generators = generators
        of_model = set(map(id, model.parameters()))
        self._others = [each for each in parameters(optimizers) if id(each) not in of_model]

    def save(self, average: Average | None, memory: int) -> dict[str, Any]:
        """A snapshot: tensors and plain data.

        Args:
            average: of the weights, if there is one.
            memory: the bytes above which it is kept in a temporary file.
        """
        states = [optimizer.state_dict() for optimizer in self.optimizers]
        return snapshot(
            {
                "model": self.model.state_dict(),
                "buffers": unsaved_buffers(self.model),
                "optimizer": states[0] if len(states) == 1 else states,
                "others": [parameter.detach() for parameter in self._others],
                "average": average.state() if average else {},
                "scaler": self.scaler.state_dict() if self.scaler else {},
                "data": self.data.save(),
                "random": randomness.save(self.generators),
            },
            memory,
        )

    def load(self, state: dict[str, Any]) -> Average | None:
        """Puts all back to where a snapshot was taken; returns the average of the weights."""
        self.model.load_state_dict(state["model"])
        for name, buffer in unsaved_buffers(self.model).items():
            buffer.copy_(state["buffers"][name])
        for parameter, saved in zip(self._others, state.get("others", ()), strict=True):
            parameter.data.copy_(saved)
        states = state["optimizer"] if isinstance(state["optimizer"], list) else [state["optimizer"]]
        for optimizer, saved in zip(self.optimizers, states, strict=True):
            load_optimizer(optimizer, saved)
        if self.scaler:
            self.scaler.load_state_dict(state["scaler"])
        self.data.load(state["data"])
        randomness.load(state["random"], self.generators)
        return Average.restored(self.model, state["average"]) if state["average"] else None
