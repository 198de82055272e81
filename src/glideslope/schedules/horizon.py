"""The horizon of a schedule: the length of the training that its fractions are of; and moving it in mid-training."""

from __future__ import annotations

from dataclasses import dataclass, replace

from glideslope.errors import ScheduleError
from glideslope.renamed import was_called
from glideslope.schedules.arrays import Formula
from glideslope.schedules.combined import Combined, Scaled
from glideslope.schedules.durations import Clock, Duration, Frame, Time, duration, number_text
from glideslope.schedules.names import Named
from glideslope.schedules.numbers import plain
from glideslope.schedules.primitives import Decay, Ramp
from glideslope.schedules.schedule import METHODS, Schedule, enclosed, too_short
from glideslope.schedules.sequence import Sequence, fills, phases
from glideslope.schedules.units import in_updates


@dataclass(frozen=True, repr=False)
class Over(Schedule):
    """A schedule with its horizon: fractions within it are of this horizon."""

    schedule: Schedule
    horizon: Duration
    clock: Clock

    def __post_init__(self) -> None:
        if self.horizon.value == 0 or self.horizon.unit == "%":
            raise ScheduleError(f"a horizon of {self.horizon}: it must be a positive length, in updates or with a unit")
        self._factor  # noqa: B018  (a missing unit or too short a horizon is an error now, not at the first update)

    def most(self, begin: float) -> float:
        return self.schedule.most(begin)

    def length(self, frame: Frame) -> float:
        return self.clock.updates(self.horizon)

    def formula(self, frame: Frame, length: float, begin: float) -> Formula:
        frame = Frame(length, self.clock)
        own = self.schedule.length(frame)
        if (takes := self.schedule.shortest(frame)) > length * (1 + 1e-9):
            raise too_short(self.schedule, takes, length)
        return self.schedule.formula(frame, length if own is None else own, begin)

    @was_called("horizon", "steps")
    def over(self, steps: Time, clock: Clock | None = None) -> Schedule:
        return self.schedule.over(steps, clock or self.clock)

    def __str__(self) -> str:
        clock = "".join(f", {name}={number_text(value)}" for name, value in vars(self.clock).items() if value)
        return f"{enclosed(self.schedule)}.over({self.horizon}{clock})"


@was_called("horizon", "steps")
def over(schedule: Schedule, steps: Time, **clock: float) -> Schedule:
    """The schedule with its horizon."""
    number = plain(steps)
    if isinstance(number, int | float) and 0 < number < 1:
        raise ScheduleError(
            f"a horizon of {number} updates: give the length of the whole training, 10_000 for instance"
        )
    return Over(schedule, duration(steps), Clock(**clock))


def with_horizon(schedule: Schedule, steps: Time, clock: Clock | None = None) -> Schedule:
    """The schedule over a horizon that is given beside it.

    Raises:
        ScheduleError: it has another horizon of its own: of two curves for one text, which is meant can't be known.
    """
    whole = schedule.over(steps, clock)
    lengths = whole.length(Frame()), schedule.length(Frame()) if isinstance(schedule, Over) else None
    if lengths[1] is not None and lengths[0] is not None and abs(lengths[0] - lengths[1]) > 1e-9 * lengths[1]:
        raise ScheduleError(
            f"{schedule} has a horizon of its own, and steps={steps} is another: leave out one of them; for this one, "
            f"write {schedule.schedule}"  # type: ignore[attr-defined]
        )
    return whole


def extend(schedule: Schedule, at: Time, to: Time) -> Schedule:
    """The schedule of a longer training that is the same before `at`; see `Schedule.extend`."""
    match schedule:
        case Scaled():
            return replace(schedule, schedule=extend(schedule.schedule, at, to))
        case Over(schedule=Scaled() as scaled):
            longer = extend(replace(schedule, schedule=scaled.schedule), at, to)
            assert isinstance(longer, Over)
            return replace(longer, schedule=replace(scaled, schedule=longer.schedule))
    if not isinstance(schedule, Over):
        raise ScheduleError(f"{schedule!r} has no horizon to move: say it first, schedule.over(10_000)")
    frame = Frame(schedule.length(Frame()), schedule.clock)
    if duration(to).unit == "%":
        raise ScheduleError(f"to={to}: a new horizon is a length of its own, not a part of the old one")
    now, horizon = frame.updates(duration(at)), schedule.clock.updates(duration(to))
    if not (now <= schedule.length(frame) <= horizon):
        raise ScheduleError(
            f"at={at}, to={to}: give at ≤ {schedule.horizon} ≤ to; this schedule ends at the middle one"
        )
    parts = tuple(piece for part in phases(schedule.schedule) for piece in pieces(part))
    filler = next((i for i, part in enumerate(parts) if fills(part)), None)
    if filler is None or not _steady(parts[filler]):
        raise ScheduleError(
            f"{schedule!r} can't be extended: its past would be another with a longer horizon. What can is a schedule "
            "that holds until its cooldown, such as warmup(1%) >> hold() >> cooldown(20%)"
        )
    begins = sum(Sequence(parts).shared_out(frame, schedule.length(frame))[: filler + 1])
    if now > begins:
        raise ScheduleError(
            f"at={at}: its cooldown began at update {number_text(begins)}; go on from a state before it"
        )
    past = tuple(in_updates(part, frame) for part in parts[: filler + 1])
    whole = Sequence((*past, *parts[filler + 1 :])) if len(parts) > 1 else past[0]
    return Over(whole, duration(to), schedule.clock)


def pieces(schedule: Schedule) -> tuple[Schedule, ...]:
    """The phases that a shorthand such as `wsd` stands for; any other schedule alone."""
    if isinstance(schedule, Named) and isinstance(schedule.definition, Sequence):
        inner = schedule.definition.phases
        if all(isinstance(phase, Named) for phase in inner):
            return inner
    return (schedule,)


def _steady(schedule: Schedule) -> bool:
    """Whether it is the same for any length that it fills, its own durations being in updates."""
    match schedule:
        case Named():
            return _steady(schedule.definition) and all(map(_steady, _inner(schedule)))
        case Ramp():
            return schedule.duration is not None or schedule.end in (None, schedule.start)
        case Sequence():
            return all(map(_steady, schedule.phases)) and fills(schedule.phases[-1])
        case Combined():
            return all(map(_steady, schedule.parts))
        case Scaled():
            return _steady(schedule.schedule)
    return isinstance(schedule, Decay)


def _inner(schedule: Named) -> tuple[Schedule, ...]:
    return () if schedule.subject is None else (schedule.subject,)


METHODS["over"], METHODS["extend"] = over, extend
