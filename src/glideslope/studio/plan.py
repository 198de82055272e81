"""The schedules of a page's state: what is drawn, and what is worked out from it."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from glideslope.errors import GlideslopeError, ScheduleError
from glideslope.feedback import Feedback
from glideslope.policy import as_policy
from glideslope.schedules import Clock, Schedule, parse
from glideslope.schedules.numbers import MOST_UPDATES
from glideslope.studio.effort import COARSE, FINE_PARTS, MOST_PARTS, parts, places
from glideslope.views.curves import Curve

MOST_TEXT = 4_000  # the characters of a schedule that the page takes
Text = Annotated[str, Meta(max_length=MOST_TEXT)]
Positive = Annotated[float, Meta(gt=0, le=1e12)]
Steps = Annotated[int, Meta(ge=1, le=MOST_UPDATES)]
Axis = Literal["updates", "epochs", "examples", "tokens"]


class Plan(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Schedules over one horizon."""

    schedules: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=8)] = ("warmup(5%) >> cosine",)  # their texts
    steps: Steps = 10_000  # the updates
    peak: Annotated[float, Meta(gt=0, le=1e6)] = 0.001  # the rate where a factor is 1
    batch: Positive = 32.0  # examples in an update
    epoch: Positive = 50_000.0  # examples in an epoch
    tokens: Positive = 1024.0  # tokens in an example
    axis: Axis = "updates"  # what time is in
    chosen: Annotated[int, Meta(ge=0, le=7)] = 0  # the place of the schedule that is edited
    log: bool = False  # whether the axis of rates is logarithmic

    @property
    def clock(self) -> Clock:
        """What an update is worth."""
        return Clock(self.epoch / self.batch, self.batch, self.batch * self.tokens)

    @property
    def text(self) -> str:
        """The schedule that is edited."""
        return self.schedules[min(self.chosen, len(self.schedules) - 1)]

    @property
    def parts(self) -> int:
        """What all schedules are made of."""
        return sum(map(_parts, self.schedules))

    @property
    def fine(self) -> bool:
        """Whether there is time to take each schedule where it turns."""
        return self.parts <= FINE_PARTS

    @property
    def note(self) -> str:
        """What is said of how finely it is drawn; "" where nothing is."""
        if self.fine or self.parts > MOST_PARTS:
            return ""
        return f"The schedules have {self.parts:,} parts: each is computed at {COARSE:,} of its updates."

    def curve(self, text: str) -> Curve:
        """The curve of a schedule: each update, or of very many the turns and those between which it is straight; of
        very many parts, at some updates. Raises a ScheduleError if the text isn't a schedule, or there are too many
        parts."""
        parsed(text)
        if self.parts > MOST_PARTS:
            raise ScheduleError(
                f"the schedules have {self.parts:,} parts: up to {MOST_PARTS:,} are computed here, so leave some out"
            )
        return _curve(text, self.steps, self.peak, self.clock, self.fine)


parsed = lru_cache(maxsize=256)(parse)


def scheduled(text: str) -> Schedule:
    """The schedule of a text, that nothing but the updates move. Raises a ScheduleError if the text isn't one."""
    value = parsed(text)
    if isinstance(value, Feedback) or not isinstance(value, Schedule):
        raise ScheduleError(f"{value} answers to measurements or batches: this is done with a schedule alone")
    return value


@lru_cache(maxsize=256)
def _parts(text: str) -> int:
    """The parts of the schedule of a text; none of one that can't be read."""
    try:
        return parts(as_policy(parsed(text)).schedule)
    except GlideslopeError:
        return 0


@lru_cache(maxsize=32)
def _curve(text: str, steps: int, peak: float, clock: Clock, fine: bool) -> Curve:
    value = parsed(text)
    whole = as_policy(value).schedule.within(steps, clock)
    return Curve.of(value, steps, peak, clock, places(whole, steps, fine))
