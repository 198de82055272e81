"""Tune on trainings that have no tables, over the best of a sweep of 42 settings of each.

    python benchmarks/search/held_out.py [--quick] [--jobs a,b] [--seeds 2] [--out FILE.json]

Each training has 600 updates, each sweep six schedules at seven peaks. Prints, for each training, the mean over seeds
of the answer's loss over that of the best setting, for searches within half a full run, one and two. `--quick` makes
two trainings with one seed, in a minute; all of it takes some hours on one core. With `--out` it goes on where it was
interrupted.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, geometric_mean, median
from typing import Any, cast

import held_out_clean  # noqa: F401  (enters its trainings)
import held_out_later  # noqa: F401
import held_out_ordinary  # noqa: F401
import held_out_plateaus  # noqa: F401
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


def outcomes(training: HeldOut, seed: int) -> dict[str, Any]:
    """The answers of searches, and the losses of the sweep, by what they were made with."""
    answers = {}
    for bound in BOUNDS:
        try:
            tuned = gs.tune(training.make(seed), STEPS, overhead=bound, seed=seed)
        except gs.NothingLearnedError as error:  # on a plateau
            tuned = cast("gs.Tuned", error.tuned)
        answers[f"{bound:g}"] = {"answer": str(tuned.final.contestant), "loss": tuned.final_loss}
    peaks = [training.lowest * 2.5**i for i in range(PEAKS)]
    raced = gs.race(training.make(seed), SCHEDULES, STEPS, peaks, evaluations=1, seed=seed)
    return {"answers": answers, "sweep": {str(one.contestant): one.mean for one in raced.standings}}


def line(name: str, results: Sequence[dict[str, Any]]) -> tuple[str, dict[str, float]]:
    """What is printed of a training, and the ratios."""
    sweep = {
        setting: fmean(result["sweep"][setting] for result in results)
        for setting in results[0]["sweep"]
        if all(setting in result["sweep"] for result in results)
    }
    best = min(sweep, key=sweep.__getitem__)
    ratios = {
        bound: fmean(result["answers"][bound]["loss"] for result in results) / sweep[best]
        for bound in results[0]["answers"]
    }
    shown = "  ".join(f"{ratio:7.3f}" for ratio in ratios.values())
    return f"{name:20s} {sweep[best]:8.4f}  {shown}  {best}", ratios


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="two trainings, one seed")
    parser.add_argument("--jobs", type=lambda text: text.split(","), help="their names")
    parser.add_argument("--seeds", type=int, help="2, or 1 if quick")
    parser.add_argument("--out", type=Path, help="a JSON file of all results")
    options = parser.parse_args()
    names = options.jobs or (["heavy_tails", "factorisation"] if options.quick else list(HELD_OUT))
    if unknown := [name for name in names if name not in HELD_OUT]:
        parser.error(f"unknown jobs {', '.join(unknown)}: choose from {', '.join(HELD_OUT)}")
    torch.set_num_threads(1)
    done = json.loads(options.out.read_text()) if options.out and options.out.exists() else {}
    seeds = range(options.seeds or (1 if options.quick else 2))
    bounds = "  ".join(f"{bound:7g}" for bound in BOUNDS)
    print(f"{'loss over the best of the sweep, within':30s} {bounds}")
    table = {}
    for name in names:
        for seed in seeds:
            if (key := f"{name}, seed {seed}") not in done:
                done[key] = outcomes(HELD_OUT[name], seed)
                if options.out:
                    write_atomically(options.out, json.dumps(done, indent=1).encode())
        text, table[name] = line(name, [done[f"{name}, seed {seed}"] for seed in seeds])
        print(text, flush=True)
    means = [geometric_mean(ratios[f"{bound:g}"] for ratios in table.values()) for bound in BOUNDS]
    print(f"{'geometric mean':29s}  {'  '.join(f'{mean:7.3f}' for mean in means)}")
    columns = [[ratios[f"{bound:g}"] for ratios in table.values()] for bound in BOUNDS]
    print(f"{'median':29s}  {'  '.join(f'{median(column):7.3f}' for column in columns)}")
    print(f"{'within 3%':29s}  {'  '.join(f'{sum(ratio <= 1.03 for ratio in column):7d}' for column in columns)}")


if __name__ == "__main__":
    main()
