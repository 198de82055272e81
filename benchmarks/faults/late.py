"""A device that answers late, on the host: what a guard asks of a training is known some updates later.

Verdicts of a training on a GPU lag behind it. Here the same code is told that the host's tensors are on a device, and
their numbers arrive after so many updates.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch

from glideslope.frameworks.torch.feedback import arrivals, guard, history, refusal, snapshots


class Late:
    """An event on the way; `made` counts the updates so far."""

    made = 0
    lag = 0

    def __init__(self) -> None:
        self._at = Late.made

    def query(self) -> bool:
        return Late.made >= self._at + Late.lag

    def synchronize(self) -> None: ...


class LateArrivals(arrivals.Arrivals):
    def add(self, of: Any, values: list[Any]) -> None:
        Late.made += 1
        stacked = torch.stack([torch.as_tensor(value).detach().reshape(()).float() for value in values])
        self._waiting.append((of, [None] * len(values), stacked, Late()))


class LateHealth(snapshots.Health):
    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._arrived = Late()
        self._norms = torch.tensor(self._seen, dtype=torch.float64)


@contextmanager
def answering_late(lag: int) -> Iterator[None]:
    """Within it, guards see an update so many updates later."""
    with ExitStack() as changed:
        for module, name, value in (
            (guard, "Arrivals", LateArrivals), (guard, "at_once", lambda number: number),
            (snapshots, "Health", LateHealth), (guard, "Health", LateHealth), (history, "Health", LateHealth),
            (refusal, "_is_here", lambda gradient: False), (Late, "lag", lag),
        ):  # fmt: skip
            changed.enter_context(patch.object(module, name, value))
        yield
