"""When a schedule turns: where its phases begin, its cycles restart, its steps fall."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from glideslope.schedules.combined import Combined, Scaled
from glideslope.schedules.durations import Frame
from glideslope.schedules.horizon import Over
from glideslope.schedules.methods import Lasting, Mapped, Repeated, Shifted, Stretched
from glideslope.schedules.names import Named
from glideslope.schedules.primitives import Decay, Part, Ramp, Table
from glideslope.schedules.schedule import Schedule
from glideslope.schedules.sequence import Sequence

CYCLES = 400
"""The cycles, or the steps of a staircase, whose turns are taken where there are more: evenly spread, the ends too."""


def turns(schedule: Schedule, frame: Frame, length: float) -> list[float]:
    """When a schedule turns, in updates since its own start; of very many cycles, those of some.

    Args:
        schedule: the schedule.
        frame: what its durations are measured against.
        length: the updates it has.
    """
    return [t for t in _turns(schedule, frame, length) if math.isfinite(t)]


def _turns(schedule: Schedule, frame: Frame, length: float) -> Iterator[float]:
    match schedule:
        case Named():
            yield from _turns(schedule.definition, frame, length)
        case Over():
            horizon = schedule.clock.updates(schedule.horizon)
            yield from _turns(schedule.schedule, Frame(horizon, schedule.clock), horizon)
            yield horizon
        case Part():
            yield from _turns(schedule.schedule, Frame(length, frame.clock), length)
            yield length
        case Scaled():
            yield from _turns(schedule.schedule, frame, length)
        case Mapped():  # which may be the schedule backwards
            for t in _turns(schedule.schedule, frame, length):
                yield from (t, length - t)
        case Combined():
            for part in schedule.parts:
                yield from _turns(part, frame, _length(part, frame, length))
        case Sequence():
            start = 0.0
            for phase, duration in zip(schedule.phases, schedule.shared_out(frame, length), strict=True):
                yield start
                yield from (start + t for t in _turns(phase, frame, duration))
                start += duration
            yield start
        case Shifted():
            by = frame.updates(schedule.behind) - frame.updates(schedule.ahead)
            yield by
            yield from (
                t + by for t in _turns(schedule.schedule, frame, _length(schedule.schedule, frame, length - by))
            )
        case Lasting():
            yield from _turns(schedule.schedule, frame, _length(schedule.schedule, frame, length))
            yield length
        case Stretched():
            inner = _length(schedule.schedule, frame, length / schedule.times)
            yield from (schedule.times * t for t in _turns(schedule.schedule, frame, inner))
        case Repeated():
            yield from _of_cycles(schedule, frame, length)
        case Table():
            yield from map(frame.updates, schedule.times)
        case Decay():
            if schedule.staircase:
                timescale = frame.updates(schedule.timescale)
                yield from (timescale * i for i in _some(length / timescale))
            yield length
        case Ramp():
            yield length


def _of_cycles(schedule: Repeated, frame: Frame, length: float) -> Iterator[float]:
    """The turns of a repeated schedule, by those of one cycle."""
    period, growth = schedule.schedule.length(frame), schedule.growth
    if period is None:
        period = length / (schedule._cycles(schedule.times) if schedule.times else 1.0)
        frame = Frame(period, frame.clock)
    inner = sorted({0.0, *_turns(schedule.schedule, frame, period)})
    cycles = length / period if growth == 1 else math.log1p(length / period * (growth - 1)) / math.log(growth)
    for i in _some(min(cycles, schedule.times or math.inf), len(inner)):
        start = period * (i if growth == 1 else (growth**i - 1) / (growth - 1))
        yield from (start + growth**i * t for t in inner)


def _some(number: float, each: int = 1) -> list[float]:
    """Whole numbers from 0 to a number: all of them, or some, fewer the more each stands for."""
    last, most = math.floor(number) if math.isfinite(number) else 0, max(CYCLES // each, 8)
    if last < most:
        return [float(i) for i in range(last + 1)]
    spread = np.concatenate([np.geomspace(1, last + 1, most // 2) - 1, np.linspace(0, last, most // 2)])
    return [float(i) for i in np.unique(np.round(spread))]


def _length(schedule: Schedule, frame: Frame, length: float) -> float:
    own = schedule.length(frame)
    return length if own is None else own
