"""A schedule whose position and values live on the device, for a CUDA graph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from glideslope.errors import ScheduleError
from glideslope.frameworks.torch.scheduler.base import BaseScheduler
from glideslope.frameworks.torch.scheduler.graph_check import check_graph_holds
from glideslope.frameworks.torch.scheduler.known_groups import Replaced
from glideslope.frameworks.torch.scheduler.param_groups import Momenta, as_tensors
from glideslope.frameworks.torch.scheduler.state import Saved
from glideslope.frameworks.torch.scheduler.succession import succeed
from glideslope.frameworks.torch.scheduler.update_counter import around_updates, weakly, while_held
from glideslope.schedules.durations import Frame


class CapturableScheduler(BaseScheduler):
    """A scheduler that a CUDA graph can hold: `optimizer.step()` and `step()` captured together, and replayed.

    The updates made are counted on the device by the optimizer's own step, and the factors of the whole horizon lie
    there in a table, so `step()` starts a few kernels and waits for none. Updates that a fused optimizer skips since a
    gradient scaler found them not finite aren't counted. Make the optimizer itself with `capturable=True`, SGD with
    `fused=True`; after `optimizer.load_state_dict`, or new groups, capture again, as their tensors are others.

    Args:
        optimizer: a torch optimizer, or a wrapper around one; its rates and scheduled betas become tensors. On a GPU a
            scheduled beta needs `foreach=False`, which is chosen where the optimizer was made without a choice.
        schedule: as in `Scheduler`; there is no schedule of weight decay, which isn't a tensor in torch's optimizers.
        steps: the horizon, where the table ends; its last value is held.
        momentum: a schedule of the first beta.
        betas: a schedule for each beta; None leaves one as it is.
        clock, peak: as in `Scheduler`.

    Raises:
        ScheduleError: as `Scheduler`, or a momentum is scheduled that isn't a beta; or on a GPU, the optimizer's step
            reads its rate on the host, which a graph can't hold.

    >>> import torch, glideslope as gs
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.5)
    >>> scheduler = gs.torch.CapturableScheduler(optimizer, gs.linear(), steps=4)
    >>> optimizer.step(), scheduler.step(), scheduler.get_last_lr()
    (None, None, [tensor(0.3750)])
    """

    def _prepare(self, count: str, peak: float | None) -> None:
        if count != "optimizer":
            raise ScheduleError("count='step': a capturable scheduler counts the updates of the optimizer's own step")
        for group in self.optimizer.param_groups:
            group.setdefault("initial_lr", float(group["lr"]))  # before it is a tensor, of single precision
        as_tensors(self.optimizer.param_groups, ())

    def _begin_schedules(self) -> None:
        self._find()
        if self._plan.feedbacks:
            raise ScheduleError("the factors of a capturable scheduler are computed before, so it takes no feedback")
        if any(values.numbers for values in self._plan.values):
            raise ScheduleError("weight_decay=, or momentum= of an optimizer without betas, which aren't tensors: "
                                "a capturable scheduler moves rates and betas")  # fmt: skip
        device = self._plan.values[0].tensors[0][1].device
        if device.type == "cuda":
            self._fit_for_a_graph(device)
        self._count = torch.zeros((), dtype=torch.int64, device=device)
        self._begin = torch.zeros_like(self._count)  # the count at which the table begins
        self._table = torch.as_tensor(self._factors(self._shifts), device=device)
        self._listen()
        self._write()

    def _fit_for_a_graph(self, device: torch.device) -> None:
        """Chooses the way of torch's optimizers that takes a beta from a tensor, where one is scheduled."""
        if self._scheduled_betas():
            for group in self.optimizer.param_groups:
                if group.get("foreach", 0) is None and not group.get("fused"):
                    group["foreach"] = False
        check_graph_holds(self._stepped, device)

    def _listen(self) -> None:
        """Hooks the optimizer's own step, which counts the updates, and its loading of a state."""
        count, read_groups = self._count, weakly(self.read_groups)

        def counted(skipped: torch.Tensor | None, compiled: bool) -> None:
            # An operation on the device, so that a graph has it once for each update that it has.
            count.add_(1) if skipped is None else count.add_((skipped == 0).sum())

        handles = around_updates(self._stepped, after=counted)
        while_held(self, handles + self._at_loads(None, lambda optimizer: read_groups()))
        succeed(self, self._stepped)

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._listen()
        self._write()

    def step(self, epoch: int | None = None) -> None:
        """Sets what is scheduled for the next update.

        Args:
            epoch: not used; the optimizer's updates are counted.
        """
        if self._plan.moved(self.optimizer.param_groups):
            self._find()
        self._set()

    @property
    def last_epoch(self) -> int:  # type: ignore[override]
        """The updates made; waits for the device."""
        return int(self._count)

    def get_last_lr(self) -> list[torch.Tensor]:  # type: ignore[override]
        """The rate of each group for the next update, copies."""
        return [group["lr"].clone() for group in self.optimizer.param_groups]

    get_lr = get_last_lr  # type: ignore[assignment]
    _last_lr = property(get_last_lr)

    def state_dict(self) -> dict[str, Any]:
        """The same as that of `Scheduler`; waits for the device."""
        return self._state_after(self.last_epoch)

    def _check(self, saved: Saved) -> None:
        self._factors(saved.positions)

    def _go_on(self, saved: Saved, replaced: list[Replaced]) -> None:
        """Goes on from a state; what a graph reads is written in place."""
        self._count.fill_(saved.step)
        self._begin.fill_(saved.step)
        self._table.copy_(torch.as_tensor(self._factors(saved.positions)))
        self._write()

    def _write(self) -> None:
        self._find()
        self._set()

    def _find(self) -> None:
        """Reads the groups."""
        as_tensors(self.optimizer.param_groups, self._scheduled_betas())
        self._plan.find(self.optimizer.param_groups)

    def _scheduled_betas(self) -> list[int]:
        """Their places in a group's betas; the others stay numbers, which torch's optimizers need."""
        return [values.place for values in self._plan.values if isinstance(values, Momenta)]

    def _factors(self, positions: Sequence[float]) -> np.ndarray:
        """The factors of each schedule from its position on, as far as the horizon can be: shape (schedules, n)."""
        horizon = max(schedule.length(Frame()) or 0.0 for schedule in self._plan.schedules)
        return self._plan.factors(positions, math.ceil(horizon) + 1)

    def _set(self) -> None:
        """Writes what the table has for the next update."""
        place = (self._count - self._begin).clamp(max=self._table.shape[1] - 1)
        factors = self._table.index_select(1, place.unsqueeze(0))
        for values, factor in zip(self._plan.values, factors, strict=True):
            for _, tensor, base in values.tensors:
                tensor.copy_((factor * base).squeeze(0))
