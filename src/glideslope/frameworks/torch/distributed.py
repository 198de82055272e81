"""Values over the processes of a training."""

from __future__ import annotations

from typing import Any

import torch
from torch import distributed


def is_distributed() -> bool:
    """Whether a process group is open."""
    return distributed.is_available() and distributed.is_initialized()


def mean_over_ranks(metric: float | torch.Tensor) -> float:
    """The mean of a metric over all processes, so that what is decided by it is decided by all alike.

    Args:
        metric: a number, or a tensor of one element, on a device that the process group can reduce on.

    Returns:
        The mean; the metric itself where no process group is open.

    >>> mean_over_ranks(0.5)
    0.5
    """
    if not is_distributed():
        return float(metric)
    here = torch.device("cuda", torch.cuda.current_device()) if distributed.get_backend() == "nccl" else "cpu"
    device = metric.device if isinstance(metric, torch.Tensor) else here
    total = torch.tensor(float(metric), dtype=torch.float64, device=device)
    distributed.all_reduce(total)
    return total.item() / distributed.get_world_size()


def greatest_over_ranks(device: torch.device, *values: float) -> list[float]:
    """The greatest of each value over all processes."""
    worst = torch.tensor(values, dtype=torch.float64, device=device)
    distributed.all_reduce(worst, op=distributed.ReduceOp.MAX)
    return worst.tolist()


def of_this_process(tensor: Any) -> torch.Tensor:
    """A tensor, or this process's shard of it."""
    plain = type(tensor) in (torch.Tensor, torch.nn.Parameter) or not hasattr(tensor, "to_local")
    return tensor if plain else tensor.to_local()  # type: ignore[no-any-return]
