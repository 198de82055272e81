"""Tune's defaults on two trainings that were never used while developing it.

    python benchmarks/tune_held_out.py [--seeds 3]

AdamW on text, and a convolutional network with momentum: each beside the best constant rate and the best of linear and
cosine over the same wide range of peaks, the range of each optimizer's custom: the best with each seed, and that in the
mean over the seeds. The convolutional network ends at a loss whose deviation over seeds is 18%, with backing off and
without, so the best of ten with each seed is far below what the best in the mean ends at.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

TRAININGS = {
    "text": (2000, (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)),
    "convolutional": (1000, (0.01, 0.03, 0.1, 0.3, 1.0)),
}


def main() -> None:
    import torch

    import glideslope as gs

    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="of a run; those of each training if not given")
    parser.add_argument("--trainings", type=lambda text: text.split(","), default=list(TRAININGS))
    options = parser.parse_args()
    seeds = range(options.seeds)
    torch.set_num_threads(1)
    for name in options.trainings:
        steps, peaks = options.steps or TRAININGS[name][0], TRAININGS[name][1]
        job = importlib.import_module(name).job
        tuned_losses, best_losses, constant_losses, grids = [], [], [], []
        for seed in seeds:
            tuned = gs.tune(job, steps, seed=seed)
            raced = gs.race(job, ["linear", "cosine"], steps, peaks, seed=seed, evaluations=1)
            tuned_losses.append(tuned.final_loss)
            best_losses.append(raced.standings[0].mean)
            constant_losses.append(raced.constant.mean)
            grids.append({str(one.contestant): one.mean for one in raced.standings})
            print(
                f"{name}, seed {seed}: tune {tuned.final_loss:.4f} with {tuned.final.contestant}; best of grid "
                f"{raced.standings[0].mean:.4f} with {raced.standings[0].contestant}; best constant "
                f"{raced.constant.mean:.4f} at {raced.constant.contestant.peak:g}",
                flush=True,
            )
        tune, best, constant = map(mean, (tuned_losses, best_losses, constant_losses))
        settings = [one for one in grids[0] if all(one in grid for grid in grids)]
        in_the_mean = min(mean(grid[one] for grid in grids) for one in settings)
        print(f"{name}: tune {tune:.4f}, {tune / best - 1:+.1%} to the best of the grid with each seed, "
              f"{tune / in_the_mean - 1:+.1%} to the best in the mean, {tune / constant - 1:+.1%} to the best constant "
              f"rate")  # fmt: skip


if __name__ == "__main__":
    main()
