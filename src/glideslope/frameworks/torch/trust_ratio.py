"""The trust ratio, at each update: a step as long as a part of the weights, whatever the gradient's length."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.utils.hooks import RemovableHandle

from glideslope.errors import LayerError
from glideslope.frameworks.torch.updates import unwrapped

RULES = ("lars", "lamb")


def trust_ratio(optimizer: Any, rule: str, *, coefficient: float = 0.001) -> list[RemovableHandle]:
    """Has an optimizer move each parameter in proportion to its norm.

    "lars" multiplies each gradient, weight decay added, by coefficient · ‖w‖/(‖g‖ + λ‖w‖) before momentum: for SGD.
    "lamb" multiplies the whole step, weight decay in it, by ‖w‖/‖u‖, where the optimizer would have moved by lr · u:
    for AdamW. Where a norm is 0 the ratio is 1. Biases and scales of norms, vectors, are left as they are.

    Args:
        optimizer: the optimizer.
        rule: "lars" or "lamb".
        coefficient: of "lars".

    Returns:
        Handles, whose `remove()` undoes it.

    Source: LARS, You et al. 2017, arXiv:1708.03888; LAMB, You et al. 2019, arXiv:1904.00962.

    Raises:
        LayerError: the rule isn't known, or the coefficient isn't positive.

    >>> import torch, glideslope as gs
    >>> weight = torch.nn.Parameter(torch.full((1, 4), 2.0))
    >>> optimizer = torch.optim.SGD([weight], lr=0.5)
    >>> handles = gs.torch.trust_ratio(optimizer, "lamb")
    >>> weight.grad = torch.full((1, 4), 1e-6)
    >>> optimizer.step()
    >>> weight.tolist()
    [[1.0, 1.0, 1.0, 1.0]]
    """
    if rule not in RULES:
        raise LayerError(f"rule={rule!r}: give 'lars', for SGD, or 'lamb', for AdamW")
    if not 0 < coefficient < math.inf:
        raise LayerError(f"coefficient={coefficient}: give a positive number")
    inner = unwrapped(optimizer)
    if rule == "lars":
        decays: list[float] = []
        return [
            inner.register_step_pre_hook(lambda o, args, kwargs: _scale_gradients(o, coefficient, decays)),
            inner.register_step_post_hook(lambda o, args, kwargs: _put_back(o, decays)),
        ]
    before: list[list[torch.Tensor]] = []
    return [
        inner.register_step_pre_hook(lambda o, args, kwargs: _keep(o, before)),
        inner.register_step_post_hook(lambda o, args, kwargs: _scale_steps(o, before)),
    ]


@torch.no_grad()
def _scale_gradients(optimizer: torch.optim.Optimizer, coefficient: float, decays: list[float]) -> None:
    """Adds the weight decay to the gradients of matrices, and scales them; the optimizer then has none to add."""
    decays[:] = [group.get("weight_decay", 0.0) for group in optimizer.param_groups]
    for group, decay in zip(optimizer.param_groups, decays, strict=True):
        group["weight_decay"] = 0.0
        for weight in group["params"]:
            if weight.grad is None:
                continue
            length, gradient = weight.norm(), weight.grad.norm()
            if decay:
                weight.grad.add_(weight, alpha=decay)
            if weight.dim() > 1:
                local = coefficient * length / (gradient + decay * length)
                weight.grad.mul_(torch.where((length > 0) & (gradient > 0), local, 1.0))


def _put_back(optimizer: torch.optim.Optimizer, decays: list[float]) -> None:
    for group, decay in zip(optimizer.param_groups, decays, strict=True):
        group["weight_decay"] = decay


@torch.no_grad()
def _keep(optimizer: torch.optim.Optimizer, before: list[list[torch.Tensor]]) -> None:
    before[:] = [[weight.detach().clone() for weight in group["params"]] for group in optimizer.param_groups]


@torch.no_grad()
def _scale_steps(optimizer: torch.optim.Optimizer, before: list[list[torch.Tensor]]) -> None:
    for group, kept in zip(optimizer.param_groups, before, strict=True):
        for weight, was in zip(group["params"], kept, strict=True):
            if weight.grad is None or weight.dim() < 2:
                continue
            moved = weight - was
            length, step = was.norm(), moved.norm() / group["lr"]
            weight.copy_(was + moved * torch.where((length > 0) & (step > 0), length / step, 1.0))
    before.clear()
