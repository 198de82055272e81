"""Tune on trainings that have no tables, over the best of a sweep of 42 settings of each.

    python benchmarks/search/held_out.py [--quick] [--jobs a,b] [--seeds 2] [--steps 600] [--out FILE.json]

Each training has 600 updates, each sweep six schedules at seven peaks. Prints, for each training, the mean over seeds
of the answer's loss over that of the best setting, for searches within half a full run, one and two; and the same over
what that setting ends at with four other seeds, for of 42 settings the best is the luckiest too; those with which it
diverges are left out. `--quick` makes two trainings with one seed, in a minute; all of it takes some hours on one core.
With `--out` it goes on where it was interrupted.

What was measured so, beside the tables in docs/trainings.md.

Fewer short runs, down to two beside a straight decay, where more would have under so many updates each: real searches
of trainings without tables, two seeds each, over those with three to five, geometric means:

    600 updates, within 0.25     two of 74 for three of 49                 0.969, 42 trainings
    600, within 0.5              three of 98 for four of 73                0.974, 1.007; some clean ones 3 times higher
    600, within 1 and 2          four of 149 for five of 118               1.02, 0.99, the same
                                 three of 199                              1.02, 1.00, clouds 1.6
    300, within 0.5              two of 74 for three of 49                 0.934, 20 trainings
    300, within 1 and 2          four of 74 for five of 59                 0.970, 0.979, the same
                                 three of 98                               0.956, 0.960
    200, within 0.5, 1, 2        two of 49, three of 65 for 4 of 25, 5 of 40  0.995, 0.917, 0.963 of 13 trainings
                                                                           0.966, 1.042, 1.018 of 24 others

and so 70, which leaves those of 600 within 0.5 as they were. On the tables (`compare.py`), where it concerns the bounds
of 0.1 and 0.25 alone, two runs make 1.186 for 1.191 and 1.201 for 1.180 (capped at 2, 24 repeats); on those cut at 300
updates 1.194, 1.210, 1.180 for 1.209, 1.178, 1.169 within 0.25, 0.5, 1, on those cut at 150 1.253, 1.235, 1.209, 1.203
for 1.260, 1.247, 1.227, 1.202 within 0.25 to 2. Where the larger of two peaks is the best, 0.7 of it: 0.992 of 34 real
searches of 600 updates within 0.25, half of it 0.983; on the tables 1.181 and 1.189 within 0.25 for 1.204; where the
smaller is, 0.7 or 1.4 times it: 1.003 both.

Over 150, 300 and 600 updates tried and lost, capped at 2, within 1 (1.227, 1.170, 1.142): two full runs and no short
ones 1.302, 1.234, 1.212; a peak drawn towards the usual one, the more the shorter the runs, 1.234, 1.174, 1.150 at the
least; a drift of -0.4 1.218, 1.182, 1.134, of -0.6 1.233, 1.212, 1.163; no 1.4 for the only full run 1.227, 1.164,
1.152. Twice the length where the first run has learned nothing: 1.239, 1.188, 1.157, as the best of a
plateau's peaks are missed (matrix_factors 2.9 for 1.3), though one of convolutions over 200 updates ends at 0.70 for
1.4 to 1.8. On a plateau no peak above the first by over a step: neutral, sigmoids 2.3 for 1.6 within 2.

The only full run of Adagrad at 2 times the peak in place of 1.4, four seeds, within 0.5 and 1: noisy ratings 0.91 and
0.87, factorisation 1.01 and 1.01, ranking 1.00 and 1.02, forecasts 1.4 (one seed 3.8) and 1.07; at 2.8 times no better.

The only full run at 1.4 times the peak (compare.py) over the peak itself, within 1, two seeds of these and one of the
tables' trainings, by what short runs at twice their best peak lose of what that one gained:

    over a tenth      28 with noise, no plateau, no Adagrad    1.050, seven lower and eleven higher by a hundredth
                      11 others                                1.16, from 0.29 to 7.6
    a tenth or less   56                                       0.989, 21 lower and five higher
                      6 others                                 1.48, from 0.72 to 5.5
    Adagrad           8                                        0.973

Left out over a tenth, where a short run has learned and the optimizer isn't Adagrad, the tables, which had no part in
this, are worse: 1.319, 1.300, 1.235, 1.200 within 0.1 to 1 for 1.296, 1.295, 1.239, 1.187 by 40 repeats, and no other
peak is lower by a hundredth in 54 and 62% within 0.5 and 1 for 58 and 65%. So it stays as it was.

A second full run in the place of the hold at twice the peak, after a first one to a hundredth; 26 searches of 13
trainings, over the first one: that hold 0.19 in the geometric mean, at 1.4 times the peak 0.29, at the peak 0.56, the
cycle at twice the peak 0.33, at half of it 2.5. Of another training (translated) they are 17, 13, 6, 8 and 0.5, and
neither its short runs, nor how fast its loss falls while the rate is high, and late, tells it from the others.

The largest peak of the short runs that end within a hundredth of the best one, in the place of the best, by what the
sweeps' single cycle ends at there: 0.91 in the geometric mean of 52 searches, 22 lower and 14 higher by a hundredth.
But the lowest are the sigmoids, where the search goes up already as on any plateau; most others are from 0.8 to 1.7.

Half the peak, in place of twice, after a first full run that ended over its least validation loss and still below the
short ones: of 132 searches within 2 it concerns seven, whose answers are 0.99, 1.12 (few_digits), 1.29 (bandit), the
others as before.

The rise that sends the second full run down, without the highest fifth of each part's losses, or only if two parts in a
row have it: by the former eight of 132 searches within 2 change, the vision transformer ends at 1.19 of before, adapted
1.02, gratings 0.98, triplets 0.96, sigmoids 0.88, the others as before; by the latter the vision transformer ends at
1.36, spirals at 1.13 and 1.33, others within 0.97 to 1.02.

A full run looked at, and measured, in ten or 40 parts in place of 20, one or two seeds of 78, over that, geometric
means within 0.5, 1 and 2; how many are lower, and higher, by over a hundredth:

    ten, 95 searches each     1.03, 1.09, 0.97    6 and 13, 3 and 13, 8 and 6
    seven, 95                 1.06, 1.11, 1.00    4 and 14, 4 and 14, 7 and 10
    40, 80                    0.97, 1.07, 1.05    11 and 5, 6 and 5, 6 and 6

Those of few examples miss where their validation loss was least, by 1 to 4%, and convolutions back off late (1.5 within
0.5); 40 cost twice as much.

A full run looked at in 20 parts, its validation loss measured where something asks for it (backoff.py), over measured
in all: half of the measurements, of healthy runs six. One seed of 78 within 0.5, 1 and 2: 72, 76 and 73 of the
answers are the same, three, two and two are higher by over a hundredth (at the most 1.045), one lower; geometric means
0.999, 1.000, 1.000. By the measurements of 270 full runs that didn't back off these end 0.21% higher so, in the mean
(five hundred clothes 8.5%); where each fifth part is measured, in place of each fourth, 0.54%, with 45% of the
measurements for 52%; where it is asked for when the training loss is half of the validation loss, in place of a tenth
below it, 0.34%, with 42%.

Parts of a full run made anew, by plain runs of 40 of these, two seeds each, without backing off; the least over what
the single cycle at the search's own peak ends at, geometric means, and how many are lower by over a hundredth:

    a second whole run at twice the peak, at half, both           0.72, 0.94, 0.69    36, 19, 47
    from 30% of the first one at twice and half the rate          0.70                45, for 1.4 runs
    from 50%, from 60%, the same                                  0.80, 0.88          35, 34, for 1 and 0.8
    from 60% held to 80%, then down as the square root            0.91                28, for 0.4

For the same updates a whole second run at a peak that the first one chose lowers more. In the place of the first one's
own end the last ends at 0.91 of it, 28 lower and 15 higher: by other whole runs of 24, at half to twice the peak, its
best is 0.96 of the cycle's best, all of it by those with little noise, and about as many are within 3 and 5% of what is
best there.

The only full run of a search within 1 that is a single cycle, one seed of 54: at the peak, at 1.4 times it, and in its
place warmup(45%), a hold and a cooldown by the square root over 20%, at 0.8, 1 and 1.2 times it; over the least of
these and of the runs above, each capped at 2: 1.097, 1.086, 1.073, 1.094, 1.086 in the geometric mean, 41, 39, 42, 38
and 41 within 5%. At 1.4 times the peak over at the peak, each ratio within 1/3 and 3: 1.04 for 99 such searches of two
seeds, 26 lower and 28 higher by a hundredth; 0.97 for 41 of the tables' trainings, 20 and eight. So it stays as it was.

After a second short run that ends above the first, where both lie flat, a quarter of the first peak once, in the place
of four times the larger: 30 searches of the eight on plateaus and four others, within 0.5, 1 and 2, are the same, as
are the tables; Lion's, which began at twelve times its best peak, end at 0.94 to 0.96 of before, and those of 600 rows
with wrong labels at 0.96 within 0.5; of 48 searches of 16 trainings no other one changes.

Half the peak after a best short run whose training loss blew up on its way, also where that loss hasn't clearly fallen
but the validation loss has, by a third: of 120 searches within 1, and some within 0.5 and 2, fourteen change. Within 1
0.62 (oscillator), 0.64 (frequencies), 0.74 (hypernetwork); within 2 0.46, 1.93, 0.99; within 0.5 1.39 (frequencies);
the others 0.99 to 1.01 (six of frauds); 0.93 in the geometric mean. By a twentieth in the place of a third the spirals
end at 1.6 of before. The tables are the same.

The middle of all peaks whose short runs end within a hundredth of the best one, in the place of the lowest point of a
parabola, within 1, one seed of the 26 it concerns: 0.71 (tied), of the others three are lower and two higher by a
hundredth, 1.00 in the geometric mean; on the tables 1.293, 1.295, 1.239, 1.187, 1.140, 1.126 for 1.296, 1.295, 1.239,
1.187, 1.140, 1.127. Not judged within 0.5 and 2, nor taken.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, geometric_mean, median
from typing import Any, cast

import held_out_clean  # noqa: F401  (enters its trainings)
import held_out_daily  # noqa: F401
import held_out_few  # noqa: F401
import held_out_further  # noqa: F401
import held_out_later  # noqa: F401
import held_out_ordinary  # noqa: F401
import held_out_outside  # noqa: F401
import held_out_plateaus  # noqa: F401
import held_out_programs  # noqa: F401
import held_out_recipes  # noqa: F401
import held_out_sceptic  # noqa: F401
import held_out_usual  # noqa: F401
import torch
from held_out_jobs import HELD_OUT, HeldOut

import glideslope as gs
from glideslope.files import write_atomically

STEPS = 600
BOUNDS = (0.5, 1.0, 2.0)
SCHEDULES = (
    "constant()", "linear()", "cosine()", "one_cycle()", "warmup(5%) >> cosine()",
    "warmup(5%) >> hold() >> cooldown(20%)",
)  # fmt: skip
PEAKS = 7
OTHER_SEEDS = 4


def outcomes(training: HeldOut, seed: int, steps: int) -> dict[str, Any]:
    """The answers of searches, and the losses of the sweep, by what they were made with."""
    answers = {}
    for bound in BOUNDS:
        try:
            tuned = gs.tune(training.make(seed), steps, overhead=bound, seed=seed)
        except gs.NothingLearnedError as error:  # on a plateau
            tuned = cast("gs.Tuned", error.tuned)
        answers[f"{bound:g}"] = {"answer": str(tuned.final.contestant), "loss": tuned.final_loss}
    peaks = [training.lowest * 2.5**i for i in range(PEAKS)]
    raced = gs.race(training.make(seed), SCHEDULES, steps, peaks, evaluations=1, seed=seed)
    return {"answers": answers, "sweep": {str(one.contestant): one.mean for one in raced.standings}}


def best_setting(results: Sequence[dict[str, Any]]) -> tuple[str, float]:
    """The setting of a sweep that ends lowest in the mean over seeds, and that mean."""
    sweep = {
        setting: fmean(result["sweep"][setting] for result in results)
        for setting in results[0]["sweep"]
        if all(setting in result["sweep"] for result in results)
    }
    best = min(sweep, key=sweep.__getitem__)
    return best, sweep[best]


def again(training: HeldOut, setting: str, seeds: Sequence[int], steps: int) -> list[float]:
    """What a setting ends at with some seeds."""
    schedule, peak = setting.rsplit(" at ", 1)
    races = [gs.race(training.make(seed), [schedule], steps, [float(peak)], evaluations=1, seed=seed) for seed in seeds]
    return [next(one.mean for one in raced.standings if str(one.contestant) == setting) for raced in races]


def ratios(results: Sequence[dict[str, Any]], loss: float) -> list[float]:
    """The mean loss of the answers over a loss, for each bound."""
    return [fmean(result["answers"][f"{bound:g}"]["loss"] for result in results) / loss for bound in BOUNDS]


def shown(numbers: Sequence[float]) -> str:
    return "  ".join(f"{number:7.3f}" for number in numbers)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="two trainings, one seed")
    parser.add_argument("--jobs", type=lambda text: text.split(","), help="their names")
    parser.add_argument("--seeds", type=int, help="2, or 1 if quick")
    parser.add_argument("--steps", type=int, default=STEPS, help="the updates of a full run")
    parser.add_argument("--out", type=Path, help="a JSON file of all results, all of so many updates")
    options = parser.parse_args()
    names = options.jobs or (["heavy_tails", "factorisation"] if options.quick else list(HELD_OUT))
    if unknown := [name for name in names if name not in HELD_OUT]:
        parser.error(f"unknown jobs {', '.join(unknown)}: choose from {', '.join(HELD_OUT)}")
    torch.set_num_threads(1)
    done = json.loads(options.out.read_text()) if options.out and options.out.exists() else {}
    seeds = range(options.seeds or (1 if options.quick else 2))
    bounds = shown(BOUNDS)
    print(f"loss over the best of the sweep: {bounds}  | over what that ends at with other seeds: {bounds}")
    rows = []
    for name in names:
        for seed in seeds:
            if (key := f"{name}, seed {seed}") not in done:
                done[key] = outcomes(HELD_OUT[name], seed, options.steps)
                _write(options.out, done)
        results = [done[f"{name}, seed {seed}"] for seed in seeds]
        setting, loss = best_setting(results)
        if (key := f"{name}, {setting}, other seeds") not in done:
            done[key] = again(HELD_OUT[name], setting, range(len(seeds), len(seeds) + OTHER_SEEDS), options.steps)
            _write(options.out, done)
        finite = [other for other in done[key] if math.isfinite(other)] or [loss]
        rows.append(ratios(results, loss) + ratios(results, fmean(finite)))
        row = f"{shown(rows[-1][:3])}  | {shown(rows[-1][3:])}"
        print(f"{name:20s} {loss:8.4f}  {row}  {setting}", flush=True)
    columns = list(zip(*rows, strict=True))
    for what, of in (("geometric mean", geometric_mean), ("median", median), ("within 3%", _close)):
        numbers = [of(column) for column in columns]
        print(f"{what:29s}  {shown(numbers[:3])}  | {shown(numbers[3:])}")


def _close(ratios: Sequence[float]) -> int:
    return sum(ratio <= 1.03 for ratio in ratios)


def _write(out: Path | None, done: dict[str, Any]) -> None:
    if out:
        write_atomically(out, json.dumps(done, indent=1).encode())


if __name__ == "__main__":
    main()
