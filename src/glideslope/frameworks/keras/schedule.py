"""A schedule as a `LearningRateSchedule` of Keras."""

from __future__ import annotations

from typing import Any

import keras

from glideslope import schedules
from glideslope.documents import shown
from glideslope.errors import ScheduleError
from glideslope.frameworks.factors import small
from glideslope.policy import as_policy
from glideslope.schedules import Clock
from glideslope.schedules.checks import check_positive
from glideslope.schedules.durations import Time
from glideslope.schedules.horizon import with_horizon
from glideslope.schedules.numbers import is_count, plain
from glideslope.warning import warn


@keras.saving.register_keras_serializable(package="glideslope")
class Schedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A rate for a Keras optimizer; saved and loaded with the model.

    Keras asks for the rate at each batch, also where the optimizer accumulates the gradients of several batches for an
    update: `gradient_accumulation_steps` is their number.

    Args:
        schedule: the schedule, a value or its text.
        peak: the rate where the factor is 1.
        steps: the horizon, where the schedule has none.
        clock: the epochs, examples or tokens of an update.
        gradient_accumulation_steps: the optimizer's own argument of that name.

    Raises:
        ScheduleError: the schedule lacks its horizon or has no text, or a number isn't positive.

    >>> import glideslope as gs
    >>> schedule = gs.keras.Schedule(gs.linear().over(100), peak=0.5)
    >>> float(schedule(50))
    0.25
    >>> gs.keras.Schedule.from_config(schedule.get_config()).get_config() == schedule.get_config()
    True
    """

    def __init__(
        self, schedule: schedules.Schedule | str, peak: float, *, steps: Time | None = None,
        clock: Clock | None = None, gradient_accumulation_steps: int | None = None,
    ) -> None:  # fmt: skip
        curve = as_policy(schedule).curve
        if clock is not None and steps is None:
            raise ScheduleError(f"{curve!r}: a clock needs a horizon, steps=")
        self.schedule = curve if steps is None else with_horizon(curve, steps, clock)
        self.peak = plain(peak)
        self.every = 1 if gradient_accumulation_steps is None else plain(gradient_accumulation_steps)
        check_positive("peak", self.peak)
        if not is_count(self.every) or self.every < 1:
            raise ScheduleError(f"gradient_accumulation_steps={shown(self.every)}: it must be positive and whole")
        self.schedule(0), str(self.schedule)
        if notice := small([self.schedule], self.peak):
            warn(notice, "keras")

    def __call__(self, step: Any) -> Any:
        """The rate, a scalar tensor, at a batch: `step`, a number, variable or tensor of the backend, counts those that
        the optimizer has seen."""
        updates = keras.ops.floor_divide(keras.ops.convert_to_tensor(step), self.every)
        return keras.ops.cast(self.peak * self.schedule(updates), "float32")

    def get_config(self) -> dict[str, Any]:
        """The arguments it is made from, the schedule as text."""
        return {"schedule": str(self.schedule), "peak": self.peak, "gradient_accumulation_steps": self.every}
