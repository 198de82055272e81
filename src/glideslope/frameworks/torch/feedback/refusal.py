"""Updates that are left out before they touch the weights, since their gradient can't be a good one."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed

from glideslope.errors import ScheduleError
from glideslope.frameworks.torch.feedback.replay import Replay
from glideslope.frameworks.torch.private import foreach_norm
from glideslope.frameworks.torch.scheduler.inner import inner_optimizer
from glideslope.frameworks.torch.scheduler.update_counter import around_updates, weakly, while_held

NOT_FINITE, SPIKE, EXPECTED = "not finite", "spike", "expected"
_LARGEST = sys.float_info.max
_SPIKE, _EARLY = 20.0, 100.0
"""A gradient so many times the largest lately is left out; in the first updates, when few were seen."""
_DECAY = 0.99
_WARMUP = 20
"""Updates after which gradients are known."""


@dataclass
class Look:
    """What was seen of the gradient of an update.

    Attributes:
        norm: of the whole gradient, a number, or a tensor on a device.
        limit: the largest that is taken.
        expected: whether the update is left out whatever its gradient is.
    """

    norm: float | torch.Tensor
    limit: float
    expected: bool = False

    def refused(self, norm: float) -> str:
        """Why the update is left out, "" if it isn't."""
        if norm <= self.limit:
            return EXPECTED if self.expected else ""
        return SPIKE if math.isfinite(norm) else NOT_FINITE


class Refusal:
    """Leaves out an update whose gradient isn't finite, or is far larger than any lately.

    The optimizer's step is called without gradients, which changes nothing. On a device the gradients are only known
    later: a fused optimizer is told there that it finds no good ones, as by a gradient scaler, and another gets zeros.

    Args:
        optimizer: a torch optimizer, or a wrapper around one; one without hooks is left alone.
        replay: is told the updates that are made.

    Attributes:
        expected: whether the next update is to be left out whatever its gradient is.
        last: what was seen of the last update.
    """

    def __init__(self, optimizer: Any, replay: Replay) -> None:
        self._replay = replay
        self.last: Look | None = None
        self.limit = _LARGEST
        self.expected = False
        self._high = self._seen = 0.0
        self._put_back: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._flagged = False
        try:
            self._optimizer = inner_optimizer(optimizer)
        except ScheduleError:
            return  # its updates can't be left out
        handles = around_updates(self._optimizer, before=weakly(self._before), after=weakly(self._after))
        hooks: Any = self._optimizer._optimizer_step_post_hooks
        hooks.move_to_end(handles[1].id, last=False)  # so that the scheduler counts the update
        while_held(self, handles)

    def take(self, norm: float) -> None:
        """Takes the norm of a gradient for a normal one."""
        self._seen += 1
        self._high = max(norm, _DECAY * self._high)
        self.limit = (_SPIKE if self._seen >= _WARMUP else _EARLY) * self._high or _LARGEST

    def _before(self, args: Any, kwargs: Any) -> Any:
        closure = args[1] if len(args) > 1 else kwargs.get("closure")
        if closure is None:
            self._check()
            return None

        def checked() -> Any:
            loss = closure()
            self._check()
            return loss

        return (args[0], checked, *args[2:]), {name: value for name, value in kwargs.items() if name != "closure"}

    def _check(self) -> None:
        """Sees the gradient at hand, and takes it away where it isn't a good one."""
        self.last = None
        self._replay.watch()
        if getattr(self._optimizer, "found_inf", None) is not None:
            return  # a gradient scaler looks after it
        weights = [p for group in self._optimizer.param_groups for p in group["params"] if p.grad is not None]
        if not weights:
            return
        gradients = [_dense(weight.grad) for weight in weights]
        norms = foreach_norm(gradients)
        sharded = type(weights[0].grad) is not torch.Tensor and hasattr(weights[0].grad, "to_local")
        if gradients[0].device.type == "cpu":
            norm = _norm(norms)
            if sharded:
                norm = _of_all_shards(torch.tensor(norm)).item()
            if not math.isfinite(norm) and all(bool(gradient.isfinite().all()) for gradient in gradients):
                norm = self._high  # it overflowed in half precision
            self.last = Look(norm, self.limit, self.expected)
            if self.last.refused(norm):
                self._put_back = [(weight, weight.grad) for weight in weights]
                for weight in weights:
                    weight.grad = None
            else:
                self.take(norm)
                self._replay.note(weights)
            return
        self._on_device(weights, norms, sharded)

    @torch.no_grad()
    def _on_device(self, weights: list[torch.Tensor], norms: Any, sharded: bool) -> None:
        device = norms[0].device
        norm = torch.linalg.vector_norm(torch.stack([each.to(device, torch.float32) for each in norms]))
        norm = _of_all_shards(norm) if sharded else norm
        self.last = look = Look(norm, self.limit, self.expected)
        bad = torch.ones_like(norm, dtype=torch.bool) if look.expected else ~(norm <= min(look.limit, 3e38))
        if getattr(self._optimizer, "_step_supports_amp_scaling", False):
            self._optimizer.grad_scale, self._optimizer.found_inf = None, bad.float()  # type: ignore[attr-defined]
            self._flagged = True
        else:
            for weight in weights:
                assert weight.grad is not None
                _dense(weight.grad).masked_fill_(bad.to(weight.grad.device), 0)

    def _after(self, found: Any, compiled: bool) -> None:
        self._replay.noted()
        for weight, gradient in self._put_back:
            weight.grad = gradient
        self._put_back = []
        if self._flagged:
            del self._optimizer.grad_scale, self._optimizer.found_inf  # type: ignore[attr-defined]
            self._flagged = False


def _dense(gradient: Any) -> torch.Tensor:
    """The numbers of a gradient on this process: those of a sparse one, the shard of a distributed one."""
    if type(gradient) is not torch.Tensor and hasattr(gradient, "to_local"):
        gradient = gradient.to_local()
    return gradient._values() if gradient.is_sparse else gradient  # type: ignore[no-any-return]


def _of_all_shards(norm: torch.Tensor) -> torch.Tensor:
    """The norm of a gradient from that of each process's shard: all leave out the same updates."""
    squared = norm.square()
    distributed.all_reduce(squared)
    return squared.sqrt()


def _norm(norms: Any) -> float:
    """The norm of the whole from those of its parts, on the host."""
    if len(norms) <= 32:
        return math.hypot(*[norm.item() for norm in norms])
    whole: float = torch.linalg.vector_norm(torch.stack([norm.double() for norm in norms])).item()
    return whole
