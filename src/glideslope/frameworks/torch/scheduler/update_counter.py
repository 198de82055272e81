"""The updates that an optimizer has really made."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.hooks import RemovableHandle

from glideslope.callers import callers
from glideslope.frameworks.torch.distributed import of_this_process

Before = Callable[[Any, Any], Any]  # is called with the arguments of an optimizer's `step`; may return others
After = Callable[[torch.Tensor | None, bool], None]
"""Is called with (found, compiled): `found` is None, or a tensor on the device that isn't 0 where the gradients weren't
finite and nothing was updated; `compiled` whether the step was."""


class Updates:
    """Counts an optimizer's updates: those `made`, and the calls that may have been one, as far as that is `undecided`:
    no micro-batch under accumulation, another process's share, or step that a gradient scaler left out. A fused
    optimizer is called even for those, with a flag on its device, which is read only when the count is needed. With
    `each_call` the scheduler counts its own calls, and there is always `news`: a call that is undecided, or found
    `compiled`, and was not looked at."""

    def __init__(self, each_call: bool = False) -> None:
        self.made = 0
        self.undecided: list[torch.Tensor] = []
        self.compiled = False
        self.news = self.each_call = each_call

    def count(self, skipped: torch.Tensor | None, compiled: bool) -> None:
        """Counts an update, or a call that may have been one."""
        if skipped is None:
            self.made += 1
        else:
            self.undecided.append(skipped)
            self.news = True
        if compiled and not self.compiled:
            self.compiled = self.news = True

    def decide(self) -> None:
        """Counts the updates of which only the device knew; waits for it."""
        self.made += sum(skipped.item() == 0 for skipped in self.undecided)
        self.undecided.clear()
        self.news = self.each_call


def around_updates(
    optimizer: torch.optim.Optimizer, *, before: Before | None = None, after: After | None = None
) -> list[RemovableHandle]:
    """Calls `before` and `after` once around each update, until the handles that it returns are removed. torch hooks
    the `step` of each class: where a subclass's calls its parent's, the hooks run for both, and only the outermost call
    is the update. A call by torch.distributed.checkpoint, which fills an empty state, is none."""
    running = _Running()

    def enter(stepped: Any, args: Any, kwargs: Any, compiled: bool = False) -> Any:
        begins = running.enter(stepped, kwargs, compiled)
        return before(args, kwargs) if begins and before is not None else None

    def leave(skipped: torch.Tensor | None, compiled: bool = False) -> None:
        if running.leave(optimizer, compiled) and after is not None:
            after(skipped, compiled)

    untraced_enter: Any = torch.compiler.disable(enter)  # type: ignore[no-untyped-call]
    untraced_leave: Any = torch.compiler.disable(leave)  # type: ignore[no-untyped-call]  # else compiled for each count

    def pre(stepped: Any, args: Any, kwargs: Any) -> Any:
        if torch.compiler.is_compiling():
            return untraced_enter(stepped, args, kwargs, True)
        return enter(stepped, args, kwargs)

    def post(stepped: Any, args: Any, kwargs: Any) -> None:
        if torch.compiler.is_compiling():
            untraced_leave(getattr(stepped, "found_inf", None), True)
        else:
            leave(getattr(stepped, "found_inf", None))

    return [optimizer.register_step_pre_hook(pre), optimizer.register_step_post_hook(post)]


def with_gradients(do: Callable[[], None], args: Any, kwargs: Any) -> Any:
    """Calls a function where the gradients of an update are there: now, before the optimizer's step; or where that has
    a closure, after each call of it, by other arguments of the step, which are returned."""
    closure = args[1] if len(args) > 1 else kwargs.get("closure")
    if closure is None:
        do()
        return None

    def followed() -> Any:
        with torch.enable_grad():
            loss = closure()
        do()
        return loss

    return ((args[0], followed, *args[2:]), kwargs) if len(args) > 1 else (args, {**kwargs, "closure": followed})


def while_held(observer: object, handles: list[RemovableHandle]) -> None:
    """Removes hooks when nobody holds the observer any more."""
    for handle in handles:
        weakref.finalize(observer, handle.remove)


def weakly(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of an object that isn't held by it: does nothing when the object is gone."""
    reference = weakref.WeakMethod(method)

    def call(*args: Any) -> Any:
        bound = reference()
        return bound(*args) if bound is not None else None

    return call


class _Running:
    """How many calls of an optimizer's step run, one within the other, and whether the outermost is an update."""

    def __init__(self) -> None:
        self.depth = 0
        self.updates = False

    def enter(self, optimizer: torch.optim.Optimizer, kwargs: Any, compiled: bool) -> bool:
        """Notes a call; whether an update begins."""
        if self.depth and not compiled:  # within another call, or after one that raised and never left
            self.depth = _calls_on_the_stack(optimizer) - 1
        self.depth += 1
        if self.depth > 1:
            return False
        self.updates = compiled or not _only_initialises(optimizer, kwargs)
        return self.updates

    def leave(self, optimizer: torch.optim.Optimizer, compiled: bool) -> bool:
        """Notes that a call returns; whether it ends an update."""
        if self.depth > 1 and not compiled:  # within another call, or after one within this that raised
            self.depth = _calls_on_the_stack(optimizer)
        self.depth = max(self.depth - 1, 0)
        return self.depth == 0 and self.updates


_HOOKED_STEP = torch.optim.Optimizer.profile_hook_step(lambda self: None).__code__
"""The code of each step that torch has hooked."""


def _calls_on_the_stack(optimizer: torch.optim.Optimizer) -> int:
    """How many calls of its hooked step are running."""
    return sum(frame.f_code is _HOOKED_STEP and frame.f_locals.get("self") is optimizer for frame in callers())


def _only_initialises(optimizer: torch.optim.Optimizer, kwargs: Any) -> bool:
    """Whether a call is torch.distributed.checkpoint's, which fills an empty state: rates of 0, gradients of 0."""
    groups = optimizer.param_groups
    if kwargs != {"closure": None} or optimizer.state or any(group.get("lr", 0) != 0 for group in groups):
        return False
    gradients = (weight.grad for group in groups for weight in group["params"] if weight.grad is not None)
    return not any(gradient.is_sparse or bool(of_this_process(gradient).any()) for gradient in gradients)
