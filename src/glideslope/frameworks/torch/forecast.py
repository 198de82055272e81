"""A forecast in a torch loop: where the run will end, and what left its band."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from glideslope.errors import LawError
from glideslope.frameworks.torch.scheduler.scheduler import Scheduler
from glideslope.schedules import Schedule
from glideslope.schedules.amounts import real

if TYPE_CHECKING:
    from glideslope.laws import Alarm
    from glideslope.laws import Forecast as Made

_BINS = 400  # means of the loss that a whole run has


class Forecast:
    """Forecasts the end of a training as it runs, from its losses and the schedule.

    Call `step(loss)` after each `scheduler.step()`. Losses are averaged on their device over a four-hundredth of the
    run, and read then. It changes nothing in the training.

    Args:
        scheduler: the scheduler, of a schedule with an end, whose horizon is the run's.
        to: is called with each alarm, and with forecasts as the run goes on: `print`, or your own.
        every: the fraction of the run between two forecasts for `to`.

    Attributes:
        alarms: the losses so far that left their band.

    Raises:
        LawError: the schedule has no end, or measurements move it, or `every` is out of range.

    >>> import torch, glideslope as gs
    >>> model = torch.nn.Linear(1, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> scheduler = gs.torch.Scheduler(optimizer, "warmup(5%) >> cosine", steps=1000)
    >>> forecast = gs.torch.Forecast(scheduler)
    >>> for step in range(1, 301):
    ...     optimizer.step()
    ...     scheduler.step()
    ...     forecast.step(2.0 + 3.0 * step**-0.4)
    >>> now = forecast.read()
    >>> now.low < now.end < now.high, forecast.alarms
    (True, [])
    """

    def __init__(self, scheduler: Scheduler, *, to: Callable[[Any], object] | None = None, every: float = 0.05) -> None:
        if not isinstance(scheduler, Scheduler):
            raise LawError(f"{scheduler!r}: give the gs.torch.Scheduler of the training")
        if not 0 < (every := real("every", every, LawError)) <= 1:
            raise LawError(f"every={every}: give a part of the run, above 0 and up to 1")
        schedule, end = scheduler.planned, scheduler.feedbacks.end
        if scheduler.feedbacks or not isinstance(schedule, Schedule) or not math.isfinite(end):
            raise LawError(
                "a forecast needs a schedule with an end that measurements don't move: give the scheduler steps="
            )
        from glideslope.laws.alarms import Band
        from glideslope.laws.near_public import usual
        from glideslope.laws.rates import Rates

        self.scheduler = scheduler
        self.alarms: list[Alarm] = []
        self._rates = Rates.of_schedule(schedule, max(round(end), 1), max(scheduler.base_lrs))
        self._band, self._to = Band(), to
        self._places = np.unique(np.linspace(1, len(self._rates), _BINS).round())
        self._trend = usual(self._rates, self._places)
        self._length, self._between = max(round(end / _BINS), 1), every * end
        self._steps: list[float] = []
        self._losses: list[float] = []
        self._sum: Any = 0.0
        self._count, self._reported = 0, 0.0

    def step(self, loss: float | torch.Tensor) -> None:
        """Takes the loss of the update just made.

        Args:
            loss: a number, or a scalar that stays on its device.
        """
        self._sum = self._sum + (loss.detach().float() if isinstance(loss, torch.Tensor) else float(loss))
        self._count += 1
        if self._count >= self._length:
            middle = self.scheduler.last_epoch - (self._length - 1) / 2  # of the updates of the mean
            self.see(middle, float(self._sum) / self._count)
            self._sum, self._count = 0.0, 0

    def read(self) -> Made:
        """The forecast from the losses so far. Raises a LawError if there are too few after the warmup and the first 3%
        of the run, or none is above 0."""
        from glideslope.laws.forecast import forecast
        from glideslope.laws.run import Run

        now = forecast(Run(self._rates, self._steps, self._losses, name="the run"))
        return replace(now, alarms=tuple(self.alarms))

    def state_dict(self) -> dict[str, Any]:
        """The losses so far, as plain data, for a checkpoint."""
        return {"steps": list(self._steps), "losses": list(self._losses)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a state."""
        from glideslope.laws.alarms import Band

        self._band, self.alarms, self._steps, self._losses = Band(), [], [], []
        self._sum, self._count = 0.0, 0
        to, self._to = self._to, None
        for step, loss in zip(state["steps"], state["losses"], strict=True):
            self.see(float(step), float(loss))
        self._to = to

    def see(self, step: float, loss: float) -> None:
        """Takes a loss that was measured or averaged after so many updates, as a log has it."""
        if self._steps and step <= self._steps[-1]:  # the training went back
            kept = sum(before < step for before in self._steps)
            del self._steps[kept:], self._losses[kept:]
        if not 0 < step <= len(self._rates) or step <= self._rates.first(0.999 * self._rates.peak):
            return
        trend = float(np.interp(step, self._places, self._trend))
        if (alarm := self._band.add(step, loss, trend)) is not None:
            self.alarms.append(alarm)
            if self._to is not None:
                self._to(alarm)
        if math.isfinite(loss) and loss > 0:
            self._steps.append(step)
            self._losses.append(loss)
        if self._to is not None and step - self._reported >= self._between:
            self._reported = step
            with suppress(LawError):  # too early
                self._to(self.read())
