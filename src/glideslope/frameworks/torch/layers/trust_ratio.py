"""The trust ratio, at each update: a step as long as a part of the weights, whatever the gradient's length."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch.utils.hooks import RemovableHandle

from glideslope.errors import LayerError
from glideslope.frameworks.torch.scheduler.inner import inner_optimizer
from glideslope.frameworks.torch.scheduler.update_counter import around_updates, with_gradients
from glideslope.schedules.amounts import real

RULES = ("lars", "lamb")


def trust_ratio(optimizer: Any, rule: str, *, coefficient: float = 0.001) -> list[RemovableHandle]:
    """Makes an optimizer move each parameter in proportion to its norm.

    "lars" multiplies each gradient, weight decay added, by coefficient · ‖w‖/(‖g‖ + λ‖w‖) before momentum: for SGD.
    "lamb" multiplies the whole step, weight decay in it, by ‖w‖/‖u‖, where the optimizer would have moved by lr · u:
    for AdamW. Where a norm is 0 the ratio is 1. Biases and scales of norms, vectors, are left as they are.

    Args:
        optimizer: the optimizer.
        rule: "lars" or "lamb".
        coefficient: the coefficient of "lars".

    Returns:
        Handles, whose `remove()` undoes it.

    Source: LARS, You et al. 2017, arXiv:1708.03888; LAMB, You et al. 2019, arXiv:1904.00962.

    Raises:
        LayerError: the rule isn't known, the coefficient isn't positive, or the optimizer maximizes.

    >>> import torch, glideslope as gs
    >>> weight = torch.nn.Parameter(torch.full((1, 4), 2.0))
    >>> optimizer = torch.optim.SGD([weight], lr=0.5)
    >>> handles = gs.torch.trust_ratio(optimizer, "lamb")
    >>> weight.grad = torch.full((1, 4), 1e-6)
    >>> optimizer.step()
    >>> weight.tolist()
    [[1.0, 1.0, 1.0, 1.0]]
    """
    if not isinstance(rule, str) or rule not in RULES:
        raise LayerError(f"rule={rule!r}: give 'lars', for SGD, or 'lamb', for AdamW")
    if not 0 < real("coefficient", coefficient, LayerError) < math.inf:
        raise LayerError(f"coefficient={coefficient}: give a positive number")
    inner = inner_optimizer(optimizer)
    if rule == "lamb":
        before: list[tuple[float, list[torch.Tensor]]] = []
        handles = around_updates(
            inner,
            before=lambda args, kwargs: _keep(inner, before),
            after=lambda skipped, compiled: _scale_steps(inner, before),
        )
    else:
        if any(group.get("maximize") for group in inner.param_groups):
            raise LayerError("lars adds weight decay to the gradient of a loss that is minimized: set maximize=False")
        decays: list[float] = []
        handles = around_updates(
            inner,
            before=partial(with_gradients, lambda: _scale_gradients(inner, coefficient, decays)),
            after=lambda skipped, compiled: _put_back(inner, decays),
        )
    # First of all, so that what measures the step, or changes the rate, sees it whole.
    hooks: Any = inner._optimizer_step_post_hooks
    hooks.move_to_end(handles[1].id, last=False)
    return handles


@torch.no_grad()
def _scale_gradients(optimizer: torch.optim.Optimizer, coefficient: float, decays: list[float]) -> None:
    """Adds the weight decay to the gradients of matrices, and scales them; the optimizer then has none to add."""
    _put_back(optimizer, decays)  # of a step that failed, or an earlier call of its closure
    factor = getattr(optimizer, "grad_scale", None)  # a fused optimizer divides by it, after this
    decays[:] = [group.get("weight_decay", 0.0) for group in optimizer.param_groups]
    for group, decay in zip(optimizer.param_groups, decays, strict=True):
        group["weight_decay"] = 0.0
        for weight in group["params"]:
            if weight.grad is None:
                continue
            if weight.grad.is_sparse and decay:
                raise LayerError("lars can't add weight decay to a sparse gradient: give its group weight_decay=0")
            gradient = weight.grad if factor is None else weight.grad.div_(factor)
            length, size = weight.norm(), gradient.norm()
            if decay:
                gradient.add_(weight, alpha=decay)
            if weight.dim() > 1:
                local = coefficient * length / (size + decay * length)
                gradient.mul_(torch.where((length > 0) & (size > 0), local, 1.0))
            if factor is not None:
                gradient.mul_(factor)


def _put_back(optimizer: torch.optim.Optimizer, decays: list[float]) -> None:
    for group, decay in zip(optimizer.param_groups, decays, strict=bool(decays)):
        group["weight_decay"] = decay
    decays.clear()


@torch.no_grad()
def _keep(optimizer: torch.optim.Optimizer, before: list[tuple[float, list[torch.Tensor]]]) -> None:
    before[:] = [
        (float(group["lr"]), [weight.detach().clone() for weight in group["params"]])
        for group in optimizer.param_groups
    ]


@torch.no_grad()
def _scale_steps(optimizer: torch.optim.Optimizer, before: list[tuple[float, list[torch.Tensor]]]) -> None:
    for group, (lr, kept) in zip(optimizer.param_groups, before, strict=True):
        for weight, was in zip(group["params"], kept, strict=True):
            if weight.grad is None or weight.dim() < 2:
                continue
            moved = weight - was
            length, step = was.norm(), moved.norm() / lr
            weight.copy_(was + moved * torch.where((length > 0) & (step > 0), length / step, 1.0))
    before.clear()
