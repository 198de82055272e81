"""A callback that puts a Keras training on a schedule."""

from __future__ import annotations

from typing import Any

import keras

from glideslope import schedules
from glideslope.errors import ScheduleError
from glideslope.frameworks.keras.schedule import Schedule
from glideslope.schedules import Clock, parse
from glideslope.schedules.durations import Time


class Scheduler(keras.callbacks.Callback):  # type: ignore[misc]
    """Gives the optimizer of a `fit` its schedule; what counts are updates, not batches that only accumulate.

    The schedule begins where the first epoch does. A training that goes on at a later epoch (`initial_epoch`, or
    Keras's BackupAndRestore) goes on in the schedule by the updates that its optimizer has made. Each epoch's logs get
    the rate of its last update.

    Args:
        schedule: the schedule, a value or its text.
        peak: the rate where the factor is 1; the optimizer's own, if not given.
        steps: the horizon; the whole `fit`, if not given and the schedule has none.
        clock: what an update is worth, where durations use it; epochs are known.

    Raises:
        ScheduleError: the length of the `fit` isn't known and no horizon given, or the optimizer's own rate is a
            schedule and no peak given.
    """

    def __init__(
        self,
        schedule: schedules.Schedule | str,
        *,
        peak: float | None = None,
        steps: Time | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__()
        self.schedule = parse(schedule) if isinstance(schedule, str) else schedule
        self.peak = peak
        self.steps = steps
        self.clock = clock
        self._installed: Schedule | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """A new `fit`: the schedule is installed at its first epoch."""
        self._installed = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Installs the schedule."""
        if self._installed is not None:
            return
        optimizer = _inner(self.model.optimizer)
        begin = 0 if epoch else int(optimizer.iterations)
        every = optimizer.gradient_accumulation_steps
        self._installed = Schedule(
            self._timed(every or 1), self._peak(optimizer), gradient_accumulation_steps=every, begin=begin
        )
        optimizer.learning_rate = self._installed
        self.model.make_train_function(force=True)  # what was compiled has the old rate in it

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Logs the rate of the epoch's last update."""
        if logs is not None and self._installed is not None:
            if keras.backend.backend() == "jax":
                self.model.jax_state_sync()
            batches = int(_inner(self.model.optimizer)._iterations)
            made = batches // self._installed.every * self._installed.every
            logs["learning_rate"] = float(self._installed(max(made - 1, 0)))

    def _timed(self, every: int) -> schedules.Schedule:
        batches = self.params.get("steps")
        clock = self.clock or (Clock(steps_per_epoch=batches / every) if batches else None)
        if self.steps is not None:
            return self.schedule.over(self.steps, clock)
        try:
            self.schedule(0)
            return self.schedule
        except ScheduleError:
            if not batches:
                raise ScheduleError("how long this fit is isn't known: give the callback its horizon, steps=") from None
        return self.schedule.over(self.params["epochs"] * batches / every, clock)

    def _peak(self, optimizer: Any) -> float:
        if self.peak is None and isinstance(optimizer._learning_rate, keras.optimizers.schedules.LearningRateSchedule):
            if isinstance(optimizer._learning_rate, Schedule):
                return optimizer._learning_rate.peak  # of an earlier fit
            raise ScheduleError("the optimizer's rate is a schedule already: give the callback the peak=, a rate")
        return float(optimizer.learning_rate) if self.peak is None else self.peak


def _inner(optimizer: Any) -> Any:
    """The optimizer that has the rate: not the one around it that scales the loss."""
    return getattr(optimizer, "inner_optimizer", optimizer)
