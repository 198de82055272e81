"""The updates that an optimizer has really made."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.hooks import RemovableHandle

from glideslope.errors import ScheduleError


class Updates:
    """Counts an optimizer's updates by a hook that runs after each.

    So what is no update isn't counted: a micro-batch under accumulation, another process's share, a step that a
    gradient scaler left out. A fused optimizer is called even for those, and told on its device that the gradients
    aren't finite: whether it made an update is asked only when somebody wants to know.

    Attributes:
        made: the updates made, without those that are undecided.
        undecided: of each call that may have been an update, whether the gradients weren't finite.
        compiled: whether an update was made by a compiled step.
        news: whether anything is undecided, or found compiled, that was not looked at.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.made = 0
        self.undecided: list[torch.Tensor] = []
        self.compiled = False
        self.news = False
        self.handle = after_each_update(optimizer, self._count)

    def decide(self) -> None:
        """Counts the updates of which only the device knew; waits for it."""
        self.made += sum(found.item() == 0 for found in self.undecided)
        self.undecided.clear()
        self.news = False

    def _count(self, found: torch.Tensor | None, compiled: bool) -> None:
        if found is None:
            self.made += 1
        else:
            self.undecided.append(found)
            self.news = True
        if compiled and not self.compiled:
            self.compiled = self.news = True


def after_each_update(
    optimizer: torch.optim.Optimizer, told: Callable[[torch.Tensor | None, bool], None]
) -> RemovableHandle:
    """Calls `told(found, compiled)` after each update.

    `found` is None, or a tensor on the device that isn't 0 where the gradients weren't finite and nothing was updated;
    `compiled` whether the step was.
    """
    untraced: Any = torch.compiler.disable(told)  # type: ignore[no-untyped-call]  # else compiled for each new count
    first = True

    def hook(made: Any, args: Any, kwargs: Any) -> None:
        nonlocal first
        if torch.compiler.is_compiling():
            untraced(getattr(made, "found_inf", None), True)
        elif not ((first or not made.state) and _only_initialises()):
            first = False
            told(getattr(made, "found_inf", None), False)

    return optimizer.register_step_post_hook(hook)


def _only_initialises() -> bool:
    """Whether the optimizer was called by torch.distributed.checkpoint, at a rate of 0, to fill its empty state."""
    frame = sys._getframe(1)
    while frame := frame.f_back:  # type: ignore[assignment]
        if frame.f_code.co_name == "_init_optim_state":
            return True
    return False


def unwrapped(optimizer: Any) -> torch.optim.Optimizer:
    """The optimizer inside the wrappers that Accelerate and Lightning put around it.

    Raises:
        ScheduleError: there is no torch optimizer inside.
    """
    inner = optimizer
    while not hasattr(inner, "_optimizer_step_post_hooks") and hasattr(inner, "optimizer"):
        inner = inner.optimizer
    if not isinstance(inner, torch.optim.Optimizer):
        raise ScheduleError(f"{optimizer!r} is not a torch optimizer, nor a wrapper with one as .optimizer")
    return inner
