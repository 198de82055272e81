"""Any torch scheduler as a schedule, those of several schedulers too: one after another, or multiplied."""

from __future__ import annotations

import functools
import math
from itertools import pairwise
from typing import Any

from glideslope.errors import ConversionError
from glideslope.frameworks.conversion.torch_readers import (
    READERS,
    Place,
    Reader,
    initial_rate,
    name_of,
    scaled,
    updates_made,
)
from glideslope.schedules import Schedule


def read(scheduler: Any, place: Place) -> Schedule:
    """The schedule of a scheduler in its place."""
    return reader_of(scheduler)(scheduler, place)


def reader_of(scheduler: Any) -> Reader:
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
        part = read(one, there.begun(one) if begin or name_of(one) in _OVERWRITING else there)
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
        return read(scheduler._schedulers[0], place)
    for inner in scheduler._schedulers:
        if name_of(inner) in _OVERWRITING or getattr(inner, "eta_min", 0) != 0:
            raise ConversionError(f"a {name_of(inner)} in a chain overwrites what the others did, so it isn't a factor")
        if getattr(inner, "T_max", math.inf) < place.updates:
            raise ConversionError(f"a {name_of(inner)} in a chain adds to what the others did after its end")
    initial = initial_rate(scheduler, place.group)
    factors = [read(inner, Place(place.group, initial, place.updates)) for inner in scheduler._schedulers]
    return scaled(functools.reduce(lambda a, b: a * b, factors), place.start, scheduler, place)


_OVERWRITING = ("CyclicLR", "OneCycleLR", "CosineAnnealingWarmRestarts", "LambdaLR", "SequentialLR")
"""Schedulers that set a rate of their own, whatever it was before; SequentialLR does at its milestones."""


_ALL: dict[str, Reader] = {**READERS, "SequentialLR": _sequential, "ChainedScheduler": _chained}
