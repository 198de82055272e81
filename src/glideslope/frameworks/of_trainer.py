"""The length of a trainer's training, and its updates in an epoch, where a schedule needs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from glideslope.errors import BatchError, ScheduleError
from glideslope.frameworks.torch.batches.growing_batches import GrowingBatches
from glideslope.frameworks.torch.scheduler.reading import has_horizon
from glideslope.policy import as_policy
from glideslope.schedules import Clock, parse
from glideslope.schedules.durations import duration
from glideslope.schedules.units import first_in


def timed_options(
    schedule: Any, options: dict[str, Any], length: Callable[[], int | None], steps_per_epoch: Callable[[], float],
    loader: Callable[[], Any],
) -> dict[str, Any]:  # fmt: skip
    """The user's options of a `gs.torch.Scheduler`, with the horizon and the clock of a trainer where they are needed.
    `length` gives the updates of the whole training, None where it has no end. `steps_per_epoch` is called only where a
    duration is in epochs, and raises a ScheduleError where the trainer doesn't know it; `loader` gives the training
    data where the batch is to grow. Raises a BatchError if its batches don't."""
    for rate in schedule if isinstance(schedule, list | tuple) else [schedule]:
        if (policy := as_policy(rate)).growth and not isinstance(_batches(loader()), GrowingBatches):
            raise BatchError(f"{policy} needs batches that grow, and the trainer's don't: let its training data be "
                             "DataLoader(data, batch_sampler=gs.torch.GrowingBatches(len(data), growth)), or take the "
                             f"schedule alone, {policy.schedule!r}")  # fmt: skip
    options = dict(options)
    if options.get("steps") is None and not has_horizon(schedule):
        options["steps"] = length()
    clock = options.get("clock") or Clock()
    if clock.steps_per_epoch is None and _in_epochs(schedule, options):
        options["clock"] = replace(clock, steps_per_epoch=steps_per_epoch())
    return options


def _batches(loader: Any) -> Any:
    """What makes the batches of a loader, also of one that Accelerate has prepared."""
    batches = getattr(loader, "batch_sampler", None)
    return getattr(batches, "batch_sampler", batches)


def unknown(epochs: str, call: str) -> ScheduleError:
    """The error for epochs of unknown length."""
    return ScheduleError(f"the schedule is in epochs, and {epochs}: give {call} clock=gs.Clock(steps_per_epoch=…), the "
                         "updates in an epoch over all devices")  # fmt: skip


def _in_epochs(schedule: Any, options: dict[str, Any]) -> bool:
    """Whether anything that is scheduled has a duration in epochs."""
    rates = schedule if isinstance(schedule, list | tuple) else [schedule]
    others = [options.get("momentum"), options.get("weight_decay"), *(options.get("betas") or ())]
    values = [parse(value) if isinstance(value, str) else value for value in (*rates, *others)]
    steps = options.get("steps")
    return any(first_in(value, "ep") for value in values) or (steps is not None and duration(steps).unit == "ep")
