"""What is dragged of a schedule: the ends of its phases and its points; a drag gives the schedule that it makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from glideslope.conversion.tables import knots_of
from glideslope.errors import ScheduleError
from glideslope.schedules import Schedule, interpolate
from glideslope.schedules.durations import Clock, Duration, Frame
from glideslope.schedules.extension import unfolded
from glideslope.schedules.named import Named
from glideslope.schedules.sequence import in_sequence

_ENDS = {"warmup": "peak", "constant": "factor"}
"""The argument that a phase ends at; of others it is `final`, where they have one."""
_STARTS = {"warmup": "start", "constant": "factor", "log_warmup": "start"}
_NEAR = 0.006  # how far points may lie from the schedule that they stand for, over its largest factor
_MOST_PHASES = 60  # a schedule of more isn't dragged

Change = Callable[[float], Schedule]


@dataclass(frozen=True)
class Handle:
    """A place of a schedule that is dragged."""

    name: str  # what it is
    x: float  # updates made
    y: float  # the factor there
    across: Change | None = None  # the schedule with the place at other updates; None where it can't move so
    up: Change | None = None  # the schedule with another factor there; None where it can't move so
    removed: Schedule | None = None  # the schedule without it; None where it can't be left out


def handles(schedule: Schedule, steps: int, clock: Clock) -> list[Handle]:
    """The handles of a schedule over so many updates, from left to right; none where it isn't made of phases.

    >>> import glideslope as gs
    >>> places = handles(gs.parse("warmup(10%) >> hold() >> cooldown(20%)"), 1000, gs.Clock())
    >>> [(handle.name, handle.x) for handle in places]
    [('start of warmup', 0.0), ('end of warmup', 100.0), ('end of hold', 800.0), ('end of cooldown', 1000.0)]
    >>> places[1].across(150), places[2].across(700)
    (warmup(15%) >> hold() >> cooldown(20%), warmup(10%) >> hold() >> cooldown(30%))
    """
    parts = unfolded(schedule)
    if len(parts) > _MOST_PHASES or not all(isinstance(part, Named) for part in parts):
        return []
    frame = Frame(float(steps), clock)
    whole = in_sequence(*parts).over(steps, clock)
    placed = whole.layout(frame, float(steps))[0].schedule.layout(frame, float(steps)) if len(parts) > 1 else []
    spans = [(child.start, child.length) for child in placed] or [(0.0, parts[0].allotted(frame, float(steps)))]
    return sorted(_Phases(parts, spans, frame).handles(lambda t: float(whole(t))), key=lambda handle: handle.x)


def in_points(schedule: Schedule, steps: int, clock: Clock) -> Schedule:
    """Points that are nearly the same schedule, which can be dragged. Raises a ScheduleError if it is nowhere above 0.

    >>> import glideslope as gs
    >>> in_points(gs.parse("warmup(10%) >> hold() >> cooldown(20%)"), 1000, gs.Clock())
    interpolate([0%, 10%, 80%, 100%], [0, 1, 1, 0])
    """
    whole = schedule.over(steps, clock)
    turns = [t for t in whole.turns(Frame(), float(steps)) if 0 < t < steps]
    some = turns if len(turns) <= 200 else turns[:: len(turns) // 200 + 1]
    before = np.maximum(np.array(some) - steps / 1000, 0.0)
    at = np.unique(np.concatenate([np.linspace(0, steps, 201), some, before]).clip(0, steps))
    factors = np.asarray(whole(at), dtype=float)
    if not factors.max() > 0:
        raise ScheduleError("it is 0 everywhere: there is nothing to drag")
    kept = knots_of(factors, _NEAR, at)
    times = [Duration(float(f"{100 * t / steps:.6g}"), "%") for t in at[kept].tolist()]
    return interpolate(times, [float(f"{factor:.4g}") for factor in factors[kept].tolist()])


def with_point(schedule: Schedule) -> Schedule:
    """The schedule with a point more, amid the longest stretch. Raises a ScheduleError if it has no points."""
    parts = unfolded(schedule)
    for i, part in enumerate(parts):
        if isinstance(part, Named) and part.name == "interpolate":
            values = dict(part.arguments)
            times = [_value(time) for time in values["times"]]
            gap = max(range(len(times) - 1), key=lambda j: times[j + 1] - times[j])
            middle = (times[gap] + times[gap + 1]) / 2
            factor = round((values["values"][gap] + values["values"][gap + 1]) / 2, 4)
            middle_time = Duration(middle, _unit(values["times"]))
            changed = _with(part, times=_inserted(values["times"], gap, middle_time),
                            values=_inserted(values["values"], gap, factor))  # fmt: skip
            return in_sequence(*parts[:i], changed, *parts[i + 1 :])
    raise ScheduleError("it has no points: turn it into points first")


@dataclass(frozen=True)
class _Phases:
    """The phases of a schedule, when each begins and how long it takes, and what they are measured against."""

    parts: Sequence[Any]
    spans: list[tuple[float, float]]
    frame: Frame

    def handles(self, value: Callable[[float], float]) -> Iterator[Handle]:
        for i, (part, (start, length)) in enumerate(zip(self.parts, self.spans, strict=True)):
            if part.name == "interpolate":
                yield from self._points(i)
                continue
            if i == 0 and (first := _STARTS.get(part.name)):
                yield Handle(f"start of {part.name}", 0.0, value(0.0), up=partial(self._set, 0, first))
            if part.name == "constant" and len(self.parts) == 1:
                continue
            last = _ENDS.get(part.name, "final" if "final" in dict(part.arguments) else None)
            up, across = last and partial(self._set, i, last), self._mover(i)
            if across or up:
                x = min(start + length, self.frame.horizon or 0.0)
                before = float(np.round(value(max(float(np.nextafter(x, 0.0)), 0.0)), 9))  # the next may jump
                yield Handle(f"end of {part.name}", x, before, across, up or None)

    def _set(self, i: int, name: str, value: Any) -> Schedule:
        return self._replaced(i, _with(self.parts[i], **{name: value}))

    def _replaced(self, i: int, part: Schedule) -> Schedule:
        return in_sequence(*self.parts[:i], part, *self.parts[i + 1 :])

    def _mover(self, i: int) -> Change | None:
        """What moves the end of a phase: its duration; where it fills what is left, that of the next."""
        start = self.spans[i][0]
        if (like := dict(self.parts[i].arguments).get("duration")) is not None:
            return lambda x: self._set(i, "duration", _duration(x - start, like, self.frame))
        if i + 1 == len(self.parts) or (after := dict(self.parts[i + 1].arguments).get("duration")) is None:
            return None
        end = sum(self.spans[i + 1])
        return lambda x: self._set(i + 1, "duration", _duration(end - x, after, self.frame))

    def _points(self, i: int) -> Iterator[Handle]:
        values = dict(self.parts[i].arguments)["values"]
        places = self._places(i)
        for j, (place, factor) in enumerate(zip(places, values, strict=True)):
            rest = self._without(i, j) if j and len(places) > 2 else None
            across = partial(self._moved, i, j) if j else None
            yield Handle(f"point {j + 1}", place, factor, across, partial(self._lifted, i, j), rest)

    def _places(self, i: int) -> list[float]:
        """When the points of a phase are."""
        times = dict(self.parts[i].arguments)["times"]
        unit, start = _unit(times), self.spans[i][0]
        return [start + self.frame.updates(Duration(_value(time), unit)) for time in times]

    def _moved(self, i: int, j: int, x: float) -> Schedule:
        """The schedule with a point at another time, between those beside it."""
        start, places = self.spans[i][0], self._places(i)
        horizon = self.frame.horizon or 0.0
        low, high, least = places[j - 1], [*places, places[-1] + horizon][j + 1], horizon / 1000
        inside = min(max(x, low + least), high - least) if high - low > 2 * least else (low + high) / 2
        times = list(dict(self.parts[i].arguments)["times"])
        times[j] = _duration(inside - start, Duration(1, _unit(times)), self.frame)
        return self._set(i, "times", times)

    def _lifted(self, i: int, j: int, y: float) -> Schedule:
        values = list(dict(self.parts[i].arguments)["values"])
        values[j] = y
        return self._set(i, "values", values)

    def _without(self, i: int, j: int) -> Schedule:
        arguments = dict(self.parts[i].arguments)
        rest = {name: arguments[name][:j] + arguments[name][j + 1 :] for name in ("times", "values")}
        return self._replaced(i, _with(self.parts[i], **rest))


def _unit(times: Sequence[Any]) -> str:
    """The unit of points."""
    return next((time.unit for time in times if isinstance(time, Duration) and time.unit), "")


def _duration(updates: float, like: Any, frame: Frame) -> Duration:
    """A length in the unit of another, with as many digits as a hand can set."""
    unit = like.unit if isinstance(like, Duration) else ""
    value = max(updates, 0.0) / (frame.updates(Duration(1, unit)) if unit else 1.0)
    if unit == "%":
        return Duration(min(round(value, 1), 100.0), unit)
    return Duration(float(round(value)) if not unit else float(f"{value:.4g}"), unit)


def _with(part: Named, **arguments: Any) -> Schedule:
    return part.maker(**{**dict(part.arguments), **arguments})


def _inserted(values: Any, after: int, value: Any) -> list[Any]:
    return [*values[: after + 1], value, *values[after + 1 :]]


def _value(time: Any) -> float:
    return float(time.value if isinstance(time, Duration) else time)
