"""How far the peak that a search begins at is from the best one, on trainings that have no tables, and scale each
coordinate.

    python benchmarks/search/held_out.py --out FILE.json
    python benchmarks/search/starts.py FILE.json

The best peak is that of the single cycle in the mean over the seeds of a sweep. Prints the factor between them, in the
geometric mean: by the mean fan-in, with a number that is a median over the trainings of the tables, and without it, at
0.018. A rate that the user gave has no part in it.

What else was tried, with the number from the tables, judged on these, and the other way round, in the mean of the
logarithm (1.24 and 0.99 without any): what comes in without the area of a kernel, 0.80 and 0.84, with it 0.83 and 0.74;
the mean weighted by the size of each matrix, 1.00 and 0.92; the largest, 0.98 and 0.88; the root of the first, 0.88 and
0.85; a fitted power, 0.87 and 0.84, which is 0.6 and 0.95. Of plain gradients the best peaks lie further apart (1.74
and 1.45) and go with the largest fan-in best (1.54 and 1.26), but not those of networks with batch normalization: their
start stays as it is.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from statistics import fmean

import held_out  # noqa: F401  (enters the trainings)
from held_out_jobs import HELD_OUT

from glideslope.search.jobs.start import kind, mean_fan_in, optimizer_of, usual_peak

CYCLE = "one_cycle() at "


def best_peak(sweeps: list[dict[str, float]]) -> float:
    """The peak at which the single cycle ends lowest in the mean over seeds."""
    means = {
        setting: fmean(sweep[setting] for sweep in sweeps)
        for setting in sweeps[0]
        if setting.startswith(CYCLE) and all(setting in sweep for sweep in sweeps)
    }
    return float(min(means, key=means.__getitem__).removeprefix(CYCLE))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("results", type=Path, help="a JSON file of held_out.py")
    done = json.loads(parser.parse_args().results.read_text())
    errors: dict[str, list[float]] = {"by the fan-in": [], "without": []}
    for name, training in HELD_OUT.items():
        sweeps = [done[key]["sweep"] for key in (f"{name}, seed {seed}" for seed in range(9)) if key in done]
        job = training.make(0)
        optimizer = type(optimizer_of(job)).__name__
        if not sweeps or kind(optimizer) != "adaptive":
            continue
        best, begins = best_peak(sweeps), usual_peak(optimizer, mean_fan_in(job))
        errors["by the fan-in"].append(abs(math.log(best / begins)))
        errors["without"].append(abs(math.log(best / usual_peak(optimizer))))
        print(f"{name:20s} best {best:8.2g}, begins at {begins:8.2g}")
    for what, logarithms in errors.items():
        far = sum(one > math.log(4) for one in logarithms)
        print(f"{what}: a factor of {math.exp(fmean(logarithms)):.1f}, beyond 4 for {far} of {len(logarithms)}")


if __name__ == "__main__":
    main()
