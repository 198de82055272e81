"""Every source of random numbers that a torch training draws from, saved and put back."""

from __future__ import annotations

import random
import types
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

Source = torch.Generator | np.random.Generator | np.random.RandomState | random.Random
_DEEPEST = 10


def sources(*roots: Any) -> list[Source]:
    """The generators that objects hold, however nested in their attributes and containers. A data set, sampler or
    transform with a generator of its own (`self.rng = np.random.default_rng(0)`) draws from it and not from the global
    ones, so a snapshot without it would not be exact."""
    by_identity: dict[int, Source] = {}
    seen: set[int] = set()
    level = list(roots)
    for _ in range(_DEEPEST):
        below: list[Any] = []
        for item in level:
            if id(item) in seen:
                continue
            seen.add(id(item))
            if isinstance(item, Source):
                by_identity[id(item)] = item
            else:
                below += _parts(item)
        level = below
    return list(by_identity.values())


def _parts(item: Any) -> Iterator[Any]:
    """The objects that an object's code can reach directly: attributes, items, and the variables its functions name."""
    if isinstance(item, torch.Tensor | np.ndarray | str | bytes | int | float | type | types.ModuleType):
        return
    if isinstance(item, dict):
        yield from item.values()
    elif isinstance(item, list | tuple):
        # A data set may be a list of a million examples; generators sit in short lists, of transforms.
        yield from item if len(item) <= 1000 else ()
    elif isinstance(item, types.FunctionType):
        yield from (cell.cell_contents for cell in item.__closure__ or () if cell != types.CellType())
        yield from (item.__globals__.get(name) for name in item.__code__.co_names)
    elif isinstance(item, types.MethodType):
        yield from (item.__self__, item.__func__)
    elif hasattr(item, "__dict__"):
        yield from vars(item).values()
        yield from (vars(type(item)).get(name) for name in ("__getitem__", "__iter__", "__call__", "forward"))


def save(generators: Iterable[Source] = ()) -> dict[str, Any]:
    """The state of the global generators and of others, in tensors, numbers and text only."""
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": _plain(np.random.get_state(legacy=False)),
        "python": _plain(random.getstate()),
        "own": [_own_state(source) for source in generators],
    }


def load(state: dict[str, Any], generators: Iterable[Source] = ()) -> None:
    """Puts the generators back to a state that `save` returned for the same ones."""
    torch.set_rng_state(state["torch"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])
    np.random.set_state(native(state["numpy"]))
    random.setstate(native(state["python"]))
    for source, saved in zip(generators, state["own"], strict=True):
        load_one(source, saved)


@contextmanager
def kept(generators: Collection[Source] = (), at: dict[str, Any] | None = None) -> Iterator[None]:
    """The generators as they are, or at another state; afterwards they are where they were."""
    here = save(generators)
    try:
        if at is not None:
            load(at, generators)
        yield
    finally:
        load(here, generators)


def reseed(seed: int, generators: Iterable[Source] = ()) -> None:
    """Seeds every generator anew, each from its own stream."""
    seeds = np.random.SeedSequence(seed).generate_state(3 + len(list(generators)))
    torch.manual_seed(int(seeds[0]))
    np.random.seed(int(seeds[1]))
    random.seed(int(seeds[2]))
    for source, own_seed in zip(generators, seeds[3:].tolist(), strict=True):
        if isinstance(source, torch.Generator):
            source.manual_seed(own_seed)
        elif isinstance(source, np.random.Generator):
            source.bit_generator.state = type(source.bit_generator)(own_seed).state
        else:
            source.seed(own_seed)


def _own_state(source: Source) -> Any:
    if isinstance(source, torch.Generator):
        return source.get_state()
    if isinstance(source, np.random.Generator):
        return _plain(source.bit_generator.state)
    return _plain(source.get_state(legacy=False) if isinstance(source, np.random.RandomState) else source.getstate())


def load_one(source: Source, state: Any) -> None:
    """Puts a generator back to a state that `save` returned for it."""
    if isinstance(source, torch.Generator):
        source.set_state(state)
    elif isinstance(source, np.random.Generator):
        source.bit_generator.state = native(state)
    elif isinstance(source, np.random.RandomState):
        source.set_state(native(state))
    else:
        source.setstate(native(state))


def _plain(state: Any) -> Any:
    """A state of NumPy's or Python's as plain data, stored without pickle: tensors for arrays, lists for tuples."""
    if isinstance(state, dict):
        return {key: _plain(value) for key, value in state.items()}
    if isinstance(state, tuple):
        return [list(part) if isinstance(part, tuple) else part for part in state]
    return torch.from_numpy(state.astype(np.int64)) if isinstance(state, np.ndarray) else state


def native(state: Any) -> Any:
    """A plain state as NumPy or Python has it."""
    if isinstance(state, dict):
        return {key: native(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return tuple(tuple(part) if isinstance(part, list) else part for part in state)
    return state.numpy() if isinstance(state, torch.Tensor) else state
