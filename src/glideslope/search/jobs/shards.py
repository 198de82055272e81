"""Tensors of which each rank holds a part, as of FSDP: plain ones where a state leaves the rank, and back.

Pickle walks all containers and objects of a state and keeps their types; here it replaces these tensors, no more.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from io import BytesIO
from typing import Any

SHARD = "shard of"  # the key of the dictionary that stands for such a tensor: how it is divided

Shard = dict[str, Any]


class Shards:
    """Takes the distributed tensors of states apart and joins them again, on the rank that holds the parts. Only this
    rank has the group of processes over which a tensor is divided, so its state names the layout."""

    def __init__(self) -> None:
        self._layouts: dict[str, Callable[..., Any]] = {}

    def pickled(self, value: Any) -> bytes:
        """A value pickled for `unpickled`, with the rank's own part of each distributed tensor in it."""
        return _pickled(value, self._part)

    def joined(self, content: bytes) -> Any:
        """A value that was `pickled`, its tensors distributed again. Raises a KeyError for a layout not seen before."""
        return _Unpickler(BytesIO(content), self._whole).load()

    def _part(self, value: Any) -> Shard | None:
        if isinstance(value, type) or not (hasattr(value, "to_local") and hasattr(value, "device_mesh")):
            return None
        layout = f"{value.device_mesh} by {value.placements}"
        mesh, placements, make = value.device_mesh, value.placements, type(value).from_local
        self._layouts[layout] = lambda part, **size: make(part, mesh, placements, run_check=False, **size)
        return {SHARD: layout, "part": value.to_local(), "shape": tuple(value.shape), "stride": value.stride()}

    def _whole(self, shard: Shard) -> Any:
        # The shape may be a list after a file.
        return self._layouts[shard[SHARD]](shard["part"], shape=tuple(shard["shape"]), stride=tuple(shard["stride"]))


def pickled(value: Any) -> bytes:
    """A value pickled for `Shards.joined` of the rank that it is of."""
    return _pickled(value, lambda part: part if isinstance(part, dict) and SHARD in part else None)


def unpickled(content: bytes) -> Any:
    """A value of a rank in this process: plain dictionaries stand for its distributed tensors."""
    return _Unpickler(BytesIO(content), lambda shard: shard).load()


def _pickled(value: Any, shard_of: Callable[[Any], Shard | None]) -> bytes:
    file = BytesIO()
    _Pickler(file, shard_of).dump(value)
    return file.getvalue()


class _Pickler(pickle.Pickler):
    def __init__(self, file: BytesIO, shard_of: Callable[[Any], Shard | None]) -> None:
        super().__init__(file)
        self._shard_of = shard_of

    def persistent_id(self, value: Any) -> Shard | None:
        return self._shard_of(value)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BytesIO, value_of: Callable[[Shard], Any]) -> None:
        super().__init__(file)
        self._value_of = value_of

    def persistent_load(self, shard: Any) -> Any:
        return self._value_of(shard)
