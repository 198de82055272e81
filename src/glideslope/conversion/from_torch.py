"""Any torch scheduler as a schedule, those of several schedulers too: one after another, or multiplied."""

from __future__ import annotations

import functools
import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from glideslope.conversion.torch_readers import READERS, Place, Reader, initial_rate, name_of, scaled, updates_made
from glideslope.errors import ConversionError
from glideslope.plural import plural
from glideslope.schedules import Schedule
from glideslope.warning import warn

if TYPE_CHECKING:
    from torch.optim.lr_scheduler import LRScheduler


def from_torch(scheduler: LRScheduler) -> Schedule:
    """The schedule that a torch scheduler follows from its beginning, as a factor of each group's `initial_lr`.

    Two ends differ (docs/parity.md): torch's CosineAnnealingLR climbs again after `T_max`, and its OneCycleLR raises;
    the schedule holds its last value, but for a cosine that goes on longer in a SequentialLR, or has gone on already.

    The momentum that a OneCycleLR or CyclicLR moves too isn't part of it; a warning says what gives it.

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
    _reader_of(scheduler)
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
    if getattr(scheduler, "cycle_momentum", False):
        _tell_momentum(scheduler)
    return schedules[0]


def _tell_momentum(scheduler: Any) -> None:
    """Warns that a scheduler moves the momentum too."""
    group, name = scheduler.optimizer.param_groups[0], name_of(scheduler)
    high, low = group["max_momentum"], group["base_momentum"]
    how = f"schedule.momentum({high:g}, {low:g})" if name == "OneCycleLR" else "a schedule of its own"
    warn(
        f"torch's {name} moves the momentum too, or Adam's first beta, from {high:g} to {low:g} and back, which isn't "
        f"part of the schedule: give gs.torch.Scheduler momentum={how}, or torch cycle_momentum=False"
    )


def _of_group(scheduler: Any, group: int) -> Schedule:
    """The schedule of a group; its beginning is found from the rate that the scheduler last set."""
    initial, updates = initial_rate(scheduler, group), updates_made(scheduler)
    last = float(scheduler.get_last_lr()[group])
    schedule = _read(scheduler, Place(group, initial, updates))
    rate, other = initial * schedule(updates), _read(scheduler, Place(group, 2 * initial, updates))
    # The rate at an update is a linear function of the rate at the beginning.
    slope = (initial * other(updates) - rate) / initial
    made_with = float(scheduler.optimizer.defaults.get("lr", initial))
    if name_of(scheduler) in ("OneCycleLR", "CyclicLR") and not math.isclose(initial, made_with, rel_tol=1e-9):
        warn(
            f"torch's {name_of(scheduler)} has set the group's initial_lr to {initial:g} in place of {made_with:g}: "
            f"the schedule is a factor of {initial:g}; for an optimizer that it hasn't touched, "
            f"gs.torch.Scheduler(..., peak={initial:g})",
        )
    if abs(rate - last) <= 1e-6 * max(rate, last) + 1e-12 * initial:  # a recursion rounds, in a tensor to float32
        if other != schedule and abs(slope) < 1e-9:
            warn(
                f"the rate of this {name_of(scheduler)} after {plural(updates, 'update')} says nothing of where it "
                f"began: the group's initial_lr of {initial:g} is assumed; convert it before the training",
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
    warn(
        f"this {name_of(scheduler)} began at a rate of {start:g}, not at the group's initial_lr of {initial:g}, which "
        "another scheduler or you set: the schedule is a factor of initial_lr, and gives torch's rates of this "
        "scheduler alone",
    )
    return _read(scheduler, Place(group, start, updates))


def _read(scheduler: Any, place: Place) -> Schedule:
    """The schedule of a scheduler in its place."""
    return _reader_of(scheduler)(scheduler, place)


def _reader_of(scheduler: Any) -> Reader:
    """The reader for a scheduler's class. Raises a ConversionError for a class without a reader."""
    name = name_of(scheduler)
    if name not in _ALL:
        why = "it follows measurements" if name == "ReduceLROnPlateau" else f"known are {', '.join(_ALL)}"
        raise ConversionError(f"a {name} can't be read as a schedule: {why}")
    if type(scheduler).__module__ != "torch.optim.lr_scheduler":
        raise ConversionError(f"this {name} isn't one of torch's: sample its rates, gs.from_points")
    return _ALL[name]


def _sequential(scheduler: Any, place: Place) -> Schedule:
    inner, milestones = scheduler._schedulers, scheduler._milestones
    if any(milestone != int(milestone) for milestone in milestones) or milestones != sorted(milestones):
        raise ConversionError(f"a SequentialLR with milestones={milestones}: give whole numbers that rise")
    times = [0, *(max(int(milestone), 0) for milestone in milestones), math.inf]
    running = [(one, begin, end) for one, (begin, end) in zip(inner, pairwise(times), strict=True) if end > begin]
    parts = []
    for one, begin, end in running:
        _check_begins(one, begin)
        _check_unused(one, scheduler.last_epoch - begin, end - begin)
        updates = end - begin if math.isfinite(end) else place.updates - begin
        one = one._schedulers[0] if len(getattr(one, "_schedulers", ())) == 1 else one
        there = Place(place.group, place.start, updates)
        part = _read(one, there.begun(one) if begin or name_of(one) in _OVERWRITING else there)
        parts.append(part.lasting(updates) if math.isfinite(end) else part)
    return functools.reduce(lambda a, b: a >> b, parts)


def _check_begins(scheduler: Any, begin: float) -> None:
    """Raises for what a SequentialLR steps once too often at its beginning, or can't begin at a milestone."""
    if begin and (hasattr(scheduler, "_schedulers") or getattr(scheduler, "total_iters", 1) == 0):
        raise ConversionError(
            f"torch doesn't begin this {name_of(scheduler)} at a milestone as it does alone: give the SequentialLR its "
            "schedulers, of at least one update"
        )
    if hasattr(scheduler, "_milestones"):
        raise ConversionError(
            "a SequentialLR in a SequentialLR counts an update ahead in torch: give one SequentialLR all schedulers"
        )
    for inner in getattr(scheduler, "_schedulers", ()):
        if hasattr(inner, "_schedulers"):
            _check_begins(inner, begin)
        if name_of(inner) in ("ExponentialLR", "PolynomialLR", "CosineAnnealingLR"):
            raise ConversionError(
                f"torch steps a {name_of(inner)} once too often where a ChainedScheduler that has it begins a "
                "SequentialLR: put the chain around, or leave it out"
            )


def _check_unused(scheduler: Any, updates: float, length: float) -> None:
    """Raises for a scheduler that was stepped before a SequentialLR had it, and goes on from there."""
    here = 0 <= updates < length
    if (here and updates_made(scheduler) != updates) or (updates < 0 and getattr(scheduler, "T_cur", 0) > 0):
        raise ConversionError(
            f"a {name_of(scheduler)} in this SequentialLR was stepped before, and goes on from there: make it anew"
        )


def _chained(scheduler: Any, place: Place) -> Schedule:
    if len(scheduler._schedulers) == 1:
        return _read(scheduler._schedulers[0], place)
    for inner in scheduler._schedulers:
        if name_of(inner) in _OVERWRITING or getattr(inner, "eta_min", 0) != 0:
            raise ConversionError(f"a {name_of(inner)} in a chain overwrites what the others did, so it isn't a factor")
        if getattr(inner, "T_max", math.inf) < place.updates:
            raise ConversionError(f"a {name_of(inner)} in a chain adds to what the others did after its end")
    initial = initial_rate(scheduler, place.group)
    factors = [_read(inner, Place(place.group, initial, place.updates)) for inner in scheduler._schedulers]
    return scaled(functools.reduce(lambda a, b: a * b, factors), place.start, scheduler, place)


_OVERWRITING = ("CyclicLR", "OneCycleLR", "CosineAnnealingWarmRestarts", "LambdaLR", "SequentialLR")
"""Schedulers that set a rate of their own, whatever it was before; SequentialLR does at its milestones."""


_ALL: dict[str, Reader] = {**READERS, "SequentialLR": _sequential, "ChainedScheduler": _chained}
