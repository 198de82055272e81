"""All that the next update of a torch training depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from glideslope.errors import JobError
from glideslope.frameworks.torch.job import randomness, state_checks
from glideslope.frameworks.torch.job.averaging import Average, unsaved_buffers
from glideslope.frameworks.torch.job.epochs import Epochs
from glideslope.frameworks.torch.job.job_state import load_optimizer, snapshot
from glideslope.frameworks.torch.job.loader import Position
from glideslope.frameworks.torch.job.rates import parameters


class Contents:
    """Saves and loads a training: the model, the optimizers of its parameters and of others, such as those of a loss
    function, the scaler, the position in the data, and the generators besides the global ones. `losses` that are
    modules may have parameters and buffers."""

    def __init__(
        self,
        model: torch.nn.Module,
        optimizers: Sequence[torch.optim.Optimizer],
        losses: Sequence[Any],
        scaler: torch.amp.GradScaler | None,
        data: Position | Epochs,
        generators: list[randomness.Source],
    ) -> None:
        self.model, self.optimizers, self.scaler, self.data = model, optimizers, scaler, data
        self.generators = generators
        of_model = {id(each) for each in (*model.parameters(), *model.buffers())}
        modules = [loss for loss in losses if isinstance(loss, torch.nn.Module)]
        others = [*parameters(optimizers), *(each for module in modules for each in module.buffers())]
        self._others = list({id(each): each for each in others if id(each) not in of_model}.values())

    def save(self, average: Average | None, memory: int) -> dict[str, Any]:
        """A snapshot, with the average if there is one; in a temporary file above so many bytes."""
        states = [optimizer.state_dict() for optimizer in self.optimizers]
        state = snapshot(
            {
                "model": self.model.state_dict(),
                "buffers": unsaved_buffers(self.model),
                "optimizer": states[0] if len(states) == 1 else states,
                "others": [each.detach() for each in self._others],
                "average": average.state() if average else {},
                "scaler": self.scaler.state_dict() if self.scaler else {},
            },
            memory,
        )
        trained = [each.requires_grad for each in self.model.parameters()]
        return {**state, "trained": trained, "data": self.data.save(), "random": randomness.save(self.generators)}

    def check(self, state: Any, counts: Sequence[str] = ()) -> None:
        """Checks every part of a state, and its `counts`, before any is loaded. Raises a JobError for another's."""
        parts = ("model", "buffers", "optimizer", "average", "scaler", "data", "random", *counts)
        if not isinstance(state, Mapping) or (missing := [name for name in parts if name not in state]):
            lacking = f"lacks {', '.join(missing)}" if isinstance(state, Mapping) else f"is a {type(state).__name__}"
            raise JobError(f"the state of the job {lacking}: give what its state() returned")
        states = state["optimizer"] if isinstance(state["optimizer"], list) else [state["optimizer"]]
        if len(states) != len(self.optimizers):
            raise JobError(f"the state of the job has {len(states)} optimizers, and the job has "
                           f"{len(self.optimizers)}: give one of its own")  # fmt: skip
        state_checks.check_tensors("model", state["model"], here := self.model.state_dict())
        state_checks.check_tensors("model's unsaved buffers", state["buffers"], unsaved_buffers(self.model))
        state_checks.check_others(state.get("others", ()), self._others)
        state_checks.check_trainable(state.get("trained"), self.model)
        for optimizer, saved in zip(self.optimizers, states, strict=True):
            state_checks.check_optimizer(optimizer, saved)
        if self.scaler:
            state_checks.check_scaler(state["scaler"], self.scaler.state_dict())
        if not isinstance(state["average"], Mapping) or state["average"]:
            state_checks.check_average(state["average"], here)
        state_checks.check_random(state["random"], self.generators)
        self.data.check(state["data"])

    def load(self, state: dict[str, Any]) -> Average | None:
        """Puts all back to where a snapshot was taken, which was checked; returns the average of the weights."""
        self.data.load(state["data"])  # first: a loader of the user's may refuse its part
        self.model.load_state_dict(state["model"])
        for name, buffer in unsaved_buffers(self.model).items():
            buffer.copy_(state["buffers"][name])
        for each, saved in zip(self._others, state.get("others", ()), strict=True):
            each.data.copy_(saved)
        for each, is_trained in zip(self.model.parameters(), state.get("trained", ()), strict=False):
            each.requires_grad_(is_trained)  # a layer may be frozen, or join, on the way
        states = state["optimizer"] if isinstance(state["optimizer"], list) else [state["optimizer"]]
        for optimizer, saved in zip(self.optimizers, states, strict=True):
            load_optimizer(optimizer, saved)
        if self.scaler:
            self.scaler.load_state_dict(state["scaler"])
        randomness.load(state["random"], self.generators)
        return Average.restored(self.model, state["average"]) if state["average"] else None
