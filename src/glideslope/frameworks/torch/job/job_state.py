"""An independent copy of a training's state, which takes no memory of its device."""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import torch
from torch.optim import Optimizer

from glideslope.errors import JobError

MEMORY = 2**31  # the bytes of a state above which it is kept on disk


def snapshot(state: dict[str, Any], memory: int) -> dict[str, Any]:
    """A copy of a state, of tensors and plain data, in the CPU's memory, pinned where it comes from CUDA; of more than
    so many bytes in a file of Python's `tempfile`, mapped into memory and deleted with the last of its tensors."""
    size = sum(dict(map(_place_and_bytes, _tensors(state))).values())
    copied: dict[str, Any] = _copied(state) if size <= memory else _in_a_file(state, size)
    return copied


def load_optimizer(optimizer: Optimizer, state: dict[str, Any]) -> None:
    """Loads an optimizer's part of a snapshot, of which nothing is shared with the optimizer after. On a device the old
    state is let go before the new one is made there."""
    usual = type(optimizer).load_state_dict is Optimizer.load_state_dict
    devices = {parameter.device.type for group in optimizer.param_groups for parameter in group["params"]}
    if not usual or "cpu" in devices:
        optimizer.load_state_dict(_copied(state))
        return
    optimizer.state.clear()
    # Optimizer.load_state_dict copies each tensor to its parameter's device, except the counts of updates.
    shared = {id(tensor): tensor for tensor in _tensors(state) if tensor.dim() and tensor.device.type == "cpu"}
    optimizer.load_state_dict(copy.deepcopy(state, shared))


def _copied(state: Any) -> Any:
    """A copy of a state in the CPU's memory. `copy.deepcopy` of plain tensors takes five times as long."""
    copies: dict[int, Any] = {}
    same: dict[Any, torch.Tensor] = {}
    for tensor in _tensors(state):
        if tensor.device.type == "cpu" and (tensor.requires_grad or not _is_strided(tensor)):
            continue
        place = tensor.device, _view(tensor)
        if place not in same:  # tied weights are copied once
            same[place] = _copy(tensor)
        copies[id(tensor)] = same[place]
    return copy.deepcopy(state, copies)


def _tensors(item: Any) -> Iterator[torch.Tensor]:
    if isinstance(item, torch.Tensor):
        yield item
    elif isinstance(item, Mapping):
        for value in item.values():
            yield from _tensors(value)
    elif isinstance(item, list | tuple):
        for value in item:
            yield from _tensors(value)


def _place_and_bytes(tensor: torch.Tensor) -> tuple[int, int]:
    """Where the memory of a tensor begins, which tied weights share, and its size."""
    try:
        storage = tensor.untyped_storage()
        return storage.data_ptr(), storage.nbytes()
    except (RuntimeError, NotImplementedError):  # a sparse tensor, or one made of others
        return id(tensor), tensor.numel() * tensor.element_size()


def _view(tensor: torch.Tensor) -> Any:
    """The identity of a tensor among those of one device: equal for two that read the same memory in the same way."""
    if not _is_strided(tensor):
        return id(tensor)
    return tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride()


def _is_strided(tensor: torch.Tensor) -> bool:
    return type(tensor) in (torch.Tensor, torch.nn.Parameter) and tensor.layout == torch.strided


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    tensor = tensor.detach()
    if tensor.device.type == "cpu":
        return tensor.clone()
    if not tensor.is_cuda or tensor.layout != torch.strided:
        return tensor.cpu()
    return torch.empty_like(tensor, device="cpu", pin_memory=True).copy_(tensor)


def _in_a_file(state: dict[str, Any], size: int) -> dict[str, Any]:
    handle, path = tempfile.mkstemp(prefix="glideslope-", suffix=".state")
    try:
        with os.fdopen(handle, "wb") as file:
            torch.save(state, file)  # one tensor after another passes through the CPU's memory
        stored: dict[str, Any] = torch.load(path, map_location="cpu", mmap=True, weights_only=False)
        return stored
    except (OSError, RuntimeError) as error:
        raise JobError(
            f"a state of {size:,} bytes can't be kept in {os.path.dirname(path)}: {error}; name a folder with room in "
            "the variable TMPDIR, or give the job a larger memory= to keep it there"
        ) from error
    finally:
        with suppress(OSError):  # Windows keeps a file that is mapped
            os.unlink(path)
