"""Gradient norms at two batch sizes, the arguments of `gs.batches.noise_scale`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import distributed

from glideslope.errors import BatchError
from glideslope.frameworks.torch.distributed import is_distributed
from glideslope.frameworks.torch.norms import norms, real_numbers
from glideslope.frameworks.torch.private import foreach_add_


def gradient_norms(
    model: torch.nn.Module, loss: Callable[[Any, Any], torch.Tensor], batches: Iterable[Any], parts: int = 8
) -> tuple[list[float], list[float], tuple[int, int]]:
    """Squared norms of gradients of parts of batches, and of whole batches: the arguments of `gs.batches.noise_scale`.

    Args:
        model: the network, in the mode that it is in; weights, gradients and buffers stay as they are.
        loss: the loss function of outputs and targets, a mean over the batch.
        batches: each (inputs…, targets), on the model's device.
        parts: into how many equal parts each is split.

    Returns:
        The mean over a batch's parts of ‖g‖², one for each batch; ‖g‖² of each whole batch; the examples in a part and
        in a batch.

    Raises:
        BatchError: the batches aren't all of one size that is a multiple of `parts`, or there are none.

    >>> import torch, glideslope as gs
    >>> model = torch.nn.Linear(3, 1)
    >>> batches = [(torch.randn(64, 3), torch.randn(64, 1)) for _ in range(10)]
    >>> measured = gs.torch.gradient_norms(model, torch.nn.functional.mse_loss, batches)
    >>> measured[2]
    (8, 64)
    >>> scale = gs.batches.noise_scale(*measured)
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trained or parts < 2:
        raise BatchError(
            f"parts={parts} of batches, {len(trained)} parameters with gradients: give two parts, one parameter"
        )
    with _buffers_kept(model):
        small, large, sizes = _squares(model, loss, batches, parts, trained)
    if len(sizes) != 1:
        raise BatchError(f"batches of {sorted(whole for _, whole in sizes)} examples: give some, all of one size")
    return [norm.item() for norm in small], [norm.item() for norm in large], sizes.pop()


@contextmanager
def _buffers_kept(model: torch.nn.Module) -> Iterator[None]:
    """Puts the buffers back as they were, also when a batch can't be measured."""
    kept = [buffer.clone() for buffer in model.buffers()]
    try:
        yield
    finally:
        for buffer, saved in zip(model.buffers(), kept, strict=True):
            buffer.copy_(saved)


def _squares(
    model: torch.nn.Module, loss: Callable[[Any, Any], torch.Tensor], batches: Iterable[Any], parts: int,
    trained: list[torch.nn.Parameter],
) -> tuple[list[torch.Tensor], list[torch.Tensor], set[tuple[int, int]]]:  # fmt: skip
    """The squared norms of parts and of whole batches, and the sizes of both."""
    small: list[torch.Tensor] = []
    large: list[torch.Tensor] = []
    sizes: set[tuple[int, int]] = set()
    for *inputs, targets in batches:
        size, rest = divmod(len(targets), parts)
        if rest or not size:
            raise BatchError(f"a batch of {len(targets)} can't be split into {parts} equal parts, two or more")
        sizes.add((size, len(targets)))
        squares = torch.zeros(())
        total = [torch.zeros_like(real_numbers(parameter), dtype=torch.float32) for parameter in trained]
        for i in range(parts):
            at = slice(i * size, (i + 1) * size)
            value = loss(model(*(item[at] for item in inputs)), targets[at])
            gradient = torch.autograd.grad(value, trained, allow_unused=True, materialize_grads=True)
            squares = squares.to(value.device) + _square(gradient)
            foreach_add_(total, [real_numbers(part.to_dense()).float() for part in gradient], alpha=1 / parts)
        small.append(squares / parts)
        large.append(_square(total))
    return small, large, sizes


def rank_gradient_norms(parameters: Iterable[torch.Tensor], batch: int) -> tuple[float, float, tuple[int, int]]:
    """One measurement for `gs.batches.noise_scale` from the gradient of each process, beside the mean of all.

    Call it on every process after the backward pass, where the gradients aren't averaged yet: DDP's under
    `model.no_sync()`. They are left as they are.

    Args:
        parameters: with gradients.
        batch: the examples that this process's gradient is of.

    Returns:
        The mean over processes of ‖g‖², ‖g‖² of the mean gradient, and the examples in each.

    Raises:
        BatchError: there is only one process.
    """
    if not (is_distributed() and distributed.get_world_size() > 1):
        raise BatchError("one process has one gradient: measure with gs.torch.gradient_norms, on parts of a batch")
    ranks = distributed.get_world_size()
    gradients = [parameter.grad.detach().clone() for parameter in parameters if parameter.grad is not None]
    squared = _square(gradients)
    distributed.all_reduce(squared)
    for gradient in gradients:
        distributed.all_reduce(gradient)
    return squared.item() / ranks, _square(gradients).item() / ranks**2, (batch, batch * ranks)


def _square(gradients: Iterable[torch.Tensor]) -> torch.Tensor:
    dense = [real_numbers(gradient.to_dense()) for gradient in gradients]
    return norms(dense).double().square().sum()
