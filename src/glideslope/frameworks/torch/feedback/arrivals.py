"""Numbers that a device computes, read without waiting for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import torch

from glideslope.errors import FeedbackError


class Arrivals:
    """Tensors on their way from a device, in order. A copy to the host is begun at once, and read when it has arrived
    anyway."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Any, list[float | None], torch.Tensor, Any]] = deque()

    def add(self, of: Any, values: list[Any]) -> None:
        """Begins to copy numbers, at least one of them on a device; `of` is what they are of."""
        # A number of the host stays there: to bring it to a device waits for it.
        there = [value.detach().reshape(()) for value in values if _on_device(value)]
        device = there[0].device
        stacked = torch.stack([value.to(device, torch.float32, non_blocking=True) for value in there])
        here = [None if _on_device(value) else number(value) for value in values]
        self._waiting.append((of, here, *sent(stacked)))

    def read(self, wait: bool = False) -> Iterator[tuple[Any, list[float]]]:
        """Those that have arrived, or all where it waits: what they are of, and the numbers."""
        while self._waiting and (wait or self._waiting[0][3].query()):
            of, here, copied, arrived = self._waiting.popleft()
            arrived.synchronize()
            device = iter(copied.tolist())
            yield of, [next(device) if value is None else value for value in here]


def sent(tensor: torch.Tensor) -> tuple[torch.Tensor, Any]:
    """A copy of a tensor of a device on the host, and the event of its arrival."""
    copied = torch.empty_like(tensor, device="cpu", pin_memory=True)
    copied.copy_(tensor, non_blocking=True)
    arrived: Any = torch.cuda.Event()  # type: ignore[no-untyped-call]
    arrived.record()
    return copied, arrived


def at_once(value: float | torch.Tensor) -> float | torch.Tensor:
    """A loss or a gradient norm as a float where the host has it, else the tensor on its device."""
    return value if isinstance(value, torch.Tensor) and _on_device(value) else number(value)


def number(value: float | torch.Tensor) -> float:
    """A loss or a gradient norm as a float; waits for its device. Raises a FeedbackError if it isn't one number."""
    try:
        return value.item() if isinstance(value, torch.Tensor) else float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise FeedbackError(f"a loss or gradient norm of {value!r}: give one number ({error})") from None


def _on_device(value: float | torch.Tensor) -> bool:
    return bool(getattr(value, "is_cuda", False))
