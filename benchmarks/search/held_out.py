"""Tune on trainings that have no tables, over the best of a sweep of 42 settings of each.

    python benchmarks/search/held_out.py [--quick] [--jobs a,b] [--seeds 2] [--steps 600] [--out FILE.json]

Each training has 600 updates, each sweep six schedules at seven peaks. Prints, for each training, the mean over seeds
of the answer's loss over that of the best setting, for searches within half a full run, one and two; and the same over
what that setting ends at with four other seeds, for of 42 settings the best is the luckiest too; those with which it
diverges are left out. `--quick` makes two trainings with one seed, in a minute; all of it takes some hours on one core.
With `--out` it goes on where it was interrupted.
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
