"""The optimizer that makes the updates, inside the wrappers around it."""

from __future__ import annotations

from typing import Any

import torch

from glideslope.errors import ScheduleError


def inner_optimizer(optimizer: Any) -> torch.optim.Optimizer:
    """The innermost optimizer over the same parameter groups, whose `step` makes the update. Accelerate, Lightning,
    Lookahead, SAM and others hold another in an attribute; some update without their own `step` (SAM's `second_step`),
    or have no hooks, and the one inside has both. A wrapper with groups of its own, such as ZeroRedundancyOptimizer, is
    the optimizer itself. Raises a ScheduleError if there is no torch optimizer with step hooks inside."""
    if isinstance(optimizer, type):
        raise ScheduleError(
            f"{optimizer.__name__} is a class: give an optimizer, {optimizer.__name__}(model.parameters(), lr=…)"
        )
    if optimizer is None or isinstance(optimizer, str):
        raise ScheduleError(
            f"{optimizer!r} isn't an optimizer: give one, such as torch.optim.AdamW(model.parameters())"
        )
    innermost, inside = optimizer, _inside(optimizer)
    while inside is not None:
        innermost, inside = inside, _inside(inside)
    if not (isinstance(innermost, torch.optim.Optimizer) and hasattr(innermost, "_optimizer_step_post_hooks")):
        raise ScheduleError(
            f"{type(optimizer).__name__} is neither a torch optimizer whose updates can be counted nor a wrapper that "
            'holds one: give the optimizer inside, or gs.torch.Scheduler(..., count="step"), for which each '
            "scheduler.step() is one update"
        )
    return innermost


def as_scheduled(optimizer: Any) -> Any:
    """The optimizer that a scheduler is of: the one given, without what Accelerate puts around it. Accelerate and
    Lightning match a scheduler with its optimizer by this."""
    while type(optimizer).__module__.startswith("accelerate."):
        optimizer = optimizer.optimizer
    return optimizer


def _inside(wrapper: Any) -> Any | None:
    """The attribute of a wrapper that has the same parameter groups."""
    groups = getattr(wrapper, "param_groups", None)
    parts = vars(wrapper).values() if hasattr(wrapper, "__dict__") else ()
    for part in parts:
        if (
            part is not wrapper
            and callable(getattr(part, "step", None))
            and _same(getattr(part, "param_groups", None), groups)
        ):
            return part
    return None


def _same(groups: Any, others: Any) -> bool:
    """Whether two lists hold the same parameter groups, not copies of them."""
    if not (isinstance(groups, list | tuple) and isinstance(others, list | tuple)):
        return False
    return len(groups) == len(others) > 0 and all(a is b for a, b in zip(groups, others, strict=True))
