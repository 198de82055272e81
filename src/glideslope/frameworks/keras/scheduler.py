"""A callback that puts a Keras training on a schedule."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras

from glideslope import schedules
from glideslope.documents import shown
from glideslope.errors import DocumentError, FeedbackError, ScheduleError
from glideslope.frameworks.factors import ended, small
from glideslope.frameworks.seals import SEAL, check_seal, sealed
from glideslope.plural import plural
from glideslope.policy import Policy, as_policy
from glideslope.schedules import Clock, Duration, Schedule
from glideslope.schedules.checks import check_positive
from glideslope.schedules.durations import Time
from glideslope.schedules.horizon import with_horizon
from glideslope.schedules.numbers import plain
from glideslope.schedules.units import first_in
from glideslope.warning import warn


class Scheduler(keras.callbacks.Callback):  # type: ignore[misc]
    """Sets the rate of a `fit` for each batch; what counts are updates, not batches that only accumulate.

    The schedule begins where the first epoch does. A training that goes on at a later epoch (`initial_epoch`, or
    Keras's BackupAndRestore) goes on in the schedule by the updates that its optimizer has made, without those before
    the first epoch if the callback was there. Each epoch's logs get the rate of its last update.

    Args:
        schedule: the schedule, a value or its text; a feedback in it gets the metric after each epoch.
        monitor: the metric, as the epoch's logs call it; epochs without it are passed over.
        peak: the rate where the factor is 1; if not given, that of an optimizer that hasn't made an update yet.
        steps: the horizon; the whole `fit`, if not given and the schedule has none.
        clock: the examples or tokens of an update, where durations use them; epochs are known.

    Raises:
        ScheduleError: the length of the `fit` isn't known and no horizon given, the optimizer's own rate is a schedule,
            an optimizer that has made updates needs a peak, or the model has no optimizer.

    Warns:
        UserWarning: something else sets the rate too, such as Keras's ReduceLROnPlateau; the schedule ends long before
            the `fit`, or has rates in the place of factors; the model has other optimizers, which stay as they are; a
            `fit` begins at a later epoch with a new optimizer, or with one that has made more updates than lead there;
            or a feedback got no measurement.
    """

    def __init__(
        self, schedule: Policy, *, monitor: str = "val_loss", peak: float | None = None, steps: Time | None = None,
        clock: Clock | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        policy = as_policy(schedule)
        self.feedback = policy.feedback
        if self.feedback is not None and self.feedback.guard is not None:
            raise FeedbackError("a guard needs snapshots, which a callback doesn't take; gs.keras.Job has one")
        self.schedule: schedules.Schedule = policy.schedule if policy.feedbacks else policy.curve
        self.feedback_state = policy.state()
        self.monitor = monitor
        if (peak := plain(peak)) is not None:
            check_positive("peak", peak)
        self.peak = peak
        self.steps = steps
        self.clock = clock
        self._optimizer: Any = None  # of the last fit
        self._rate = 0.0  # of it, at the peak
        self._begin = 0  # the updates before its first epoch
        self._timed: schedules.Schedule | None = None
        self._leave: Callable[[], None] | None = None
        self._warned = False

    def set_model(self, model: Any) -> None:
        """Reads the optimizer as it was compiled, before a callback restores a later rate."""
        super().set_model(model)
        if getattr(model, "optimizer", None) is None:
            raise ScheduleError("the model has no optimizer of its own, model.optimizer, to set the rate of: put a "
                                "gs.keras.Schedule into each optimizer that it has")  # fmt: skip
        optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        if isinstance(optimizer._learning_rate, keras.optimizers.schedules.LearningRateSchedule):
            raise ScheduleError("the optimizer's rate is a schedule, which a callback can't set: compile with a number")
        if optimizer is not self._optimizer:
            self._rate, self._begin = self._rate_at_peak(optimizer), 0
            if notice := small([self.schedule], self._rate):
                warn(notice, "keras")
        self._optimizer = optimizer
        others = [name for name, value in vars(model).items() if isinstance(value, keras.optimizers.Optimizer)
                  and value not in (model.optimizer, self._optimizer)]  # fmt: skip
        if others:
            warn(
                f"this model has other optimizers too, {', '.join(others)}: gs.keras.Scheduler sets the rate of "
                "model.optimizer alone; put a gs.keras.Schedule into the others",
                "keras",
            )
        self._last_set = float(self._optimizer.learning_rate)
        self._every = self._optimizer.gradient_accumulation_steps or 1
        # What a scaler of the loss skips, or a train_step of one's own makes of a batch, is known to the optimizer
        # only: then it is asked at each batch.
        self._asks = self._optimizer is not model.optimizer or type(model).train_step is not keras.Model.train_step

    def _rate_at_peak(self, optimizer: Any) -> float:
        """The rate of an optimizer where the factor is 1."""
        if self.peak is not None:
            return self.peak
        if int(optimizer._iterations):
            raise ScheduleError("the optimizer has made updates, so its rate may be one that a schedule left: give "
                                "the callback its peak=")  # fmt: skip
        return float(optimizer.learning_rate)

    def on_train_begin(self, logs: Any = None) -> None:
        """A new `fit`: the schedule begins at its first epoch."""
        self._timed = None
        self._stop_following()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Reads the optimizer's count of batches."""
        self._first_batch: int | None = None
        self._seen = self._batches_seen()
        if self._timed is None:
            self._timed = self._with_horizon()
            self._may_be_restored = self._seen > 0
            if epoch:
                self._check_count(epoch)
            else:
                self._begin = self._seen // self._every
            to_come = (self.params["epochs"] - epoch) * (self.params.get("steps") or 0)
            if notice := ended([self._timed], (self._seen + to_come) // self._every - self._begin):
                warn(notice, "keras")
            if self.feedback and not epoch:
                self.feedback_state = self.feedback.init()
            elif self.feedback and self.feedback_state == self.feedback.init():
                warn(
                    "this fit goes on at a later epoch, and the feedback begins anew: give it the state that it had, "
                    "load_state_dict(callback.state_dict())",
                    "keras",
                )
            if self.model.steps_per_execution > 1:
                self._leave = follow(self.model, self._optimizer, self._timed, self._begin, self._every)

    def _check_count(self, epoch: int) -> None:
        """Warns where a later epoch can't be what the optimizer's count of batches says."""
        seen = self._seen - self._begin * self._every
        batches = self.params.get("steps") if type(self.model).train_step is keras.Model.train_step else None
        if not self._seen:
            warn(
                f"this fit begins at epoch {epoch}, but its optimizer has made no update, so the schedule begins "
                "at 0: load the model with its optimizer, or give gs.keras.Scheduler a schedule that begins "
                "further on, schedule.over(steps).skip(updates)",
                "keras",
            )
        elif batches and seen >= (epoch + 1) * batches:
            warn(
                f"this fit begins at epoch {epoch}, each of {plural(batches, 'batch')}, and its optimizer has seen "
                f"{seen}: the schedule goes on at update {seen // self._every}. Where some were of a fit before, use "
                "the callback of the one that goes on again, or give schedule.over(steps).delay(updates before)",
                "keras",
            )

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Sets the rate of the update that the batch is part of; with several batches to an execution, their peak."""
        if self._first_batch is not None and self._leave is not None:
            return
        if self._first_batch is None:
            self._first_batch = batch
        self._check_alone()
        self._sync()
        factor = self.feedback.factor(self.feedback_state) if self.feedback else 1.0
        if self._leave is not None:
            self._set(self._rate * factor)
            return
        seen = self._batches_seen() if self._asks else self._seen + batch - self._first_batch
        self._set(self._rate * factor * self._factor(seen))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Passes the metric to the feedback, where the epoch has it; logs the rate of the epoch's last update."""
        if self.feedback and self.monitor in (logs or {}):
            self.feedback_state = self.feedback.update(self.feedback_state, logs[self.monitor])
        if logs is not None:
            logs["learning_rate"] = self._last_rate()

    def on_train_end(self, logs: Any = None) -> None:
        """Warns if the feedback never got a measurement."""
        rate = self._last_rate()
        self._stop_following()
        self._set(rate)
        if self.feedback and self.feedback_state == self.feedback.init():
            warn(
                f"no epoch's logs had {self.monitor!r}, so {self.feedback} got no measurement and moved no rate: "
                "give fit validation_data, or the callback another monitor=",
                "keras",
            )

    def state_dict(self) -> dict[str, Any]:
        """The state of the feedback, plain numbers, and their checksum."""
        return sealed(self.feedback_state)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a state of the feedback. Raises a FeedbackError if it is another feedback's, or damaged; all
        stays as it was then."""
        numbers = {name: value for name, value in state.items() if name != SEAL} if isinstance(state, dict) else state
        if self.feedback is None and numbers != {}:
            raise FeedbackError(f"{shown(state)} isn't a state of this scheduler, which has no feedback")
        restored = self.feedback.restored(numbers) if self.feedback else {}
        if SEAL in state:
            try:
                check_seal(restored, state[SEAL])
            except DocumentError as error:
                raise FeedbackError(f"{shown(state)} is a damaged state: {error}") from None
        self.feedback_state = restored

    def _factor(self, batches: int) -> float:
        """The schedule's factor after so many batches."""
        assert self._timed is not None
        return float(self._timed(batches // self._every - self._begin))

    def _set(self, rate: float) -> None:
        self._optimizer.learning_rate = self._last_set = rate
        self._may_be_restored = False

    def _last_rate(self) -> float:
        """The rate of the last update."""
        if self._leave is None:
            return float(self._optimizer.learning_rate)
        return self._last_set * self._factor(max(self._batches_seen() - 1, 0))

    def _stop_following(self) -> None:
        if self._leave is not None:
            self._leave()
        self._leave = None

    def _check_alone(self) -> None:
        """Warns once if the rate isn't the one that this callback set last."""
        self._sync()
        rate = float(self._optimizer._learning_rate)
        if not (self._warned or self._may_be_restored or math.isclose(rate, self._last_set, rel_tol=1e-5)):
            self._warned = True
            warn(
                f"the rate is {rate:g}, and gs.keras.Scheduler had set {self._last_set:g}: something else sets it too, "
                "Keras's ReduceLROnPlateau or LearningRateScheduler perhaps. What it sets is lost: of the two, keep "
                "one (gs.plateau is a ReduceLROnPlateau that multiplies a schedule)",
                "keras",
            )

    def _batches_seen(self) -> int:
        self._sync()
        return int(self._optimizer._iterations)

    def _sync(self) -> None:
        """Brings variables up to date, which Keras keeps elsewhere during a `fit` on JAX."""
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()

    def _with_horizon(self) -> schedules.Schedule:
        batches, clock = self.params.get("steps"), self.clock or Clock()
        if clock.steps_per_epoch is None:
            if batches:
                clock = replace(clock, steps_per_epoch=batches / self._every)
            elif first_in(self.schedule, "ep"):
                raise ScheduleError("the schedule is in epochs, and how many batches one has isn't known: give the "
                                    "callback clock=gs.Clock(steps_per_epoch=…), the updates in an epoch")  # fmt: skip
        if self.steps is not None:
            return with_horizon(self.schedule, self.steps, clock)
        try:
            self.schedule(0)
            return self.schedule
        except ScheduleError:
            if not batches:
                raise ScheduleError("how long this fit is isn't known: give the callback its horizon, steps=") from None
        return self.schedule.over(Duration(self.params["epochs"] * batches / self._every), clock)


def follow(model: Any, optimizer: Any, schedule: Schedule, begin: int, every: int) -> Callable[[], None]:
    """Makes the rate of an optimizer follow a schedule within a compiled execution, until what is returned is called.
    The optimizer's own rate, a variable, is the peak times the factor of feedbacks; the schedule's factor is computed
    from the optimizer's count of batches, `every` to an update, where Keras computes the update: `begin` updates after
    the first. The model's update is compiled anew, before and after."""

    def rate() -> Any:
        return optimizer._learning_rate * schedule(optimizer._iterations.value // every - begin)

    def leave() -> None:
        if optimizer.__dict__.pop("_get_current_learning_rate", None) is not None:
            model.make_train_function(force=True)

    optimizer.__dict__["_get_current_learning_rate"] = rate
    model.make_train_function(force=True)
    return leave
