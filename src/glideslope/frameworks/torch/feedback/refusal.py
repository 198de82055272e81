"""Updates that are left out before they touch the weights, since their gradient can't be a good one."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import distributed

from glideslope.errors import ScheduleError
from glideslope.frameworks.torch.feedback.arrivals import at_once, number
from glideslope.frameworks.torch.feedback.copies import numbers_of
from glideslope.frameworks.torch.feedback.level import WARMUP, Level, Look
from glideslope.frameworks.torch.feedback.replay import Replay
from glideslope.frameworks.torch.private import foreach_norm
from glideslope.frameworks.torch.scheduler.inner import inner_optimizer
from glideslope.frameworks.torch.scheduler.update_counter import around_updates, weakly, while_held, with_gradients

_PART, _SMALL = 4096, 32_768
"""Numbers of a large gradient on the host that are looked at in an update; a small one is looked at whole, which takes
no longer than to take a part of it."""
_ENOUGH = 4
"""Where one gradient in so many is small, no part of a large one is looked at: biases and scales of norms get what
their layer's weights get, and to take parts takes longer than to look."""
_WHOLE_EVERY = 20  # updates between looks at the whole gradient
_CAREFUL = 100  # updates after a bad one that are looked at before they are made, on a device too


class Refusal:
    """Leaves out an update whose gradient isn't finite, or is far larger than any lately. The optimizer's step is
    called without gradients, which changes nothing. On a device the gradients are only known later: a fused optimizer
    gets a flag there that they are bad, as by a gradient scaler. Another gets zeros, by which its momentum still moves
    the weights, so for some updates after a bad one the device is waited for. An optimizer without hooks is left alone.
    `expected` says that the next update is to be left out, and `norm` is that of its gradient, if it is known; `last`
    is what was seen of the last update."""

    def __init__(self, optimizer: Any, replay: Replay) -> None:
        self._replay = replay
        self.last: Look | None = None
        self.norm: float | torch.Tensor | None = None
        self.expected = False
        self.begin()
        self._put_back: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._flagged = False
        self._careful = 0
        try:
            self._optimizer = inner_optimizer(optimizer)
        except ScheduleError:
            return  # its updates can't be left out
        handles = around_updates(self._optimizer, before=weakly(self._before), after=weakly(self._after))
        hooks: Any = self._optimizer._optimizer_step_post_hooks
        hooks.move_to_end(handles[1].id, last=False)  # so that the scheduler counts the update
        while_held(self, handles)

    def begin(self) -> None:
        """Begins with no gradient seen."""
        self._given, self._whole, self._part = Level(), Level(), Level()

    def _before(self, args: Any, kwargs: Any) -> Any:
        return with_gradients(self._check, args, kwargs)

    def _check(self) -> None:
        """Looks at the gradient, and removes a bad one."""
        norm, self.norm, self.last = self.norm, None, None
        self._replay.watch()
        if getattr(self._optimizer, "found_inf", None) is not None:
            return  # a gradient scaler looks after it
        groups = self._optimizer.param_groups
        pairs = [(p, grad) for group in groups for p in group["params"] if (grad := p.grad) is not None]
        if not pairs:
            return
        gradients = [gradient for _, gradient in pairs]
        is_sharded = _is_sharded(gradients[0])
        is_here = _is_here(gradients[0])
        look = self._look(gradients, norm, is_sharded) if is_here else self._look_there(gradients, norm, is_sharded)
        self.last = look
        if not is_here and self._careful == 0:
            self._replay.note(pairs, self._refuse_there(gradients, look))
            return
        self._careful = max(self._careful - 1, 0)
        if look.refused(number(look.norm)):
            self._put_back = pairs
            for weight, _ in pairs:
                weight.grad = None
        else:
            self._replay.note(pairs)

    @property
    def is_careful(self) -> bool:
        """Whether it looks at updates before they are made."""
        return self._careful > 0

    def be_careful(self, expected: bool) -> None:
        """Looks at the next updates before they are made, also where that waits for a device; the next one may be
        expected to be bad."""
        self._careful, self.expected = _CAREFUL, expected

    def _look(self, gradients: list[torch.Tensor], known_norm: float | torch.Tensor | None, is_sharded: bool) -> Look:
        """Looks at a gradient on the host."""
        part = None
        if known_norm is not None:
            level, norm = self._given, number(known_norm)
        elif is_sharded:
            level, norm = self._whole, _of_all_shards(torch.tensor(_norm(gradients))).item()
        else:
            sample, is_whole = _sampled(gradients)
            level, norm = self._whole, _norm(sample)
            if not is_whole:
                part = norm
                if self._part.seen >= WARMUP and self._part.seen % _WHOLE_EVERY and part <= self._part.limit:
                    level, part = self._part, None
                else:
                    norm = _norm(gradients)
        if not math.isfinite(norm) and all(bool(numbers_of(gradient).isfinite().all()) for gradient in gradients):
            norm = level.high  # it overflowed in half precision
        look = Look(norm, level, self.expected)
        if not look.refused(norm):
            level.take(norm)
            if part is not None:
                self._part.take(part)
        return look

    @torch.no_grad()
    def _look_there(
        self, gradients: list[torch.Tensor], known_norm: float | torch.Tensor | None, is_sharded: bool
    ) -> Look:
        """Looks at a gradient on a device, without waiting for it."""
        device = gradients[0].device
        if known_norm is not None:
            known = at_once(known_norm)
            if isinstance(known, torch.Tensor):
                return Look(known.detach().reshape(()).to(device, torch.float32), self._given, self.expected)
            # Made there: to bring a number to a device waits for it.
            return Look(torch.full((), known, dtype=torch.float32, device=device), self._given, self.expected)
        norms = foreach_norm([*map(numbers_of, gradients)])
        norm = torch.linalg.vector_norm(torch.stack([each.to(device, torch.float32) for each in norms]))
        return Look(_of_all_shards(norm) if is_sharded else norm, self._whole, self.expected)

    @torch.no_grad()
    def _refuse_there(self, gradients: list[torch.Tensor], look: Look) -> torch.Tensor | None:
        """Leaves an update out on the device, if its gradient is bad; what isn't 0 there if it makes no update."""
        norm = torch.as_tensor(look.norm)
        bad = torch.ones_like(norm, dtype=torch.bool) if look.expected else ~(norm <= min(look.limit, 3e38))
        if getattr(self._optimizer, "_step_supports_amp_scaling", False):
            self._optimizer.grad_scale, self._optimizer.found_inf = None, bad.float()  # type: ignore[attr-defined]
            self._flagged = True
            return self._optimizer.found_inf  # type: ignore[attr-defined, no-any-return]
        for gradient in map(numbers_of, gradients):
            gradient.masked_fill_(bad.to(gradient.device), 0)
        return None

    def _after(self, skipped: Any, compiled: bool) -> None:
        self._replay.noted()
        for weight, gradient in self._put_back:
            weight.grad = gradient
        self._put_back = []
        if self._flagged:
            del self._optimizer.grad_scale, self._optimizer.found_inf  # type: ignore[attr-defined]
            self._flagged = False


def _is_here(gradient: torch.Tensor) -> bool:
    """Whether the host has it."""
    return gradient.is_cpu


def _is_sharded(gradient: torch.Tensor) -> bool:
    """Whether each process has a part of it."""
    return type(gradient) is not torch.Tensor and hasattr(gradient, "to_local")


def _sampled(gradients: list[torch.Tensor]) -> tuple[list[torch.Tensor], bool]:
    """The gradients that are looked at in each update, or parts of them, and whether that is the whole."""
    small = [gradient for gradient in gradients if gradient.numel() <= _SMALL]
    if len(small) * _ENOUGH >= len(gradients):
        return small, len(small) == len(gradients)
    return [_first_rows(numbers_of(gradient)) for gradient in gradients], False


def _first_rows(gradient: torch.Tensor) -> torch.Tensor:
    """The first rows of a large gradient, a small one whole."""
    size = gradient.numel()
    return gradient if size <= _SMALL else gradient.narrow(0, 0, max(_PART * len(gradient) // size, 1))


def _of_all_shards(norm: torch.Tensor) -> torch.Tensor:
    """The norm of a gradient from that of each process's shard: all leave out the same updates."""
    squared = norm.square()
    distributed.all_reduce(squared)
    return squared.sqrt()


def _norm(gradients: list[torch.Tensor]) -> float:
    """The norm of some gradients together, on the host."""
    norms = foreach_norm([numbers_of(gradient) for gradient in gradients])
    if len(norms) <= 32:
        return math.hypot(*[norm.item() for norm in norms])
    whole: float = torch.linalg.vector_norm(torch.stack([norm.double() for norm in norms])).item()
    return whole
