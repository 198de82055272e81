"""What large inputs cost: seconds and memory, each beside its bound.

    python benchmarks/sizes.py [--quick]

Each case runs in a process of its own; its peak memory is that process's. `--quick` takes small cases, which show only
that they run; what is timed has its arrays already. Run it with OMP_NUM_THREADS=1 on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import glideslope as gs
from glideslope import laws

TEXTS = ("warmup(5%) >> hold()", "warmup(5%) >> cosine(final=0.1)", "warmup(5%) >> hold() >> cooldown(20%)")


def made(run: int, points: int) -> laws.Run:
    """A run of a power law with noise, logged at every update."""
    lr = 1e-3 * 0.9 ** (run // 3 % 5) * gs.parse(TEXTS[run % 3]).over(points).sample(points)
    step = np.arange(1.0, points + 1)
    clock = 24 * np.cumsum(lr) / (1e-3 * points) + 0.1
    loss = (2.5 + 0.9 * clock**-0.5 + 300 * lr) * np.exp(0.02 * np.random.default_rng(run).normal(size=points))
    return laws.Run(lr, step, loss, name=f"run {run}")


def fit(runs: int, points: int) -> Callable[[], object]:
    arrays = [made(run, points) for run in range(runs)]
    return lambda: laws.fit(arrays)


def fit_files(folder: str) -> Callable[[], object]:
    return lambda: laws.fit(laws.read(sorted(Path(folder).glob("*.csv"))).runs)


def write(folder: Path, runs: int, points: int) -> None:
    for run in (made(i, points) for i in range(runs)):
        rows = zip(range(1, points + 1), np.asarray(run.lr).tolist(), run.loss.tolist(), strict=True)
        text = "".join(f"{step},{lr!r},{loss:.6f}\n" for step, lr, loss in rows)
        (folder / f"{run.name}.csv").write_text(f"step,lr,loss\n{text}")


def show(steps: int) -> Callable[[], object]:
    from glideslope.cli import app

    words = ["show", "cosine", "warmup(5) >> cosine_restarts(7%)", "--steps", str(steps)]
    return lambda: app(words, standalone_mode=False)


def predict(steps: int) -> Callable[[], object]:
    law = laws.fit([made(run, 400) for run in range(3)])
    rates = laws.Rates.of_schedule("warmup(2%) >> cosine", steps, 1e-3)
    return lambda: law.predict(rates, np.linspace(1, steps, 1000).round())


CASES: dict[str, Callable[..., Callable[[], object]]] = {
    "fit": fit,
    "files": fit_files,
    "show": show,
    "predict": predict,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--case", nargs="+")
    options = parser.parse_args()
    if options.case:
        name, *numbers = options.case
        call = CASES[name](*(int(number) if number.isdigit() else number for number in numbers))
        begin = time.perf_counter()
        call()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{time.perf_counter() - begin:.2f} {peak:.0f}", file=sys.stderr)
        return
    runs, points = (6, 2_000) if options.quick else (200, 100_000)
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), runs, points)
        cases = [
            (f"fit, {runs} runs x {points:,} points, arrays", ["fit", runs, points], 10, 1000),
            (f"fit, {runs} runs x {points:,} points, CSV files", ["files", folder], 10, 1000),
            ("fit, 3 runs x 10,000 points", ["fit", 3, 10_000], 2, 200),
            ("show, 1e9 updates", ["show", 10**9], 2, 200),
            ("show, 1e12 updates", ["show", 10**12], 2, 200),
            ("predict, 1e9 updates", ["predict", 10**9], 4, 200),
        ]
        print("| what | seconds | at most | MB | at most |\n|---|---|---|---|---|")
        for what, case, most, memory in cases:
            command = [sys.executable, __file__, "--case", *map(str, case)]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
            seconds, peak = said.split()[-2:]
            print(f"| {what} | {seconds} | {most} | {peak} | {memory} |", flush=True)


if __name__ == "__main__":
    main()
