"""The figures of the search's odds: how far it is from the best peak, and what its full run gains, over the tables.

    python benchmarks/search/odds.py

The search begins at the peak that is usual in other families, and at that times and over 1.7. Prints, for each bound:
quantiles of how much more the best full run gains than the best short one, over the part of its fall that the short
run's training loss had yet to make, and of the fall of the full run's loss from there over the short one's steepness;
how often an interval between those of the other families holds a job's own (90% is meant); the standard deviation of
the chosen peak from the best, in factors of two; and how often no other peak of the same schedule ends lower by more
than a hundredth.

Tried and lost:

- The ratio of the losses alone: within 1 its interval spans a factor of 600 in the median of the trainings, by the
  steepness one of 6. By how far the short run had fallen it spans 90 to 2,000.
- The ratio of the gains alone, for losses of any sign: the interval is 36.6, 35.2, 3.4 and 4.1 times as wide as what
  the short run gained within 0.25 to 2, in the median; by its unfinished part 8.2, 7.1, 1.07 and 1.06. With 0.05 or 0.2
  in the place of the 0.1, to the power of 0.7 to 2, 0.81 to 1.9 within 1 and 2, and 0.88 to 0.92 held for 0.91.
- The chance that no other peak ends lower, for each training, from how steeply its own short runs' losses rise beside
  the best peak. Of those with a chance under a quarter it was so in half, as of the others, until the runs are almost
  full ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jobs import JOBS
from played import Played, surfaces
from prior import priors
from searches.ours import PlayedTrials, searched
from surface import Surface
from tables import FOLDER, load

from glideslope.search.strategy.choose import PRIOR
from glideslope.search.strategy.full_runs import best_run
from glideslope.search.strategy.odds import BOUNDS, steepness, unfinished

SCHEDULE = str(PRIOR)
ENDS = (0.03, 0.97)
"""The quantiles between which nine of ten jobs of other families lie: a twentieth on each side leaves out more."""


@dataclass(frozen=True)
class Outcome:
    """A search on one seed of a table.

    Attributes:
        gain: of the best full run over the best short one's, less 1, over the short one's unfinished part.
        fall: the logarithm of the best full run's loss over the best short one's, over the short one's steepness; NaN
            where a loss isn't positive.
        apart: the chosen peak from the best one, in factors of two.
        near: whether no other peak ends lower by more than a hundredth.
    """

    gain: float
    fall: float
    apart: float
    near: bool


def outcome(surface: Surface, start: float, bound: float) -> Outcome:
    """What a search from a peak comes to."""
    full = surface.table.horizons[-1]
    choice, runs, _ = searched(PlayedTrials(Played((surface,), 0)), round(bound * full), start)
    best = best_run(runs)
    peaks = np.geomspace(1e-5, 30, 170)
    schedule = str(best.contestant.schedule)
    ends = np.array([surface.end(schedule, float(peak), full)[0] for peak in peaks])
    loss, lowest = min(best.final_loss, surface.untrained), float(ends.min())
    near = loss <= lowest + 0.01 * max(abs(lowest), surface.untrained - lowest)
    least = choice.best.final_loss
    gained = surface.untrained - least
    return Outcome(
        (least - loss) / gained / unfinished(choice.best.losses) if gained > 0 else math.nan,
        math.log(loss / least) / steepness(choice.best.losses) if min(loss, least, surface.untrained) > 0 else math.nan,
        math.log2(best.contestant.peak / peaks[ends.argmin()]), near,
    )  # fmt: skip


def main() -> None:
    tables = {name: load(name) for name in sorted({file.stem.rpartition("-")[0] for file in FOLDER.glob("*.npz")})}
    known = priors(
        tables, {name: JOBS[name].family for name in tables}, {name: JOBS[name].optimizing for name in tables}
    )
    for bound in BOUNDS:
        outcomes = {
            name: [
                outcome(surface, factor * known[JOBS[name].family].start(JOBS[name].optimizing, SCHEDULE), bound)
                for surface in surfaces(table) for factor in (1 / 1.7, 1.0, 1.7)
            ] for name, table in tables.items()
        }  # fmt: skip
        everything = [one for some in outcomes.values() for one in some]
        print(
            f"bound {bound}: apart {np.std([one.apart for one in everything]):.2f}, "
            f"near {np.mean([one.near for one in everything]):.2f}; gains {spread(outcomes, 'gain')}; "
            f"falls {spread(outcomes, 'fall')}"
        )


def spread(outcomes: dict[str, list[Outcome]], what: str) -> str:
    """The median and the quantiles beside it, and how often the outer two of other families hold a job's own."""
    values = {name: np.array([getattr(one, what) for one in some]) for name, some in outcomes.items()}
    held: list[bool] = []
    for name, own in values.items():
        others = np.concatenate([some for other, some in values.items() if JOBS[other].family != JOBS[name].family])
        low, high = np.nanquantile(others, ENDS)
        held += list(((own >= low) & (own <= high))[np.isfinite(own)])
    everything = np.concatenate(list(values.values()))
    return f"{np.nanquantile(everything, (ENDS[0], 0.5, ENDS[1])).round(3).tolist()}, held {np.mean(held):.3f}"


if __name__ == "__main__":
    main()
