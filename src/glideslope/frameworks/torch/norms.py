"""Norms of tensors of any kind: of half or double precision, complex, or divided among processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from glideslope.frameworks.torch.distributed import of_this_process
from glideslope.frameworks.torch.private import foreach_norm


def real_numbers(tensor: torch.Tensor) -> torch.Tensor:
    """The numbers of a tensor, or of this process's shard of it; of complex ones both parts."""
    mine = of_this_process(tensor)
    return torch.view_as_real(mine) if mine.is_complex() else mine


def norms(numbers: list[torch.Tensor]) -> torch.Tensor:
    """The norm of each tensor of real numbers, shape (n,): in single precision, in double where one of them is."""
    precision = torch.float64 if any(each.dtype == torch.float64 for each in numbers) else torch.float32
    return torch.stack(list(foreach_norm(numbers, dtype=precision)))


def add_shards(values: torch.Tensor, tensors: Sequence[Any]) -> None:
    """Adds up, over the processes that each of these tensors is divided among, its value of each process; in place."""
    layouts: dict[Any, list[int]] = {}
    for i, tensor in enumerate(tensors):
        if hasattr(tensor, "placements"):
            layouts.setdefault((tensor.device_mesh, tuple(tensor.placements)), []).append(i)
    for (mesh, placements), places in layouts.items():
        from torch.distributed.tensor import DTensor, Partial, Replicate

        parts = [Replicate() if placement.is_replicate() else Partial() for placement in placements]
        values[places] = DTensor.from_local(values[places], mesh, parts).full_tensor()
