"""A forecast of a run in progress, from its losses so far and the laws of public curves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from glideslope.errors import LawError
from glideslope.laws.alarms import Alarm, without_faults
from glideslope.laws.bins import Points
from glideslope.laws.near_public import Mixture, usual
from glideslope.laws.rates import Rates
from glideslope.laws.run import Run
from glideslope.plural import plural
from glideslope.schedules.arguments import checked

_FIRST = 0.03  # the part of the horizon whose losses tell nothing
_POINTS = 150
_LEAST = 3
_COOLDOWN = 0.2
_DOUBT = (
    "the losses don't go as those of public curves on such rates, so that the forecast tells little: look at the "
    "losses, and at the schedule, its peak and its steps"
)
_PEAKS, _HORIZONS = (0.5, 2.0), (0.5, 2.0)


@dataclass(frozen=True)
class Other:
    """Another peak or horizon of the same schedule, run from the beginning, or another way to go on."""

    what: str  #: "peak", "horizon", or "extended" where the run goes on as a longer one
    value: float  #: the rate, or the updates
    loss: float  #: forecast for its end
    odds: float  #: the probability that it ends lower than the run


@dataclass(frozen=True)
class Forecast:
    """What is to be expected of a run."""

    step: float  #: the updates made at its last loss
    steps: int  #: of the whole run
    end: float  #: the loss forecast for its end
    low: float  #: the lower end of a 90% interval
    high: float  #: the upper end
    cooldown_now: float  #: the loss at the end of a linear cooldown begun now, over a fifth of the updates made
    cooldown_low: float  #: the lower end of a 90% interval of it
    cooldown_high: float  #: the upper end
    others: tuple[Other, ...]  #: other peaks and horizons
    alarms: tuple[Alarm, ...]  #: losses that left their band
    like: str  #: the network whose public curves the run is nearest to, with their source
    doubt: str = ""  #: why the forecast tells little, if so

    def __repr__(self) -> str:
        return f"<Forecast at {self.step:g} of {self.steps}: {self.end:#.5g}, 90% {self.low:#.5g} to {self.high:#.5g}>"


@checked(LawError)
def forecast(run: Run, lost: Sequence[float] = (), longer: Sequence[Rates] = ()) -> Forecast:
    """Forecasts the end of a run from its losses so far.

    The law of the run is near the line over sizes that public curves have (see `public_curves`): it is one of their
    data, of other data, or of anything else. Each is fitted to the losses, and counts by how well it explains them (its
    evidence, by Laplace's approximation). A spike doesn't count, however long it takes to come back; where the level of
    the losses changes for good, those before count as so much higher or lower.

    Args:
        run: the rates of all its updates, to the end; and its losses so far, in order.
        lost: updates at which the loss wasn't a number, beside those that the run knows.
        longer: the rates of longer runs, from their beginning, as which this one may go on; those after its last loss
            count. What comes of each is among `others`.

    Raises:
        LawError: a longer run ends before the last loss, or under three losses are after the warmup and the first 3%.

    >>> import numpy as np
    >>> step = np.arange(100, 3001, 100)
    >>> run = Run.from_schedule("warmup(2%) >> cosine(final=0.1)", peak=1e-3, steps=10_000, step=step,
    ...                         loss=2.9 + 18 * step ** -0.45)
    >>> now = forecast(run)
    >>> now.low < now.end < now.high
    True
    """
    steps, warm = len(run.lr), run.rates.warmup
    begun = run.step > max(warm, _FIRST * steps)
    if int(begun.sum()) < _LEAST:
        raise LawError(
            f"{run.name}: {plural(int(begun.sum()), 'loss')} after the warmup and {_FIRST:.0%} of {steps:,} updates: a "
            f"forecast needs {_LEAST}"
        )
    step = run.step[begun]
    loss, alarms = without_faults(step, run.loss[begun], usual(run.rates, step))
    counts = np.isfinite(loss)
    step, loss = step[counts], loss[counts]
    alarms += [Alarm(at, "not finite", math.nan, math.nan) for at in {*run.lost, *lost}]
    mixture = Mixture(run.rates, Points.means(step, np.log(loss), _POINTS))
    now = int(run.step[-1])
    end, cooled = mixture.end(run.rates), mixture.end(_cooled(run.rates, now))
    if short := [len(rates) for rates in longer if len(rates) <= now]:
        raise LawError(f"{run.name}: a run of {short[0]:,} updates can't go on from update {now:,}: give a longer one")
    goals = [*_others(mixture, run.rates), *_longer(mixture, run.rates, now, longer)]
    others = tuple(Other(what, value, math.exp(goal[0]), goal[2]) for what, value, goal in goals)
    return Forecast(
        float(run.step[-1]), steps, *_interval(end), *_interval(cooled), others,
        tuple(sorted(alarms, key=lambda alarm: alarm.step)), mixture.like, _DOUBT if mixture.unlike else "",
    )  # fmt: skip


def _interval(end: tuple[float, float, float]) -> tuple[float, float, float]:
    """The median and a 90% interval of a loss, from the mean and the deviation of its logarithm."""
    middle, spread, _ = end
    return math.exp(middle), math.exp(middle - 1.645 * spread), math.exp(middle + 1.645 * spread)


def _cooled(rates: Rates, now: int) -> Rates:
    """The rates of a run that cools down from now on."""
    length = max(round(_COOLDOWN * now), 1)
    falling = np.unique(np.linspace(0, length, 33).round())
    return _gone_on(rates, now - 1 + falling, float(rates.at(np.array([now - 1]))[0]) * (1 - falling / length))


def _longer(
    mixture: Mixture, rates: Rates, now: int, longer: Sequence[Rates]
) -> Iterator[tuple[str, float, tuple[float, float, float]]]:
    """The ends of the run where it goes on as longer ones, as those of `_others`."""
    for other in longer:
        places = other.every_place()
        places = np.unique(np.concatenate([[now], places[places > now], [len(other) - 1]]))
        before = rates.at(np.array([now - 1]))
        onward = _gone_on(rates, np.append(now - 1, places), np.append(before, other.at(places)))
        yield "extended", float(len(other)), mixture.end(onward)


def _gone_on(rates: Rates, places: np.ndarray, values: np.ndarray) -> Rates:
    """The rates of a run up to the first of some places, and others at those places."""
    known = rates.every_place()
    kept = known < places[0]
    return Rates(
        np.concatenate([rates.values[kept], values]), np.concatenate([known[kept], places]), int(places[-1]) + 1
    )


def _others(mixture: Mixture, rates: Rates) -> Iterator[tuple[str, float, tuple[float, float, float]]]:
    """Other peaks and horizons, with the mean and the deviation of the logarithm of their ends, and the odds."""
    for factor in _PEAKS:
        yield "peak", factor * rates.peak, mixture.end(Rates(factor * rates.values, rates.places, len(rates)))
    for factor in _HORIZONS:
        places = np.unique((factor * rates.every_place()).astype(int))
        updates = max(round(factor * len(rates)), int(places[-1]) + 1)
        values = rates.at(np.minimum((places / factor).round(), len(rates) - 1).astype(int))
        yield "horizon", float(updates), mixture.end(Rates(values, places, updates))
