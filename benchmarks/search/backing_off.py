"""Full runs at the best peak of the single cycle, at twice it and at four times it, with backing off and without.

    python benchmarks/search/backing_off.py [--quick] [--jobs a,b] [--seed 11]

The trainings are those of the tables, which know their best peaks; the seed is none of theirs. Prints the final loss of
each pair, and for each factor the geometric mean of its ratio, from 1/10 to 10 each, and how many are lower and higher
by 2%. Losses that can be 0 or less aren't counted. `--quick` makes four trainings, in a minute; all of it takes ten.

What else was tried, on 12 of these trainings and four without tables:

- Half the schedule's rate to the end, in place of a cap at half the rate there: worse in 14 of 17 settings, since the
  end of the run then has half its rate too.
- A cap at 0.7 or 0.35 of the rate: as good within the noise; 0.7 is lost again more often.
- A rise to 1.25 of the least mean in place of 1.5: three runs at good peaks were slowed down, and none was saved more.
- Without going back: a network whose units are dead stays lost (0.147 for 0.031).
- Only where the validation loss has risen too, by one evaluation: at a cliff it misses what the mean of a part shows
  (0.0058 for 0.0049 on a fitted function). By the last two it is the same on all of these, and a bandit is no longer
  undone, whose training loss rises as it learns (0.38 before, 0.14 now, at one peak).
- Going back always to where the validation loss was least, and not to the part with the least mean, which may end over
  the cliff: a network of points without tables ends at 0.46 for 1.15 at one peak, 0.45 for 0.30 at another; no better
  on 42 trainings within two full runs, and 1.26, 1.17 and 1.10 times worse on three. Only where a run is lost again
  after going back: 0.48 and 0.30.
- The same by the validation loss alone, for trainings that learn their noise: they ended above what a short run does.
- One part with a rise, in place of two in a row, which hard batches make, as a last one of three examples with batch
  normalization: 0.988, 0.715, 0.682 for 0.994, 0.734, 0.671; but of seven full runs of examples/convolutional.py six
  were slowed down by it, of which four ended 3 to 22% higher than without, one 6% lower. Two in a row also before it
  goes back: 0.992, 0.740, 0.664, and none of the seven; but clouds of points at a cliff end up to 1.6 times higher than
  with one.
- For these, where the validation loss had been over 1.1 of its least three times, and the training loss was under half
  of it: back to the least, with a half to a sixteenth of the rate there. Of 20 such full runs 19 end above their least;
  but so they end no lower than the least of the short runs, and a network with batch normalization, whose loss is still
  to fall, at 1.19 to 1.37 of without. To end at the least, where the end is above it by a hundredth, costs nothing: of
  50 trainings without tables six, six and seven end lower by a hundredth within a half, one and two full runs, by up to
  8.6, 4.5 and 3.2%, of 31 with tables five within one, by up to 8.5%; none ends higher.
"""

from __future__ import annotations

import argparse
import math
from statistics import geometric_mean

import numpy as np
import torch
from jobs import JOBS
from tables import load

from glideslope.search.runs.contestant import Contestant, Run
from glideslope.search.runs.trial import Trial
from glideslope.search.strategy.choose import PRIOR
from glideslope.search.strategy.full_runs import EVALUATIONS
from glideslope.search.trials import Trials

STEPS = 600
FACTORS = (1, 2, 4)
QUICK = ("denoiser", "digits_mlp", "text_lstm", "fashion_conv")
MOST = 10.0
CLEAR = 1.02


def best_peak(name: str) -> float:
    """The peak at which the single cycle ends lowest in a table, in the mean over its seeds."""
    table = load(name)
    ends = table.losses[table.schedules.index(str(PRIOR)), :, -1].mean(-1)
    return float(table.peaks[int(np.nanargmin(ends))])


def full(name: str, peak: float, seed: int, backs_off: bool) -> Run:
    """A full run."""
    trial = Trial(Contestant(PRIOR, peak), STEPS, seed, EVALUATIONS, backs_off=backs_off)
    return Trials(JOBS[name].make(seed), seed).run_all([trial], stage="full runs")[0]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="four trainings")
    parser.add_argument("--jobs", type=lambda text: text.split(","), help="their names")
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    torch.set_num_threads(1)
    ratios: dict[int, list[float]] = {factor: [] for factor in FACTORS}
    heads = (f"{f'{factor} x the best peak':>22s}" for factor in FACTORS)
    print(f"{'final loss, without and with, at':32s} " + "  ".join(heads))
    for name in options.jobs or (QUICK if options.quick else JOBS):
        shown, peak = [], best_peak(name)
        for factor in FACTORS:
            without, backed_off = (full(name, factor * peak, options.seed, backs_off) for backs_off in (False, True))
            ends = without.final_loss, backed_off.final_loss
            shown.append(f"{ends[0]:9.4g} {ends[1]:9.4g} ({len(backed_off.events)})")
            if min(ends) > 0:
                ratio = 1.0 if ends == (math.inf, math.inf) else ends[1] / ends[0]
                ratios[factor].append(min(max(ratio, 1 / MOST), MOST))
        print(f"{name:32s} " + "  ".join(shown), flush=True)
    for factor, values in ratios.items():
        lower, higher = sum(one < 1 / CLEAR for one in values), sum(one > CLEAR for one in values)
        counts = f"lower in {lower}, higher in {higher} of {len(values)}"
        print(f"at {factor} x the best peak: {geometric_mean(values):.3f}, {counts}")


if __name__ == "__main__":
    main()
