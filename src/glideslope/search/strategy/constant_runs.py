"""Full runs of constant rates, to compare a tuned run with, and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from glideslope.schedules import constant
from glideslope.search.runs.contestant import Contestant, Run
from glideslope.search.runs.trial import Trial
from glideslope.search.strategy.outcomes import beyond, two_digits
from glideslope.search.trials import Trials

AROUND = (0.25, 0.5, 1.0, 2.0)
"""The constant rates that are compared with at first, over the peak found."""

MOST_CONSTANTS = 8
"""The most that there are, until the best isn't at an end."""

_UNITS = (("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))


def constant_runs(
    trials: Trials, rates: Sequence[float], peak: float, steps: int, say: Callable[[str], None]
) -> list[Run]:
    """Makes runs of the given rates; without any, of those around the best peak, and on from there until the best isn't
    at an end. `say` is told before what they cost."""
    say(cost(len(rates), steps, trials.timed))
    runs = _runs(trials, rates or [peak * factor for factor in AROUND], steps)
    while not rates and len(runs) < MOST_CONSTANTS and (further := beyond(runs)):
        runs += _runs(trials, [further], steps)
    return runs


def _runs(trials: Trials, rates: Sequence[float], steps: int) -> list[Run]:
    contestants = [Contestant(constant(), two_digits(rate)) for rate in rates]
    return trials.run_all([Trial(one, steps, trials.opened) for one in contestants], stage="constant rates")


def unsaid(text: str) -> None:
    """Says nothing."""


def cost(number: int, steps: int, timed: tuple[int, float]) -> str:
    """What the full runs of so many constant rates cost, 0 where none were given; `timed` are updates that were made,
    and the seconds that they took.

    >>> cost(0, 1000, (500, 60.0))
    'To compare with, 4 to 8 full runs of constant rates: 4000 to 8000 updates, about 8 to 16 minutes.'
    """
    least, most = (number, number) if number else (len(AROUND), MOST_CONSTANTS)
    runs = f"{least}" if least == most else f"{least} to {most}"
    updates = f"{least * steps}" if least == most else f"{least * steps} to {most * steps}"
    cost = f"To compare with, {runs} full run{'s' * (most > 1)} of constant rates: {updates} updates"
    timed_updates, seconds = timed
    if not timed_updates:
        return f"{cost}."
    unit, size = next(
        (unit, size) for unit, size in _UNITS if least * steps * seconds / timed_updates >= size or size == 1
    )
    low, high = (f"{runs * steps * seconds / timed_updates / size:.2g}" for runs in (least, most))
    return f"{cost}, about {low if low == high else f'{low} to {high}'} {unit}."
