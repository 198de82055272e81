"""A schedule of a longer training, whose past is the same."""

from __future__ import annotations

from dataclasses import replace

from glideslope.errors import ScheduleError
from glideslope.schedules.combined import Scaled
from glideslope.schedules.durations import Frame, Time, duration, number_text
from glideslope.schedules.horizon import Over
from glideslope.schedules.named import Named
from glideslope.schedules.schedule import Schedule
from glideslope.schedules.sequence import Sequence, fills, phases
from glideslope.schedules.units import in_updates


def extended(schedule: Schedule, at: Time, to: Time) -> Schedule:
    """The schedule of a longer training that is the same before `at`; see `Schedule.extend`."""
    match schedule:
        case Scaled():
            return replace(schedule, schedule=extended(schedule.schedule, at, to))
        case Over(schedule=Scaled() as scaled):
            longer = extended(replace(schedule, schedule=scaled.schedule), at, to)
            assert isinstance(longer, Over)
            return replace(longer, schedule=replace(scaled, schedule=longer.schedule))
    if not isinstance(schedule, Over):
        raise ScheduleError(f"{schedule!r} has no horizon to move: give it first, schedule.over(10_000)")
    frame = Frame(schedule.length(Frame()), schedule.clock)
    if duration(to).unit == "%":
        raise ScheduleError(f"to={to}: give the horizon in updates or another unit, not as a percentage of the old one")
    now, horizon = frame.updates(duration(at)), schedule.clock.updates(duration(to))
    if not (now <= schedule.length(frame) <= horizon):
        raise ScheduleError(
            f"at={at}, to={to}: give at ≤ {schedule.horizon} ≤ to; the schedule ends at {schedule.horizon}"
        )
    parts = unfolded(schedule.schedule)
    filler = next((i for i, part in enumerate(parts) if fills(part)), None)
    if filler is None or not parts[filler].is_steady():
        raise ScheduleError(
            f"{schedule!r} can't be extended: a longer horizon would change its past. It must be a schedule "
            "that holds until its cooldown, such as warmup(1%) >> hold() >> cooldown(20%)"
        )
    begins = sum(Sequence(parts).shared_out(frame, schedule.length(frame))[: filler + 1])
    if now > begins:
        raise ScheduleError(f"at={at}: its cooldown began at update {number_text(begins)}; go on from one before it")
    past = tuple(in_updates(part, frame) for part in parts[: filler + 1])
    whole = Sequence((*past, *parts[filler + 1 :])) if len(parts) > 1 else past[0]
    return Over(whole, duration(to), schedule.clock)


def unfolded(schedule: Schedule) -> tuple[Schedule, ...]:
    """The phases of a schedule, those that a shorthand such as `wsd` stands for in its place."""
    return tuple(piece for phase in phases(schedule) for piece in _pieces(phase))


def _pieces(schedule: Schedule) -> tuple[Schedule, ...]:
    if isinstance(schedule, Named) and isinstance(schedule.schedule, Sequence):
        inner = schedule.schedule.phases
        if all(isinstance(phase, Named) for phase in inner):
            return inner
    return (schedule,)
