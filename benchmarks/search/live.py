"""The search on real trainings of another length and seed, against what the tables say of it.

    python benchmarks/search/live.py [--quick] [--jobs a,b] [--steps 1500] [--seed 7] [--out FILE.json]

One training of each of the eight families of `jobs`, with a seed that no table has, over 1,500 updates where the tables
have 600. `gs.tune` within one and two full runs, and a sweep of three schedules at the ten peaks of the table. Printed
for each training and bound: the loss of the answer over the least of the sweep, and the same of the tables, whose
searches are played for each of their seeds over the same 30 settings. Where losses may be 0 or less, the ratio is
1 + (loss - least)/(untrained - least). `--quick` makes two trainings over 200 updates, in a minute; all of it takes
an hour on one core. With `--out` it goes on where it was interrupted.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import fmean, median
from typing import cast

import numpy as np
import torch
from jobs import JOBS, JobSpec
from played import Played, surfaces
from prior import Prior, priors
from searches.ours import PlayedTrials, begin, searched
from tables import Table, load

import glideslope as gs
from glideslope.files import write_atomically
from glideslope.search.strategy.full_runs import best_run

BOUNDS = (1.0, 2.0)
SWEPT = ("one_cycle()", "linear()", "warmup(5%) >> hold() >> cooldown(20%, shape=sqrt)")
CHOSEN = (
    "digits_mlp", "breast_cancer", "robot_arm", "fashion_conv", "digits_vae", "attractor", "word_embeddings",
    "text_gpt",
)  # fmt: skip


def ratio(loss: float, least: float, untrained: float) -> float:
    """How far a loss is above the least, in a unit that trainings have in common."""
    loss = min(loss, untrained)
    return loss / least if min(loss, least) > 0 else 1 + (loss - least) / (untrained - least)


def live(spec: JobSpec, steps: int, seed: int) -> list[float]:
    """The ratio of real searches, for each bound."""
    raced = gs.race(spec.make(seed), SWEPT, steps, spec.peaks.tolist(), evaluations=1, seed=seed)
    least = min(one.mean for one in raced.standings)
    ratios = []
    for bound in BOUNDS:
        try:
            tuned = gs.tune(spec.make(seed), steps, overhead=bound, seed=seed)
        except gs.NothingLearnedError as error:
            tuned = cast("gs.Tuned", error.tuned)
        ratios.append(ratio(tuned.final_loss, least, tuned.final.untrained))
    return ratios


def played(table: Table, spec: JobSpec, prior: Prior) -> list[float]:
    """The mean ratio of searches that are played on each seed of the table, for each bound."""
    swept = [table.schedules.index(schedule) for schedule in SWEPT]
    ratios = []
    for bound in BOUNDS:
        seeds = []
        for i, surface in enumerate(surfaces(table)):
            game = Played((surface,), (0, i), spec.optimizing)
            _, full, early = searched(PlayedTrials(game), round(bound * game.horizon), begin(game, prior))
            loss = (early or best_run(full)).final_loss
            seeds.append(ratio(loss, float(np.nanmin(table.losses[swept, :, -1, i])), float(table.untrained[i])))
        ratios.append(fmean(seeds))
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="two trainings over 200 updates")
    parser.add_argument("--jobs", type=lambda text: text.split(","), help="their names")
    parser.add_argument("--steps", type=int, help="of a full run: 1500, or 200 if quick")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, help="a JSON file of the results")
    options = parser.parse_args()
    names = options.jobs or (list(CHOSEN[:2]) if options.quick else list(CHOSEN))
    steps = options.steps or (200 if options.quick else 1500)
    torch.set_num_threads(1)
    tables = {name: load(name) for name in JOBS}
    known = priors(tables, {name: job.family for name, job in JOBS.items()},
                   {name: job.optimizing for name, job in JOBS.items()})  # fmt: skip
    done = json.loads(options.out.read_text()) if options.out and options.out.exists() else {}
    heads = "  ".join(f"within {bound:g}: live, tables" for bound in BOUNDS)
    print(f"{'loss over the least of the sweep':34s} {heads}")
    differences = []
    for name in names:
        if name not in done:
            done[name] = live(JOBS[name], steps, options.seed)
            if options.out:
                write_atomically(options.out, json.dumps(done, indent=1).encode())
        pairs = list(zip(done[name], played(tables[name], JOBS[name], known[JOBS[name].family]), strict=True))
        differences.append([ours - theirs for ours, theirs in pairs])
        print(f"{name:34s} {'  '.join(f'{ours:13.3f}, {theirs:6.3f}' for ours, theirs in pairs)}", flush=True)
    for bound, column in zip(BOUNDS, zip(*differences, strict=True), strict=True):
        print(f"within {bound:g}, live less tables: mean {fmean(column):+.3f}, median {median(column):+.3f}")


if __name__ == "__main__":
    main()
