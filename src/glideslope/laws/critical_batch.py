"""The critical batch that a law tells of, and a growth of the batch up to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glideslope.batches import growth
from glideslope.errors import LawError
from glideslope.laws.rates import Rates
from glideslope.schedules import Schedule, cooldown, hold, warmup
from glideslope.schedules.arguments import checked

if TYPE_CHECKING:
    from glideslope.laws.law import Law

_BATCHES, _PEAKS, _LENGTHS = 4, 5, 7  # the batches that are compared, and the peaks and numbers of updates at each
_FARTHEST = 4.0  # the least and the largest updates of the runs that are compared, over those asked for
_WITHIN = 8.0  # how far beyond the batches of the runs a critical batch may lie to be a number
APART = 1.5  # the largest batch over the least, at least, for what a batch is worth to be known
_MOST = 1_000_000  # updates of a growth, which are counted one by one


@dataclass(frozen=True)
class CriticalBatch:
    """The batch at which a run to some loss takes twice the least updates, and twice the least examples."""

    #: In the unit of the batches, examples or tokens: the noise scale of such a run. Infinite where updates fall in
    #: proportion to the batch as far as the law's runs tell, 0 where they don't fall.
    value: float
    loss: float  #: the loss
    steps: float  #: the least updates, by endless batches


@dataclass(frozen=True)
class BatchGrowth:
    """A growth of the batch in the place of a cooldown."""

    base: int  #: the first batch
    largest: int  #: the largest
    steps: int  #: the updates, fewer than those of the base batch
    loss: float  #: predicted, for as many examples

    def times(self, schedule: Schedule | str) -> str:
        """The text of a schedule with this growth."""
        return f"({schedule}) * growth(base={self.base}, largest={self.largest})"


@checked(LawError, above_0="steps batch")
def critical_batch(
    law: Law, steps: int, batch: float, *, batches: tuple[float, float] | None = None, peaks: Sequence[float] = ()
) -> CriticalBatch:
    """The critical batch of runs that end as low as one of some updates does at its best peak.

    A run to a loss takes s = s_min·(1 + B/b) updates of batch b, B the critical batch (McCandlish et al. 2018,
    arXiv:1812.06162, eq. 2.11): the law says how many at several batches, each at its best peak, and s_min and B
    follow from them by least squares. The runs have a cooldown over their last fifth.

    Args:
        law: fitted on runs of several batches.
        steps: the updates.
        batch: the batch of these.
        batches: the least and the largest batch of the law's runs, where it doesn't know them.
        peaks: those tried; from half the least to twice the largest of the runs if not given.

    Raises:
        LawError: the law's runs had one batch, or a number isn't positive.

    >>> from glideslope.laws import NAMES, Fitted, Law
    >>> values = (2.7, 0.8, 0.5, 0.1, 0.7, 0.2, 0.5, 90.0, 0.3, 0.4, 0.9, 0.3)
    >>> runs = (Fitted("a", 1e-3, 20_000, 100),)
    >>> law = Law(dict(zip(NAMES, values)), np.zeros((12, 12)), 1e-3, 1000.0, 0.001, 0.0, runs, batch_size=128.0)
    >>> critical = critical_batch(law, 20_000, 128, batches=(32, 512))
    >>> print(f"{critical.value:.0f} examples for {critical.loss:.3f}")
    375 examples for 3.048
    """
    least, most = batches or law.batches or (batch, batch)
    if not 0 < least <= most or not all(peak > 0 for peak in peaks):
        raise LawError(f"batches={least, most}, peaks={peaks}: give numbers above 0, the least batch first")
    if law.batch_size is None or most < APART * least:
        raise LawError("the law's runs had one batch: its worth isn't known; add runs of another, twice as large")
    fitted = [run.peak for run in law.fitted]
    tried = list(peaks) or np.geomspace(min(fitted) / 2, 2 * max(fitted), _PEAKS).tolist()
    lengths = np.rint(steps * np.geomspace(1 / _FARTHEST, _FARTHEST, _LENGTHS)).clip(10)
    sizes = np.geomspace(least, most, _BATCHES)
    curves = []
    for size in sizes:
        updates = np.rint(lengths * batch / size).clip(10)
        curves.append((np.log(updates), _lowest(law, updates, size, tried)))
    end = _lowest(law, np.array([float(steps)]), batch, tried)[0]
    counts = np.array([np.interp(-end, -losses, logs, left=np.nan, right=np.nan) for logs, losses in curves])
    known = np.isfinite(counts)
    if known.sum() < 2:
        return CriticalBatch(math.nan, float(end), math.nan)
    s, b = np.exp(counts[known]), sizes[known]
    rows = np.stack([1 / s, 1 / (s * b)], axis=1)  # relative errors of s_min + s_min·B/b
    shortest, examples = np.linalg.lstsq(rows, np.ones(len(s)), rcond=None)[0]
    if examples <= 0:
        return CriticalBatch(0.0, float(end), float(s.min()))
    value = examples / shortest if shortest > 0 else math.inf
    return CriticalBatch(float(value if value < _WITHIN * most else math.inf), float(end), max(float(shortest), 0.0))


@checked(LawError, above_0="steps peak batch")
def batch_growth(
    law: Law, schedule: Schedule, steps: int, peak: float, batch: float, critical: CriticalBatch,
    batches: tuple[float, float] | None = None,
) -> BatchGrowth | None:  # fmt: skip
    """A schedule whose decay is paid in batch growth, up to the critical batch; see `glideslope.batches.growth`.

    The largest batch is the base times a power of two, no larger than the critical batch, nor than those of the law's
    runs, since beyond these a law tells nothing. None if not even twice the base is.

    Args:
        law: fitted on runs of several batches.
        schedule: its peak 1.
        steps: updates of the base batch.
        peak: the rate where the schedule is 1.
        batch: the base.
        critical: the critical batch of such a run.
        batches: the least and the largest batch of the law's runs, where it doesn't know them.
    """
    _, largest = batches or law.batches or (batch, batch)
    most = min(critical.value, largest * (1 + 1e-9))
    if not most >= 2 * batch or steps > _MOST:
        return None
    base, doublings = round(batch), int(math.log2(most / batch))
    grown = growth(schedule, base=base, largest=base * 2**doublings).plan(steps)
    loss = law.predict(peak * grown.factors, len(grown.sizes), grown.sizes * (batch / base))[0]
    return BatchGrowth(base, base * 2**doublings, len(grown.sizes), float(loss))


def _lowest(law: Law, updates: np.ndarray, batch: float, peaks: Sequence[float]) -> np.ndarray:
    """The loss after some numbers of updates, each a whole run, at the best of some peaks, and no higher after more."""
    losses = []
    for count in updates.astype(int).tolist():
        unit = Rates.of_schedule((warmup("2%") >> hold() >> cooldown("20%")).over(count), count)
        runs = [Rates(peak * unit.values, unit.places, count) for peak in peaks]
        losses.append(min(float(law.predict(rates, count, batch)[0]) for rates in runs))
    return np.minimum.accumulate(losses)
