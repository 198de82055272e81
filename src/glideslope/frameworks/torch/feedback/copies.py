"""Copies of a training's numbers: those of one kind in one tensor, since many small copies take long."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from glideslope.frameworks.torch.distributed import of_this_process

_CONTAINERS, _VALUES = (dict, list, tuple), (int, float, bool, str, type(None))
_PLAIN = (torch.Tensor, torch.nn.Parameter)
Kind = tuple[torch.dtype, torch.device]


class _Part(NamedTuple):
    """Where a tensor is in the one that holds all of its kind."""

    kind: Kind
    begin: int
    shape: torch.Size


class Copy:
    """A copy of nested containers of tensors and plain values; NumPy's scalars become Python's. The memory of an older
    copy, `into`, is written over where it suits: to get new memory takes longer."""

    def __init__(self, tree: Any, into: Copy | None = None) -> None:
        pieces: defaultdict[Kind, list[torch.Tensor]] = defaultdict(list)
        sizes: defaultdict[Kind, int] = defaultdict(int)

        def outlined(value: Any) -> Any:
            if type(value) in _VALUES:
                return value
            if not isinstance(value, torch.Tensor):
                return value.item() if isinstance(value, np.generic) else copy.deepcopy(value)
            if type(value) not in _PLAIN or value.layout != torch.strided or not value.is_contiguous():
                self._alone.append(clone := value.detach().clone())
                return clone
            kind = value.dtype, value.device
            begin = sizes[kind]
            sizes[kind] += value.numel()
            pieces[kind].append(value.detach().view(-1))
            return _Part(kind, begin, value.shape)

        self._alone: list[torch.Tensor] = []
        self._outline = mapped(tree, outlined)
        self._joined: dict[Kind, torch.Tensor] = {}
        for kind, of_kind in pieces.items():
            old = into._joined.get(kind) if into else None
            fits = old is not None and len(old) == sizes[kind]
            self._joined[kind] = torch.cat(of_kind, out=old if fits else None)

    def tree(self) -> Any:
        """The copied containers, whose tensors are parts of this copy."""

        def filled(value: Any) -> Any:
            if not isinstance(value, _Part):
                return value
            return self._joined[value.kind][value.begin : value.begin + value.shape.numel()].view(value.shape)

        return mapped(self._outline, filled)

    def numbers(self) -> list[torch.Tensor]:
        """All real and complex numbers, in as few tensors as there are."""
        every = [*self._joined.values(), *self._alone]
        return [tensor for tensor in every if tensor.is_floating_point() or tensor.is_complex()]


def mapped(tree: Any, change: Callable[[Any], Any]) -> Any:
    """Nested containers with something else in place of each value."""
    if isinstance(tree, dict):
        return {key: mapped(value, change) for key, value in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)([mapped(value, change) for value in tree])
    return change(tree)


def cloned(tree: Any) -> Any:
    """Nested containers with clones of their tensors."""
    return mapped(tree, lambda value: value.clone() if isinstance(value, torch.Tensor) else copy.deepcopy(value))


def tensors(tree: Any, place: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors of real and complex numbers in nested containers, and their places."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if isinstance(value, torch.Tensor):
            if value.is_floating_point() or value.is_complex():
                yield f"{place}.{key}", value
        elif isinstance(value, _CONTAINERS):
            yield from tensors(value, f"{place}.{key}")


def not_finite(tree: Any) -> frozenset[str]:
    """The places in nested containers where numbers aren't finite, as in the mask of an attention."""
    return frozenset(place for place, tensor in tensors(tree) if not tensor.isfinite().all())


def numbers_of(gradient: Any) -> torch.Tensor:
    """The numbers of a gradient on this process: those of a sparse one, the shard of a distributed one."""
    tensor = of_this_process(gradient)
    return tensor._values() if tensor.is_sparse else tensor
