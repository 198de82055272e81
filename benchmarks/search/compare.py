"""Judges searches for a learning rate by the tables: what they choose, against the best there is, for what they cost.

    python benchmarks/search/compare.py [--quick] [--repeats 200] [--seed 0] [--jobs a,b] [--searches a,b]
        [--workers 2] [--picture FILE.png] [--out FILE.json]

Each search is played `--repeats` times against every table there is, within bounds of a tenth of a full run to four.
`--quick` plays 20 repeats within three bounds, in two minutes on two cores; all of it takes twenty. Every run that a
search asks for is looked up (`surface.py`), and its updates are counted (`played.py`). The regret of its choice
(`regret.py`) is the mean final loss of full runs with it over the best in the table: 1 is the best. A search that
raises or exceeds its bound has failed; it is counted, printed with the reason, and has no regret. What is learned from
tables beforehand comes from other families than the job's (`prior.py`).

The mean weighs a job by how far its untrained loss lies above its best, for some thousands of times: so the geometric
mean is printed too, once over all choices and once over the repeats in which every search chose. A search isn't to be
tuned by this: the tables are few, and what wins on them by little wins by chance.

Approximations: `surface.py` says how runs outside the grid are looked up, `sweeping.py` how a range test is; searches
that stop runs early know them by their training loss, since there is no validation loss on the way. A full run of this
search whose training loss rises to 1.5 of its least backs off: it ends as one of half the peak, or a quarter, that
doesn't. So single cycles at 1, 2 and 4 times their best peak end at 1.09, 0.79 and 0.52 of what they do without; real
runs (`backing_off.py`) at 0.99, 0.73 and 0.67. Against the real jobs, with one seed:

- The suggestions of range tests of 100 updates lie within a factor of 2 for six of seven jobs; digits_finetuned's is
  3.6 times too low.

What the search was chosen by. On tables of 34 jobs with two seeds or three, geometric means of the regret within 0.1 to
4 full runs; 20 repeats of this search, 10 of the others:

    bound                             0.1    0.25   0.5    1      2      4
    this search                       1.464  1.777  1.267  1.165  1.099  1.071
    five equal runs, one full run     1.452  2.172  1.269  1.325  1.102  1.087   the same without further full runs
    rounds of halving, 10 schedules   -      -      -      1.673  1.330  1.372   the search before
    a law fitted on three runs        -      -      -      1.450  1.367  1.199   the same; fails in a quarter
    random                            2.193  1.898  1.791  1.830  1.517  1.411

The medians of this search are 1.064, 1.059, 1.037, 1.029, 1.013, 1.000. One job, physics_informed, whose loss falls
ten-thousandfold, makes the mean at 0.25.

What a user gets is the loss of the best full run that was made, so the further full runs were judged by that: the
final loss of the answer on the seed that was searched, its mean over the seeds over the table's best, capped at 2, over
three starts; geometric mean, median, and the part over 1.03, within 2, 3 and 4 full runs:

    five runs, linear() beside, one full run                      1.111 1.028 0.44   -               1.086 1.017 0.38
    four short runs in a full run's updates, the rest full runs   1.095 1.020 0.39   1.068 1.010 0.33   1.060 1.009 0.29

- The second full run at half the peak in place of twice: 1.115, 1.083, 1.060. At 1.6 times it in place of twice: 1.100,
  1.073, 1.055. With linear() or a warmup, hold and cooldown in the place of a second peak: 1.112, 1.09, 1.06.
- After a full run that ends above the short ones, half, a third, a fourth or a sixth of the peak: 1.095, 1.094, 1.095,
  1.097; without that rule 1.105. A fourth, since two trainings beside these, which learn their noise, needed it.
- In 80 live searches whose second full run has a larger peak, linear() at the same sum of rates in its place, or the
  cycle where the first was linear: the least of two is 0.982 of the first in the geometric mean, for 0.932; 0.966 for
  0.960 on the 38 of them that are without tables, plateaus and little noise. On the eight of held_out_daily.py, written
  later, 0.98 for 1.00. So it isn't taken.
- The 1.4 of the only full run again, by 86 pairs of live full runs: 0.935 in the geometric mean, the median 1.00; 0.972
  on 38 as above; on those eight 1.01 to 1.4 within a half and 0.96 to 1.2 within one, the worst a text whose second
  epoch such a rate meets.
- Down instead of up where the full run gained under 2% over the short ones: 1.089, too little to have.
- Down where the training loss rises to where it began after a clear fall, by whatever ratio: of 168 first full
  runs of live searches two, both of clouds of points without tables, which end at 1.02 of the best within two for 1.57;
  the hold that such a training off a plateau gets else ends at 1.60.
- The direction of the second full run by the first one's training loss, down where it rose by over a quarter above its
  least before: capped at 2, 1.084 within 2 for 1.093; always down 1.106. With the rise measured against the fall of the
  loss, and not as a ratio, nothing is gained. A run upwards that is given up halfway, where it is above the first by
  more than that one still fell, finds the direction almost always, but the half run that it costs is missing in the
  short ones: 1.095 to 1.15.
- The best short run as the answer where it ends below every full one: 1.122 for 1.126 within 1. On the tables few
  trainings learn their noise; on three of eight written beside them the answer ended 1.6, 1.6 and 1.16 times the best
  within 1 before, and 1.12, 1.04 and 0.92 with it.
- A minimum of the parabola at most twice the best peak, for trainings whose cliff lies in a wide gap: no difference on
  the tables. Half the peak after a short run whose training loss doubled on its way: 1.205 for 1.213 within 0.5.
- A hold from which runs go on, so that four shorter ones and two full ones cost three full runs: 1.099.
- A drift for each training from the gap between its training and validation losses: no relation on the tables.

- A hold where a loss falls to a hundredth, as of functions fitted without noise: the single cycle ends 1.15, 1.73, 1.60
  times the best at its best peak there (image_fitting, badly_scaled, physics_informed), a hold 1.01, 1.00, 1.00; where
  it falls less the cycle is as good or better. A second full run with a hold, at the peak of the first times 1.4, 1, or
  with the same sum of rates, within 2: 1.18 1.79 2.55, 1.18 2.03 2.71, 1.14 4.43 3.95, for 1.19 2.26 3.99. From a fall
  to a tenth or a thirtieth on: two of digits better, two worse. Live, where full runs back off, on the eight trainings
  of held_out_clean.py and waves, two seeds: at 1.4 times the peak, or the same where the loss rose on the way, half the
  loss of the search without a hold, 0.53; at twice the peak 0.45 of that, in the median 0.80; for the only full run of
  a bound 0.22 and 0.75. The first full run with a hold, then another peak of it: 0.84 where the cycle and then a hold
  have 0.80.

- Off a plateau, the rate held at the peak of the first full run. By live full runs on 34 trainings without tables, two
  seeds, and on those of the tables, a seed of its own, that end at more than a hundredth: where the search lowers the
  peak, and the loss fell more after the length of a short run than within it, the least of two is 0.11, 0.02 (spirals),
  0.89 (tiny batches) and 1 of the first; by a lower peak 1. Where it raises the peak: 0.95 in the geometric mean, by
  twice the peak of the cycle 0.92. Where it lowers it and the loss fell early: 1, by the lower peak 0.54 to 0.97, since
  what learns its noise needs less. For the only full run, where a short one ends below a fiftieth: 0.15, 0.18, 0.64,
  and 1.23 once; below a fortieth also 1.6.
- Upwards while no short run has learned: 2.31 to 1.74 and 1.56 (sigmoids, whose best is 0.9), 1.13 to 0.42
  (matrix_factors), 0.113 to 0.134 (digits_logistic). By the training loss, where it doesn't clearly fall, noisy
  trainings got too large a peak, 2.4% above; so a twentieth of the validation loss decides. Here, by the same 200
  repeats: 1.35, 1.68, 1.25, 1.21, 1.13, 1.12 for 1.35, 1.68, 1.28, 1.23, 1.16, 1.12.
- Always a hold in the place of a second peak upwards: 1.126 for 1.123 within 2, 1.113 for 1.097 within 3, capped at 2;
  live, 0.947 for 0.925 of the first full run.

- The only full run of a bound, a single cycle, at 1.4 times the peak, since backing off catches what is too much. Real
  searches within 1, over those at the peak itself: 0.958 in the geometric mean of the 42 trainings without tables (the
  worst 1.006, ten better by a hundredth), 0.950 on 30 of the tables with two other seeds (the worst 1.09; twelve
  better, five worse by a hundredth); on the eight of held_out_ordinary.py, written after it, 1.018, median 1.00: two
  are worse by a hundredth, clouds at a cliff by 1.12, none better. A straight decay gains nothing: 1.11 on nine of the
  tables, a median of 1.00 on 28 runs without. At twice the peak: 0.81 and 0.93 where 1.4 has 0.85 and 0.94, with more
  that are worse. The first of two runs at 1.4 times, and the second at 2.8 or 0.7 times: 0.999 on the ordinary ones
  without tables, 1.02 on ten of the tables; so only where there is no second run. Here: 1.34, 1.28, 1.24, 1.20, 1.14,
  1.13 within 0.1 to 4, where the peak itself has 1.34, 1.31, 1.27, 1.22, 1.14, 1.13 by 20 repeats.

Before, no run backed off here, and the figures above are so. A minimum gain that is no more than 1/0.7 of the
proportion to the peak for a larger step, the way up from a plateau and no halving there: no difference from 0.5 full
runs on, 1.205 for 1.208 at 0.1, capped at 2. With a third seed of each training one of them, physics_informed, is lost
at the peak that is best for its two other seeds: geometric means of 1.35, 1.65, 1.28, 1.19, 1.16, 1.23, medians 1.04,
1.06, 1.04, 1.03, 1.01, 1.01; the sweep by one seed 1.17, worst 14,232. With a hold where losses fall to a hundredth,
which needs backing off: 1.35, 1.68, 1.28, 1.23, 1.16, 1.12.

With a start by the mean fan-in for Adam and its kin, and the straight decay's run for the peak where that isn't between
two others: 1.32, 1.28, 1.24, 1.19, 1.14, 1.13, before it 1.33, 1.29, 1.24, 1.20, 1.14, 1.13; without tables
held_out.py tells of 58, larger.py of larger ones. Another schedule only where it ends lower by a half percent of what
was gained: 1.172 and 1.144 within 1 and 2 by 40 repeats, by 2% of the loss 1.176 and 1.136, by the lesser of both 1.184
and 1.140, without 1.187 and 1.141; but of 34 searches without tables that it concerns those with little noise end up
to four times higher, and the others the same.

A full run that learns nothing but noise, given up, and a run of the updates that it leaves. Tables have no validation
losses on the way, so it isn't played here. Of 522 live full runs of 92 trainings, those with the marks (backoff.py) in
three parts in a row are 31, all but two of which end no lower than their least by then, these by 2%; in two parts in a
row 35, and seven end lower, up to 77% (batch normalization, whose validation losses leap at high rates). By a training
loss under half of the validation loss, without a short run to compare with, three in a row mark 29, and six end lower,
by up to 44%; two in a row 48 and 22. What the rest of the updates then makes, over the answer without it, within 1
and 0.5 full runs, the geometric mean of 12 and 10 such searches: the schedule of the run at half its peak 0.982, 0.950,
at a quarter 0.997, 0.954, at an eighth 1.000, 0.977; a straight decay at half its peak 0.981, 0.939, at a quarter
0.997, 0.941, at an eighth 1.000, 0.975.

Where no noise can be learned, as in least squares on single examples, each seen once (faults/searches.py), they are
there by chance in 3% of searches: of 19 within 1 and 26 within 2 such ones nine and eight end lower by a hundredth than
without, seven and five higher, 0.85 and 0.97 in the geometric mean.

Adagrad, whose steps fall by themselves: on the two tables that have it the best peak of 600 updates is 1.1 times that
of 150, where of other kinds it is 0.75 times, in the median; and its training loss blows up at first at good peaks.
Live, on these two and three without tables, two seeds each, over the answer before, within 0.5, 1 and 2: the peak of
the short runs for the full one 0.972, 0.963, 0.976, without the halving for a blow-up too 0.978, 0.959, 0.953. The
third without (few_ratings) showed it; the others are 1.00 each but for the table of sparse words, 0.80 within 2.

Fewer and longer short runs: held_out.py tells of them.

What noise leaves to any search: a sweep of all 80 settings with one seed, 80 full runs, has a geometric mean of 1.094
by its other seed, mean 1.130, worst 2.84, as this search has within two full runs.

- The peak of the full run, by a regression on what the short runs show (their losses beside the best, the shape of the
  best one's curve, its rise, the kind of optimizer; 17 numbers), fitted on the other families. The shift of the best
  peak from the short runs to the full one has a spread of 1.2 octaves over trainings, 0.5 within one; a ridge gets its
  error from 1.06 octaves to 0.96, a forest no further, and the loss of the full run over that at the best peak of the
  cycle is 1.134 to 1.156, without it 1.127; by one number at a time 1.129 (is it Muon?) to 1.160.
- Once more, with the best of all runs as the answer: four runs of a tenth and two of a third of the full run, five of a
  twentieth and three of a quarter, three and one of six tenths: 1.139 to 1.202 within 1, for 1.138; 1.098 to 1.131
  within 2, for 1.087.

What was tried and lost, on the tables of one seed, by geometric means of the regret to the best of the same schedule,
each capped at 2, over three schedules, two horizons and three starts (equal runs: 1.204, 1.174, 1.135, 1.100 within
0.25, 0.5, 1, 2):

- Scouts of a sixteenth of the full run before longer runs: 1.161 to 1.17 within 1, 1.117 to 1.12 within 2. Short runs
  mislead by an octave or more, and what they cost is missing later.
- Rounds of rising length (a sixteenth, a quarter, the full run), the best peak handed on: 1.18 within 2.
- A Gaussian process over peak and horizon, its mean a mixture of the other families' tables with their peaks shifted,
  each next run the one that gains most for its updates: 1.19 to 1.3 within 2 where it chooses the horizon, since by one
  step ahead the cheapest run always gains most; 1.09 to 1.12, no better than a parabola, with the horizon fixed.
- Fewer and longer runs, or more and shorter ones: three to six differ by less than 0.01; eight are worse.
- Schedules tried beside the single cycle, with the same sum of rates: linear() is better from 1 full run on (three
  starts, capped: 1.143, 1.105, 1.088 for 1.160, 1.123, 1.099) and worse below; warmup(5%) >> linear(), cosine() and
  hold() >> cooldown(20%) are less good beside it, two of them worse.
- Runs stopped early when they fall behind: no better.
- The chosen peak drawn towards the usual one: no better.
- A drift of -0.32, as in the literature: -0.2 is better at every bound.
- A range test before the runs: its suggestion is 2.7 octaves from the best peak (standard deviation), the usual peak of
  the kind of optimizer 2.3.
- Other suggestions of a range test, by 500 updates of sweeps on each of the 34 trainings, leaving its family out: the
  usual peak of the kind of optimizer is 1.91 octaves from the best one (root mean square), with the edge of stability
  1.88, with the steepest point, the minimum, or where 10 to 75% of the fall is done 1.99 to 2.21, with two or three of
  them 2.03 to 2.22.
- A range test that reads the loss of constant rates without taking out the noise of batches that they share: it took
  the noise for edges, and its suggestions were up to 4,000 times too low.
- Gains in proportion to the horizon, or the peak, outside the grid: twice to ten times the error of the rules chosen,
  whose figures `Surface` has.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from jobs import JOBS
from jobs.registry import Optimizing
from plays import Plays, plays
from prior import Prior, priors
from report import draw, lines
from searches import SEARCHES
from tables import FOLDER, Table, load

import glideslope as gs
from glideslope.files import write_atomically

BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
QUICK_BOUNDS = (0.25, 1.0, 4.0)
REPEATS, QUICK_REPEATS = 200, 20


def compare(
    tables: dict[str, Table],
    jobs: Sequence[str],
    searches: Sequence[str],
    bounds: Sequence[float],
    repeats: int,
    seed: int,
    workers: int = 1,
) -> list[Plays]:
    """The plays of every search on every job within every bound; the same with the same seed.

    Args:
        tables: all that may be known, by the name of the job.
        jobs: those to play.
        searches: their names.
        bounds: in full runs.
        repeats: of each play.
        seed: of the draws.
        workers: processes.
    """  # fmt: skip
    known = priors(
        tables, *({name: getattr(spec, what) for name, spec in JOBS.items()} for what in ("family", "optimizing"))
    )
    tasks = [(tables[name], known[JOBS[name].family], JOBS[name].optimizing) for name in jobs]
    play = partial(_played, searches=searches, bounds=bounds, repeats=repeats, seed=seed)
    if workers == 1:
        return [one for task in tasks for one in play(task)]
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as executor:
        return [one for part in executor.map(play, tasks) for one in part]


def _played(
    task: tuple[Table, Prior, Optimizing], searches: Sequence[str], bounds: Sequence[float], repeats: int, seed: int
) -> list[Plays]:
    return list(plays(*task, searches, bounds, repeats, seed))


def document(results: Sequence[Plays], tables: dict[str, Table], seed: int) -> dict[str, object]:
    """The results as plain data; None for the regret of a search that failed."""
    return {
        "version": 1,
        "seed": seed,
        "tables": {name: {
            "family": JOBS[name].family, "seeds": table.seeds, "full_run": table.horizons[-1], "best": table.best,
            "untrained": float(table.untrained.mean()), "noise": None if math.isnan(table.noise) else table.noise,
        } for name, table in tables.items()},
        "plays": [{
            "job": one.job, "search": one.search, "bound": one.bound, "failures": one.failures,
            "regrets": [None if math.isnan(regret) else float(f"{regret:.6g}") for regret in one.regrets.tolist()],
            "costs": [float(f"{cost:.6g}") for cost in one.costs.tolist()],
        } for one in results],
    }  # fmt: skip


def main() -> None:
    names = sorted({file.stem.rpartition("-")[0] for file in FOLDER.glob("*.npz")} & JOBS.keys())
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="few repeats and bounds")
    parser.add_argument("--repeats", type=int, help=f"{REPEATS}, or {QUICK_REPEATS} if quick")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=lambda text: text.split(","), default=names)
    parser.add_argument("--searches", type=lambda text: text.split(","), default=list(SEARCHES))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes: one a core")
    parser.add_argument("--picture", type=Path, help="a PNG file of regret against cost")
    parser.add_argument("--out", type=Path, help="a JSON file of all results")
    options = parser.parse_args()
    for what, given, known in (("jobs", options.jobs, names), ("searches", options.searches, list(SEARCHES))):
        if unknown := [name for name in given if name not in known]:
            parser.error(f"unknown {what} {', '.join(unknown)}: choose from {', '.join(known)}")
    if not options.jobs:
        parser.error(f"there are no tables in {FOLDER}: make them with `make search-tables`")
    repeats = options.repeats if options.repeats is not None else QUICK_REPEATS if options.quick else REPEATS
    for name, number in (("repeats", repeats), ("workers", options.workers)):
        if number < 1:
            parser.error(f"--{name} {number}: give at least 1")
    if options.seed < 0:
        parser.error(f"--seed {options.seed}: give 0 or more")
    tables = {name: load(name) for name in names}
    bounds = QUICK_BOUNDS if options.quick else BOUNDS
    results = compare(tables, options.jobs, options.searches, bounds, repeats, options.seed, options.workers)
    print("\n".join(lines(results, tables)))
    if options.picture:
        draw(results, options.picture)
    if options.out:
        played = {name: tables[name] for name in options.jobs}
        write_atomically(options.out, json.dumps(document(results, played, options.seed)).encode())


if __name__ == "__main__":
    try:
        main()
    except gs.GlideslopeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
