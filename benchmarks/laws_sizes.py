"""What a law over sizes predicts of sizes, horizons and grids of rates and batches that it was not fitted on.

    python benchmarks/laws_sizes.py --data FOLDER

FOLDER holds `convex-agreement/sizes` (a table runs.csv and its curves, 33M to 93M) and
`convex-agreement/124M` (see laws.py). Prints, as mean absolute errors of the ends, means of their last three losses:

- one size alone, fitted on three of its shorter runs, its longer runs judged (five choices of three or four runs);
- larger sizes without any run, and with one short run, and 100M of other data with one run beside those of 25M;
- 124M at its longest horizon, from the smaller sizes and its shorter runs;
- the loss of the mean of the last 500 weights along the runs that have it, by the law of all four sizes;
- the regret of the cells chosen on grids of batches and rates of small GPTs, as laws_grids.py has it.

The bias over long horizons. On longer cosines of one size, fitted on three or four short runs that have half the peak
in their cooldowns, the law came out too high. Tried on the four sizes, 25M, 100M and 124M, before and after the priors
were taken anew from the other sizes (longer cosines; longer cooldowns and constant rates; 124M at 25,000):

    the law before, one clock                                        0.0047  0.0030  0.0031
    the noise's clock in η/Q^1 (taken: it follows from the curvature of normalized weights), priors as before
                                                                     0.0040  0.0029  0.0030
    the same, η/Q^1.2 and η/Q^1.6                                    0.0038  0.0029  0.0030;  0.0036  0.0030  0.0033
    the noise relaxes faster as the loss falls, gap·S^0.3            0.0043  0.0042  0.0036
    the noise grows as training goes on, S^0.15                      0.0051  0.0065  0.0033
    the same with priors of the other sizes                          0.0047  0.0031  0.0030, 25M worse by a fifth
    another exponent of the weights' growth for the noise, Q^0.75    too low on 124M by 0.004, constant rates worse
    another one for the loss, Q^0.5                                  0.0067  0.0021  0.0051
    b known from the weight decay, 2·λ·η                             fits less well on each size
    priors in updates and rates, not in parts of the longest run     0.0061  0.0023  0.0030
    half the noise, so weaker priors                                 0.0058  0.0030  0.0031
    twice the noise, so stronger priors                              0.0039  0.0038  0.0032
    the first fifth of the longest run left out, not 8%              0.0039  0.0033  0.0030, 25M worse by a third
    the priors of public curves, taken without the size              0.0036  0.0026  0.0026, but the worst relative
                                      errors of 25M and 100M are 0.0035 and 0.0035, not 0.0030 and 0.0028: after a drop
                                      to a tenth of the rate 100M is 0.8% off
    the same without gamma                                           0.0077  0.0021  0.0030

No way of these came to 0.003 on the cosines with nothing else worse. Tried again with 60 points a run: what is fitted
without a bound to the value of the law, on all runs of a size, and with a value fixed for all:

    the law, one prior                                               0.0041  0.0030  0.0030
    progress at low rates, the pace (η/Q^0.6)^0.95 and ^1.05         0.0041  0.0030  0.0030;  0.0041  0.0031  0.0033
      (fits of all runs have 0.87 to 0.99)
    the noise's clock in η^1.15 and η^1.3 (fits: 1.02 to 1.4)        0.0042  0.0032  0.0028;  0.0046  0.0034  0.0025
    the same in η/Q^1.3 (fits: 0.65 to 1.5)                          0.0039  0.0031  0.0032
    the same faster as training goes on, S^0.15 (fits: 0.1 to 0.2)   0.0043  0.0038  0.0035
    the rate over the weights' norm to another power, η/Q^0.65 and η/Q^0.7 (fits: 0.62 to 0.73)
                                                                     0.0041  0.0033  0.0030;  0.0044  0.0037  0.0038
    noise that grows with the clock, S^0.05 (fits: -0.04 to 0.1)     0.0043  0.0042  0.0031

No mechanism holds on all sizes. What short runs lack is what laws have in common. Now `fit` has two priors and takes
the one with more evidence: that for any data, in parts of the longest run; and one near the line of public curves, in
updates and rates, of any size (here without the size that is judged), with little said of C, gamma and beta:

    the line's spreads                                               0.0024  0.0016  0.0026
    twice the spreads                                                0.0024  0.0013  0.0026
    the same, C, gamma and beta as wide as for any data              0.0027  0.0013  0.0025
    the same, twice as wide (taken: of 25M and 100M the worst relative errors are 0.0032 and 0.0032, else 0.0035)
                                                                     0.0027  0.0012  0.0025
    the mean of both priors' predictions                             0.0030  0.0018
    with η/Q^1.3, or η^1.1, in the noise's clock                     0.0021  0.0014  0.0030;  0.0021  0.0016  0.0024

25M and 100M by the lines of the other data alone are as near as by those without the size.

The law over sizes. Means over six pairs of smaller sizes and a larger one without a run; over twelve with one short
run of it, and how often its 90% intervals cover; and over six fits of 25M (Luo et al. 2025) with one run of 100M:

    robust priors, which a size may leave by 100 deviations: on all five sizes 33M ended 0.48 off
                                                                     0.0120  0.0063 (73%)
    priors that count by their squares (taken)                       0.0118  0.0062 (74%)  0.0123
    size without embeddings, 12 x layers x width^2, not given in general: 33M, 53M > 59M 0.0015, not 0.0096, but
      124M from all smaller ones 0.0187, not 0.0132                  0.0091  0.0057 (81%)
    the same from n + w n^(1/3) parameters, w = 40,000 and 80,000    0.0202, 0.0277  0.0067, 0.0074
    priors of gamma and C from 124M, at many peaks                   0.0110  0.0060 (70%)  0.0124
    all medians from 124M, spreads as of one size                    0.0113  0.0051 (83%)  0.0111
    the same, tight spreads (fits 25,000 updates, no other horizon)  0.0104  0.0043 (83%)  0.0085
    the same, tight where the clock doesn't matter; points of a run err together in intervals (taken)
                                                                     0.0107  0.0042 (92%)  0.0094

What was left: 124M without a run was 0.006 off at 1e-3 and 0.002 at 2e-3, peaks of the smaller sizes, and 0.022 at
5e-4, which no smaller size has; 90% intervals of 124M with one short run covered 81%. The priors had seen 124M.

Now the lines have the prior of public curves (public_laws.py) too, in updates and rates and not in parts of the longest
run, if it explains the losses better; here it is taken without the size that is judged. 124M without a run, at 5e-4;
124M with one of three short runs; 100M of other data, with one of four runs of its own:

    before, having seen 124M                                                0.0099  0.0217  0.0074  0.0079
    the medians of public curves, spreads as before                         0.0105  0.0230  0.0081  0.0090
    their slopes too                                                        0.0086  0.0190  0.0071  0.0092
    medians, twice their spreads, other data by a fifth in clock and rates  0.0100  0.0222  0.0076  0.0093
    medians, slopes and spreads, other data by a fifth in rates             0.0066  0.0099  0.0061  0.0057
    the same, other data by a twentieth                                     0.0089  0.0061  0.0052  0.0079
    only a and b, the growth of the weights                                 0.0088  0.0188  0.0066  0.0111
    the fourth, C, gamma and beta as of any data: averaged weights are nearer (taken)
                                                                            0.0065  0.0111  0.0061  0.0062

Intervals. A size without a run has the error that the sizes of the fit have without theirs, and one with k runs that
over the root of 1 + k; before, sizes without a run were supposed to lie as far from the lines as those with some.
Coverage of 124M without a run, and with one of three short ones: 47 of 47 and 62 of 81 by the new prior alone, 45 of 47
and 76 of 81 with this.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from laws_grids import SEEDS, of_gpts
from laws_grids import judge as judge_grids
from loss_curves import OF_124M, convex_agreement, multi_power, sizes
from public_laws import lines_without

from glideslope import laws

LAST = 3
"""The last losses of a run, whose mean error is judged: one has the noise of its evaluation."""
AVERAGED = 500
"""The window of the runs' averaged weights, as their code has it unless told otherwise."""


def shortened(run: laws.Run, steps: int) -> laws.Run:
    """A run as it was after so many updates."""
    kept = run.step <= steps
    return laws.Run(run.rates[:steps], run.step[kept], run.loss[kept], name=f"{run.name} to {steps}")


def misses(law: laws.Law, runs: Iterable[laws.Run]) -> tuple[list[float], list[bool]]:
    """How far the ends of runs lie from a law, and whether its 90% interval covers the last loss."""
    errors, covered = [], []
    for run in runs:
        errors.append(float(np.mean(law.predict(run.lr, run.step[-LAST:]) - run.loss[-LAST:])))
        low, high = law.interval(run.lr, run.step[-1:])
        covered.append(bool(low[0] <= run.loss[-1] <= high[0]))
    return errors, covered


def show(what: str, errors: Sequence[float], covered: Sequence[bool]) -> None:
    print(
        f"{what}: mean absolute error {np.abs(errors).mean():.4f}, mean {np.mean(errors):+.4f}, worst "
        f"{np.abs(errors).max():.4f}; 90% intervals cover {sum(covered)} of {len(covered)}", flush=True,
    )  # fmt: skip


def judge_alone(by_size: dict[str, list[laws.SizedRun]], without: Callable[..., Any]) -> None:
    """Each size by itself, from short runs to longer ones, by lines of public curves without it."""
    found: dict[str, tuple[list[float], list[bool]]] = {}
    for name, members in by_size.items():
        runs = {own.run.name.split("_", 1)[1]: own.run for own in members}
        short, middle, long = sorted({len(run.lr) for run in runs.values()})
        constant = runs[f"wsd_{long}"]
        cool, fall = (lambda steps, r=runs: r[f"wsd_{steps}"]), (lambda steps, r=runs: r[f"cosine_{steps}"])
        choices = (
            (
                [shortened(constant, short), cool(short), fall(short)],
                [cool(middle), fall(middle), fall(long), constant],
            ),
            ([cool(short), fall(short), cool(middle)], [fall(middle), fall(long)]),
            (
                [cool(short), fall(short), fall(middle), shortened(constant, middle)],
                [cool(middle), fall(long), constant],
            ),
            (
                [cool(short), fall(short), shortened(constant, middle)],
                [cool(middle), fall(middle), fall(long), constant],
            ),
            ([cool(middle), fall(short), constant], [cool(short), fall(middle), fall(long)]),
        )
        for number, (fitted, judged) in enumerate(choices):
            if not number and sum(len(run.loss) for run in fitted) < 60:
                continue  # five losses of a cooldown tell too little
            with without(name):
                law = laws.fit(fitted)
            for run in judged:
                kind = "cosines" if "cosine" in run.name else "cooldowns and constant rates"
                errors, covered = misses(law, [run])
                known = found.setdefault(kind, ([], []))
                known[0].extend(errors)
                known[1].extend(covered)
    for kind, (errors, covered) in sorted(found.items()):
        show(f"one size alone, other {kind}", errors, covered)


def judge_sizes(by_size: dict[str, list[laws.SizedRun]], without: Callable[..., Any]) -> None:
    """Sizes that have no run in the fit, or one short run, nor any in what is known of public curves."""
    names = sorted(by_size, key=lambda name: by_size[name][0].params)
    for i in range(2, len(names)):
        others = [own for name in names[:i] for own in by_size[name]]
        with without(names[i]):
            judge_size(names[i], by_size[names[i]], others)


def judge_size(name: str, members: list[laws.SizedRun], others: list[laws.SizedRun]) -> None:
    law = laws.fit_sizes(others)
    what = f"{name} without a run"
    show(f"{what}, beside {len(others)} runs of smaller sizes",
         *misses(law.at(members[0].params), [own.run for own in members]))  # fmt: skip
    peaks = [own.run.peak for own in others]
    for which, holds in (("peaks that smaller sizes have", True), ("another peak", False)):
        some = [own.run for own in members if (0.99 * min(peaks) < own.run.peak < 1.01 * max(peaks)) == holds]
        if 0 < len(some) < len(members):
            show(f"{what}, {which}", *misses(law.at(members[0].params), some))
    least = min(len(own.run.lr) for own in members)
    for own in [own for own in members if len(own.run.lr) == least and own.run.peak > 9e-4][:2]:
        at = laws.fit_sizes([*others, own]).at(members[0].params)
        longer = [other.run for other in members if len(other.run.lr) > least]
        show(f"{name} with {own.run.name} alone", *misses(at, longer))


def judge_other_data(folder: Path, without: Callable[..., Any]) -> None:
    """100M of other data, each of its runs alone beside those of 25M, by the lines of the first data."""
    small, large = (list(multi_power(folder / name).values()) for name in ("25M", "100M"))
    errors: list[float] = []
    covered: list[bool] = []
    with without("25M", "100M"):
        for run in large:
            law = laws.fit_sizes([*(laws.SizedRun(other, 25e6) for other in small), laws.SizedRun(run, 100e6)])
            apart, within = misses(law.at(100e6), [other for other in large if other is not run])
            errors, covered = errors + apart, covered + within
    show("100M of other data, one run beside those of 25M", errors, covered)


def judge_horizon(smaller: list[laws.SizedRun], members: list[laws.SizedRun], without: Callable[..., Any]) -> None:
    """The longest runs of a size, from its shorter ones and the smaller sizes."""
    longest = max(len(own.run.lr) for own in members)
    short = [own for own in members if len(own.run.lr) < longest]
    with without("124M"):
        at = laws.fit_sizes([*smaller, *short]).at(members[0].params)
    show(f"124M at {longest:,}, from {len(short)} shorter runs and the smaller sizes",
         *misses(at, [own.run for own in members if len(own.run.lr) == longest]))  # fmt: skip


def judge_averages(folder: Path, by_size: dict[str, list[laws.SizedRun]]) -> None:
    """The loss of averaged weights, from the rates and losses of the weights themselves."""
    law, errors, gains = laws.fit_sizes([own for members in by_size.values() for own in members]), [], []
    for own in (own for members in by_size.values() for own in members):
        curve = np.genfromtxt(folder / f"{own.run.name}.csv", delimiter=",", names=True)
        known = np.isfinite(curve["val_loss_averaged"]) & (curve["step"] > 0.3 * len(own.run.lr))
        curve = curve[known & (curve["step"] % AVERAGED == 0)]  # a mean is of whole windows since the beginning
        if len(curve):
            mean = laws.predict_average(law.at(own.params), own.run.lr, curve["step"], window=AVERAGED)
            errors.extend(mean - curve["val_loss_averaged"])
            gains.extend(curve["val_loss"] - curve["val_loss_averaged"])
    print(f"the mean of the last {AVERAGED} weights, {len(errors)} places of the runs: mean absolute error "
          f"{np.abs(errors).mean():.4f}, mean {np.mean(errors):+.4f}; it gains {np.mean(gains):.4f}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    folder, without = data / "convex-agreement", lines_without(data)
    warnings.simplefilter("ignore")  # a fit of three runs may say that it tells little: the figures show it
    begin = time.perf_counter()
    by_size = sizes(folder / "sizes")
    judge_alone(by_size, without)
    largest = [
        laws.SizedRun(run, OF_124M, 0.1)
        for row, run in convex_agreement(folder / "124M")
        if float(row["peak_lr"]) > 2e-4
    ]
    smaller = [own for name, members in by_size.items() if members[0].params < OF_124M for own in members]
    judge_averages(folder / "sizes", by_size)
    judge_sizes({**by_size, "124M": largest}, without)
    judge_horizon(smaller, largest, without)
    judge_other_data(data / "multi-power-law", without)
    judge_grids("small GPTs", [of_gpts()], SEEDS)
    print(f"{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
