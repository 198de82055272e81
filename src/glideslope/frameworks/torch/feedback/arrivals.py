"""Numbers that a device computes, read without waiting for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import torch

from glideslope.errors import FeedbackError


class Arrivals:
    """Tensors on their way from a device, in order.

    A copy to the host is begun at once, and read when it has arrived anyway.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[Any, torch.Tensor, Any]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, of: Any, values: list[Any]) -> None:
        """Begins to copy numbers, at least one of them on a device; `of` is what they are of."""
        device = next(value.device for value in values if getattr(value, "is_cuda", False))
        stacked = torch.stack([_scalar(value).to(device, torch.float32) for value in values])
        host = torch.empty(len(values), pin_memory=True)
        host.copy_(stacked, non_blocking=True)
        arrived: Any = torch.cuda.Event()  # type: ignore[no-untyped-call]
        arrived.record()
        self._waiting.append((of, host, arrived))

    def read(self, wait: bool = False) -> Iterator[tuple[Any, list[float]]]:
        """Those that have arrived, or all where it waits: what they are of, and the numbers."""
        while self._waiting and (wait or self._waiting[0][2].query()):
            of, host, arrived = self._waiting.popleft()
            arrived.synchronize()
            yield of, host.tolist()


def at_once(value: float | torch.Tensor) -> float | torch.Tensor:
    """A loss or a gradient norm as a float where the host has it, else the tensor on its device."""
    return value if getattr(value, "is_cuda", False) else number(value)


def number(value: float | torch.Tensor) -> float:
    """A loss or a gradient norm as a float; waits for its device. Raises a FeedbackError if it isn't one number."""
    try:
        return value.item() if isinstance(value, torch.Tensor) else float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise FeedbackError(f"a loss or gradient norm of {value!r}: give one number ({error})") from None


def _scalar(value: float | torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(value).detach().reshape(())
