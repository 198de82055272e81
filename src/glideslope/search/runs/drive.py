"""The updates of a run, one after another: their losses are fetched now and then, and a lost run is left."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from glideslope.search.jobs.calls import end_child, reraise
from glideslope.search.jobs.scalars import kept, number
from glideslope.search.jobs.time_limit import counted

LOOK_EVERY = 25  # updates between looks at the loss: each look may wait for a device
GUARDED_EVERY = 5  # the same where a guard looks: what it finds has gone on for so long

Stop = Callable[[list[float]], bool]
Between = Callable[[list[float], list[Any]], None]


def diverged(losses: list[float]) -> bool:
    """Whether the loss of a run is lost."""
    return bool(losses) and not math.isfinite(losses[-1])


def drive(
    step: Callable[[float], Any],
    rates: np.ndarray,
    stop: Stop,
    look: Callable[[int, float], None],
    every: int,
    *,
    what: str,
    first: int = 0,
    start: int = 0,
    waiting: Sequence[Any] = (),
    between: Between | None = None,
) -> list[float]:
    """Makes an update at each rate until `stop(losses so far)`; returns their training losses, one for each made.
    Losses may be on a device, and are fetched every `every` updates, when `look` gets the updates made and the last
    loss. After each update that no look follows, `between` gets the losses so far and those that wait. The updates are
    of the run `what`, after `first` others. A killed process has used `start` of the rates, and left the losses in
    `waiting`. Raises a JobError if `step` raises, or a loss is no number."""
    losses: list[float] = []
    waiting = list(waiting)
    step, process, last = counted(step, what, first + start), os.getpid(), len(rates) - 1
    for i, rate in enumerate(rates[start:].tolist(), start):
        try:
            waiting.append(kept(step(rate)))
            looks = len(waiting) >= every or i == last or not i
            fetched = [*map(number, waiting)] if looks else []
        except (OverflowError, FloatingPointError):  # a job of Python floats, or NumPy told to raise
            looks, fetched = True, [*map(number, waiting), math.inf]
        except BaseException as error:
            reraise("step", f"at update {first + i + 1} of {what}", error)
        finally:
            if os.getpid() != process:
                end_child(process, f"the job's step at update {first + i + 1} of {what}")
        if not looks:
            if between is not None:
                between(losses, waiting)
            continue
        losses += fetched
        waiting.clear()
        look(i + 1, losses[-1])
        if stop(losses):
            break
    return losses
