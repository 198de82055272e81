"""A schedule whose position and values live on the device, for a CUDA graph."""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.optim.lr_scheduler import LRScheduler

from glideslope.errors import ScheduleError
from glideslope.frameworks.torch.scheduler.inner import as_scheduled, inner_optimizer
from glideslope.frameworks.torch.scheduler.param_groups import as_tensors
from glideslope.frameworks.torch.scheduler.scheduled_values import Plan
from glideslope.frameworks.torch.scheduler.update_counter import around_updates, succeed, while_held
from glideslope.policy import Policy
from glideslope.renamed import was_called
from glideslope.schedules import Clock
from glideslope.schedules.durations import Frame, Time


class CapturableScheduler(LRScheduler):
    """A scheduler that a CUDA graph can hold: `optimizer.step()` and `step()` captured together, and replayed.

    The updates made are counted on the device by the optimizer's own step, and the factors of the whole horizon lie
    there in a table, so `step()` starts a few kernels and waits for none. Updates that a fused optimizer skips since a
    gradient scaler found them not finite aren't counted. Make the optimizer itself with `capturable=True`; after
    `optimizer.load_state_dict`, or new groups, capture again, as their tensors are others.

    Args:
        optimizer: a torch optimizer, or a wrapper around one; its rates and betas become tensors.
        schedule: as in `Scheduler`; there is no schedule of weight decay, which isn't a tensor in torch's optimizers.
        steps: the horizon, where the table ends; its last value is held.
        clock: as in `Scheduler`.
        momentum: a schedule of the first beta.
        betas: a schedule for each beta; None leaves one as it is.
        peak: as in `Scheduler`.

    Raises:
        ScheduleError: as `Scheduler`, or a momentum is scheduled that isn't a beta.

    >>> import torch, glideslope as gs
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.5)
    >>> scheduler = gs.torch.CapturableScheduler(optimizer, gs.linear(), steps=4)
    >>> optimizer.step(), scheduler.step(), scheduler.get_last_lr()
    (None, None, [tensor(0.3750)])
    """

    _succeeded = False
    """Whether a scheduler was made for the optimizer after this one."""

    @was_called("lr", "schedule")
    def __init__(
        self,
        optimizer: Any,
        schedule: Policy | list[Policy],
        *,
        steps: Time,
        clock: Clock | None = None,
        momentum: Policy | None = None,
        betas: tuple[Policy | None, Policy | None] | None = None,
        peak: float | None = None,
    ) -> None:
        self.optimizer = optimizer = as_scheduled(optimizer)
        self._stepped = inner_optimizer(optimizer)
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", float(group["lr"]))  # before it is a tensor, of single precision
        as_tensors(optimizer.param_groups)
        self._plan = Plan(optimizer, schedule, steps=steps, clock=clock, momentum=momentum, betas=betas, peak=peak)
        if any(self._plan.feedbacks):
            raise ScheduleError("a capturable scheduler's factors lie ready in a table: it takes no feedback")
        if any(values.numbers for values in self._plan.values):
            raise ScheduleError("momentum= of an optimizer without betas, whose momentum isn't a tensor: "
                                "a capturable scheduler moves rates and betas")  # fmt: skip
        self._shifts = [0.0] * len(self._plan.schedules)
        device = self._plan.values[0].tensors[0][1].device
        self._count = torch.zeros((), dtype=torch.int64, device=device)
        self._begin = torch.zeros_like(self._count)  # the count at which the table begins
        self._table = torch.as_tensor(self._factors(self._shifts), device=device)
        self._listen()
        self._find()

    def _listen(self) -> None:
        """Has the optimizer's own step count the updates, and a loaded state be seen."""
        count, this = self._count, weakref.ref(self)

        def counted(found: torch.Tensor | None, compiled: bool) -> None:
            # An operation on the device, so that a graph has it once for each update that it has.
            count.add_(1) if found is None else count.add_((found == 0).sum())

        def look_again(optimizer: Any) -> None:
            if own := this():
                own.read_groups()

        handles = around_updates(self._stepped, after=counted)
        for loaded in {id(own): own for own in (self._stepped, self.optimizer)}.values():
            if hasattr(loaded, "_optimizer_load_state_dict_post_hooks"):
                handles.append(loaded.register_load_state_dict_post_hook(look_again))
        while_held(self, handles)
        succeed(self, self._stepped)

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._listen()
        self._find()

    def read_groups(self) -> None:
        """Reads the groups anew, after an `lr_scale` or an initial rate was changed, and sets their rates."""
        if not self._succeeded:
            self._find()

    def step(self, epoch: int | None = None) -> None:
        """Sets what is scheduled for the next update.

        Args:
            epoch: not used; the optimizer's updates are counted.
        """
        if self._plan.moved(self.optimizer.param_groups):
            self._find()
        self._write()

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
        step = self.last_epoch
        return self._plan.state(step, [step + shift for shift in self._shifts])

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a state of either scheduler; what a graph reads is written in place.

        Raises:
            ScheduleError: as `Scheduler.load_state_dict`.
        """
        saved = self._plan.read(state_dict)
        table = torch.as_tensor(self._factors(saved.positions))
        self._plan.take(saved, self.optimizer.param_groups)
        self._shifts = [position - saved.step for position in saved.positions]
        self._count.fill_(saved.step)
        self._begin.fill_(saved.step)
        self._table.copy_(table)
        self._find()

    def _find(self) -> None:
        """Sees which groups there are, and writes what they have for the next update."""
        as_tensors(self.optimizer.param_groups)
        self._plan.find(self.optimizer.param_groups)
        self._write()

    def _factors(self, positions: Sequence[float]) -> np.ndarray:
        """The factors of each schedule from its position on, as far as the horizon can be: shape (schedules, n)."""
        horizon = max(schedule.length(Frame()) or 0.0 for schedule in self._plan.schedules)
        return self._plan.factors(positions, math.ceil(horizon) + 1)

    def _write(self) -> None:
        place = (self._count - self._begin).clamp(max=self._table.shape[1] - 1)
        factors = self._table.index_select(1, place.unsqueeze(0))
        for values, factor in zip(self._plan.values, factors, strict=True):
            for _, tensor, base in values.tensors:
                tensor.copy_((factor * base).squeeze(0))
