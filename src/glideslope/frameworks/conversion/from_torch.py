"""A torch scheduler as a schedule."""

from __future__ import annotations

import functools
import math
import warnings
from typing import TYPE_CHECKING, Any

from glideslope.errors import ConversionError
from glideslope.frameworks.conversion.torch_readers import Place, initial_rate, name_of, updates_made
from glideslope.frameworks.conversion.torch_schedulers import read, reader_of
from glideslope.plural import plural
from glideslope.schedules import Schedule

if TYPE_CHECKING:
    from torch.optim.lr_scheduler import LRScheduler


def from_torch(scheduler: LRScheduler) -> Schedule:
    """The schedule that a torch scheduler follows from its beginning, as a factor of each group's `initial_lr`.

    Two ends differ (docs/parity.md): torch's CosineAnnealingLR climbs again after `T_max`, and its OneCycleLR raises;
    the schedule holds its last value, but for a cosine that goes on longer in a SequentialLR, or has gone on already.

    Args:
        scheduler: a scheduler, new or after any number of steps; its groups may have different rates, but one schedule.

    Raises:
        ConversionError: the scheduler follows measurements (ReduceLROnPlateau), has several schedules for its groups,
            is of an unknown class, or has set another rate than its schedule has at this update.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    >>> from_torch(torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=100, eta_min=0.01))
    cosine(100, final=0.1)
    """
    reader_of(scheduler)
    groups = range(len(scheduler.optimizer.param_groups))
    try:
        schedules = list(map(functools.partial(_of_group, scheduler), groups))
    except ConversionError:
        raise
    except (AttributeError, LookupError) as error:
        raise ConversionError(f"this {name_of(scheduler)} isn't one of torch's: {error!r}") from None
    except (ValueError, TypeError, ArithmeticError) as error:
        raise ConversionError(f"this {name_of(scheduler)} can't be read: {error}") from None
    if any(schedule != schedules[0] for schedule in schedules):
        texts = "; ".join(map(repr, schedules))
        raise ConversionError(f"the groups of this {name_of(scheduler)} have different schedules: {texts}")
    return schedules[0]


def _of_group(scheduler: Any, group: int) -> Schedule:
    """The schedule of a group; its beginning is found from the rate that the scheduler last set."""
    initial, updates = initial_rate(scheduler, group), updates_made(scheduler)
    last = float(scheduler.get_last_lr()[group])
    schedule = read(scheduler, Place(group, initial, updates))
    rate, other = initial * schedule(updates), read(scheduler, Place(group, 2 * initial, updates))
    # The rate at an update is a linear function of the rate at the beginning.
    slope = (initial * other(updates) - rate) / initial
    made_with = float(scheduler.optimizer.defaults.get("lr", initial))
    if name_of(scheduler) in ("OneCycleLR", "CyclicLR") and not math.isclose(initial, made_with, rel_tol=1e-9):
        warnings.warn(
            f"torch's {name_of(scheduler)} has set the group's initial_lr to {initial:g} in place of {made_with:g}: "
            f"the schedule is a factor of {initial:g}; for an optimizer that it hasn't touched, "
            f"gs.torch.Scheduler(..., peak={initial:g})",
            stacklevel=3,
        )
    if _agree(rate, last, initial):
        if other != schedule and abs(slope) < 1e-9:
            warnings.warn(
                f"the rate of this {name_of(scheduler)} after {plural(updates, 'update')} says nothing of where it "
                f"began: the group's initial_lr of {initial:g} is assumed; convert it before the training",
                stacklevel=3,
            )
        return schedule
    start = initial + (last - rate) / slope if slope else math.nan
    if not start >= 0:
        raise ConversionError(
            f"the rate of this {name_of(scheduler)} is {last:g} after {plural(updates, 'update')}, where it would be "
            f"{rate:g}: something else changes the rate too, or a scheduler in it was stepped before"
        )
    digits = 12 if updates else 15
    start = initial * float(f"{start / initial:.{digits}g}")
    warnings.warn(
        f"this {name_of(scheduler)} began at a rate of {start:g}, not at the group's initial_lr of {initial:g}, which "
        "another scheduler or you set: the schedule is a factor of initial_lr, and gives torch's rates of this "
        "scheduler alone",
        stacklevel=3,
    )
    return read(scheduler, Place(group, start, updates))


def _agree(rate: float, last: float, initial: float) -> bool:
    """Whether two rates are the same but for the rounding of a recursion, in single precision in a tensor."""
    return abs(rate - last) <= 1e-6 * max(rate, last) + 1e-12 * initial
