"""Tensors of which each rank holds a part, as of FSDP: plain ones where a state leaves the rank, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SHARD = "shard of"
"""The key of the dictionary that stands for such a tensor: how it is divided."""


class Shards:
    """Takes the distributed tensors of states apart and joins them again, on the rank whose they are.

    Only this rank has the group of processes over which a tensor is divided, so its state names the layout.
    """

    def __init__(self) -> None:
        self._layouts: dict[str, Callable[..., Any]] = {}

    def taken(self, state: Any) -> Any:
        """A state with the rank's own part of each distributed tensor."""
        return _mapped(state, self._part)

    def joined(self, state: Any) -> Any:
        """A state as it was.

        Raises:
            KeyError: its tensors are divided in a way that those of no state before were.
        """
        return _mapped(state, self._whole)

    def _part(self, value: Any) -> Any:
        if not (hasattr(value, "to_local") and hasattr(value, "device_mesh")):
            return value
        layout = f"{value.device_mesh} by {value.placements}"
        mesh, placements, make = value.device_mesh, value.placements, type(value).from_local
        self._layouts[layout] = lambda part, **size: make(part, mesh, placements, run_check=False, **size)
        return {SHARD: layout, "part": value.to_local(), "shape": tuple(value.shape), "stride": value.stride()}

    def _whole(self, value: Any) -> Any:
        if not (isinstance(value, dict) and SHARD in value):
            return value
        # The shape may be a list after a file.
        return self._layouts[value[SHARD]](value["part"], shape=tuple(value["shape"]), stride=tuple(value["stride"]))


def _mapped(state: Any, change: Callable[[Any], Any]) -> Any:
    """A state with its parts changed; the same object where nothing in it is."""
    changed = change(state)
    if changed is not state:
        return changed
    if isinstance(state, dict):
        items = {key: _mapped(item, change) for key, item in state.items()}
        return items if any(items[key] is not state[key] for key in items) else state
    if type(state) in (list, tuple):
        parts = type(state)(_mapped(item, change) for item in state)
        return parts if any(one is not other for one, other in zip(parts, state, strict=True)) else state
    return state
