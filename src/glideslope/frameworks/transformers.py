"""Glideslope in the Hugging Face Trainer."""

from __future__ import annotations

import math
from typing import Any

from transformers import TrainerCallback

from glideslope.errors import ScheduleError
from glideslope.frameworks.of_trainer import timed_options, unknown
from glideslope.frameworks.torch import Forecast as TorchForecast
from glideslope.frameworks.torch import Scheduler
from glideslope.frameworks.transformers_job import Job
from glideslope.renamed import was_called

__all__ = ["Callback", "Evaluations", "Forecast", "Job"]

_KEPT_AS = "glideslope"


class Evaluations(TrainerCallback):
    """Passes a Trainer's evaluations to the feedbacks of a scheduler.

    The metric is the one of `metric_for_best_model`, as for ReduceLROnPlateau, if a feedback's mode is that metric's
    direction; else `eval_loss`. An evaluation before the first update, or outside a training, isn't passed.

    Args:
        scheduler: the scheduler; None until there is one.
    """

    def __init__(self, scheduler: Scheduler | None) -> None:
        self.scheduler = scheduler
        self._began: int | None = -1  # None outside a training

    def on_train_begin(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        """Remembers where the training begins."""
        self._began = state.global_step

    def on_train_end(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        """Warns of a feedback without measurements."""
        self._began = None
        if self.scheduler is not None and self.scheduler.feedbacks:
            self.scheduler.feedbacks.training_ended(self.scheduler.last_epoch)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **objects: Any) -> None:
        """Passes the metric, if the evaluation has it."""
        if self.scheduler is None or not self.scheduler.feedbacks or self._began in (None, state.global_step):
            return
        name = "eval_loss"
        if (best := args.metric_for_best_model) and bool(args.greater_is_better) == (
            "max" in self.scheduler.feedbacks.modes
        ):
            name = best if best.startswith("eval_") else f"eval_{best}"
        if name in (metrics or {}):
            self.scheduler.measure(metrics[name])


class Callback(Evaluations):
    """Puts a Trainer's training on a schedule, whatever its own scheduler is.

    The other way is to give the Trainer an optimizer and its scheduler, `optimizers=(optimizer, gs.torch.Scheduler(
    optimizer, ...))`; the callback takes the optimizer that the Trainer makes, with `learning_rate` as the peak and the
    whole training as the horizon. The Trainer logs the rate of the update it has just made. The scheduler's state is
    kept in the Trainer's own, so it is in each checkpoint, and a training goes on from there.

    Args:
        schedule: of the rate, as in `gs.torch.Scheduler`; a feedback gets each evaluation, as by `Evaluations`.
        options: the other arguments of `gs.torch.Scheduler`; `steps` is the whole training if neither it nor the
            schedule has a horizon, and the clock has the Trainer's epochs.

    Raises:
        ScheduleError: when the training begins; as `gs.torch.Scheduler`, or the Trainer has one of these already; or a
            duration is in epochs, and the training data has no length.
    """

    @was_called("lr", "schedule")
    def __init__(self, schedule: Any, **options: Any) -> None:
        super().__init__(None)
        self.schedule = schedule
        self.options = options

    def on_train_begin(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        """Makes the scheduler; goes on where a checkpoint was saved."""
        super().on_train_begin(args, state, control)
        if isinstance(objects.get("lr_scheduler"), Scheduler):
            raise ScheduleError("the Trainer has a gs.torch.Scheduler already, in optimizers=: leave out the callback")
        options = timed_options(
            self.schedule, self.options, lambda: state.max_steps,
            lambda: _steps_per_epoch(objects.get("train_dataloader"), args), lambda: objects.get("train_dataloader"),
        )  # fmt: skip
        self.scheduler = Scheduler(objects["optimizer"], self.schedule, **options)
        self.scheduler.feedbacks.measured_by_a_callback()
        if state.global_step:
            kept: Any = state.stateful_callbacks.get(_KEPT_AS, {"attributes": {"step": state.global_step}})
            has_state = isinstance(kept, dict) and "attributes" in kept
            self.scheduler.load_state_dict(kept["attributes"] if has_state else kept)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        """Writes the rate of the coming update over what the Trainer's own scheduler wrote."""
        if self.scheduler is not None:
            self.scheduler.step()

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        """Gives the Trainer's scheduler the rate of the update just made, since the Trainer logs that."""
        if self.scheduler is not None:
            objects["lr_scheduler"]._last_lr = self.scheduler.get_last_lr()

    def on_step_end(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        """Keeps the scheduler's state in the Trainer's, which may be saved next."""
        self._keep(state)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **objects: Any) -> None:
        """Passes the metric to the feedbacks, if there are any."""
        super().on_evaluate(args, state, control, metrics)
        self._keep(state)

    def _keep(self, state: Any) -> None:
        if self.scheduler is not None:
            state.stateful_callbacks[_KEPT_AS] = {"args": {}, "attributes": self.scheduler.state_dict()}


class Forecast(TrainerCallback):
    """Forecasts the end of a Trainer's training from the losses that it logs, and reports what leaves its band.

    Args:
        callback: the `gs.transformers.Callback` of the Trainer, or the `gs.torch.Scheduler` that it was given.
        to: a function that gets each alarm and forecast; by default `print`.
        every: the fraction of the run between two forecasts.
    """

    def __init__(self, callback: Callback | Scheduler, *, to: Any = print, every: float = 0.05) -> None:
        self.callback, self.to, self.every = callback, to, every
        self.forecast: TorchForecast | None = None
        self._seen = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        """Begins anew."""
        self.forecast, self._seen = None, state.global_step

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **objects: Any) -> None:
        """Takes the mean loss since the last log."""
        scheduler = self.callback if isinstance(self.callback, Scheduler) else self.callback.scheduler
        if scheduler is None or "loss" not in (logs or {}) or state.global_step <= self._seen:
            return
        if self.forecast is None:
            self.forecast = TorchForecast(scheduler, to=self.to, every=self.every)
        self.forecast.see((self._seen + state.global_step) / 2, float(logs["loss"]))
        self._seen = state.global_step


def _steps_per_epoch(loader: Any, args: Any) -> float:
    """The updates in an epoch, as the Trainer counts them: the last may be of fewer micro-batches."""
    try:
        batches: int = len(loader)
    except TypeError:  # a stream
        raise unknown("the Trainer doesn't know the length of the training data", "gs.transformers.Callback") from None
    return float(max(math.ceil(batches / args.gradient_accumulation_steps), 1))
