"""The values that schedules have written in an optimizer's groups, and the factors of the updates ahead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from glideslope.frameworks.torch.scheduler.known_groups import Group
from glideslope.frameworks.torch.scheduler.scheduled_values import Plan

FEW = 8  # values that are looked at in each call of `step`; of more the first, and all before the next update
AHEAD = 1024
"""Factors that are computed at a time. A stretch begins at a multiple of it, so a resumed run has the same ones."""


class Written:
    """The values that were written last, and those that are written next."""

    __slots__ = ("begin", "count", "few", "first", "length", "place", "seen", "writing")
    writing: list[tuple[Callable[[float], None], list[float]]]
    """What writes each scheduled value, and its factors over a stretch of updates."""
    begin: int  # the update at which the stretch begins
    length: float  # of the stretch
    place: int  # where in it the factors are that were written last
    first: Any  # the first group with a rate that is written
    seen: Any  # the rate that it had then
    few: bool  # whether there are several values, few enough to look at each in `step`
    count: int  # how many groups there were

    def write(self, plan: Plan, groups: Sequence[Group]) -> None:
        """Writes the factors at the place, whatever the groups were before."""
        for write, factors in self.writing:
            write(factors[self.place])
        self.first, self.few, self.count = plan.first, 1 < plan.number <= FEW, len(groups)
        self.seen = self.first["lr"]

    def look_ahead(self, plan: Plan, updates_made: int, shifts: Sequence[float], until: float) -> int:
        """Computes the factors of the stretch that the next update is in, which ends at `until` updates at the latest;
        returns the update's place there. `shifts` are the positions on the schedules, less the updates made."""
        self.begin = updates_made // AHEAD * AHEAD
        self.length = min(AHEAD, until - self.begin)
        factors = plan.factors([self.begin + shift for shift in shifts], AHEAD).tolist()
        self.writing = [(values.write, ahead) for values, ahead in zip(plan.values, factors, strict=True)]
        self.place = updates_made - self.begin
        return self.place

    @property
    def factors(self) -> list[float]:
        """Those that were written last, of each schedule."""
        return [factors[self.place] for _, factors in self.writing]
