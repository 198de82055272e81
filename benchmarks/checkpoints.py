"""What checkpoints cost, and whether a search that is killed at random ends the same.

    python benchmarks/checkpoints.py --kills 30

Killed: a search over a small network whose full run lasts some seconds, with a checkpoint each quarter of a second, is
killed at random moments, resumed and killed again; at the end its losses, rates and weights are compared with those of
one that wasn't killed. Cost: full runs with checkpoints and without, in turn, of a network with `--width` units.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

JOB = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
import glideslope as gs
torch.set_num_threads(1)
WIDTH = {width}
def job(seed):
    torch.manual_seed(seed)
    x = torch.randn(4096, 32)
    data = TensorDataset(x, (x[:, :8].sum(1) > 0).long())
    model = nn.Sequential(nn.Linear(32, WIDTH), nn.ReLU(), nn.Dropout(0.1), nn.Linear(WIDTH, WIDTH), nn.ReLU(),
                          nn.BatchNorm1d(WIDTH), nn.Linear(WIDTH, 2))
    loader = DataLoader(data, batch_size=32, shuffle=True)
    check = DataLoader(data, batch_size=1024)
    return gs.torch.Job(model, torch.optim.AdamW(model.parameters()), nn.CrossEntropyLoss(), loader, check)
"""
TUNE = "from glideslope.cli import main; main()"


def tune(folder: Path, out: str, steps: int, every: str) -> list[str]:
    resume = ["--resume"] if (folder / out / "search.json").exists() else []
    return [sys.executable, "-c", TUNE, "tune", "job.py:job", "--steps", str(steps), "--overhead", "1", "--guard",
            "--out", out, "--json", "--checkpoint-every", every, *resume]  # fmt: skip


def ended(folder: Path, out: str) -> tuple[str, str, str]:
    """The result, the table of all rates and losses, and the checksum of the trained network."""
    result = json.loads((folder / out / "result.json").read_text())
    kept = {key: value for key, value in result.items() if key not in ("out", "load", "checksum")}
    network = hashlib.sha256((folder / out / "model.safetensors").read_bytes()).hexdigest()
    return json.dumps(kept), (folder / out / "runs.csv").read_text(), network


def killed(kills: int, steps: int) -> None:
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "job.py").write_text(JOB.format(width=64))
        began = time.monotonic()
        subprocess.run(tune(folder, "whole", steps, "0.25s"), cwd=folder, check=True, capture_output=True)
        seconds = time.monotonic() - began
        print(f"uninterrupted: {seconds:.0f} s", flush=True)
        expected, made, wrong, inside = ended(folder, "whole"), 0, 0, 0
        search = 0
        while made < kills:
            search += 1
            while made < kills:
                out = f"killed-{search}"
                with subprocess.Popen(tune(folder, out, steps, "0.25s"), cwd=folder, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL) as process:  # fmt: skip
                    try:
                        process.wait(rng.uniform(2, 2 + seconds / 3))
                        break
                    except subprocess.TimeoutExpired:
                        os.kill(process.pid, signal.SIGKILL)
                made += 1
                inside += any((folder / out / "unfinished").glob("*.json"))
            done = subprocess.run(tune(folder, out, steps, "0.25s"), cwd=folder, check=True, capture_output=True)
            assert done.stdout
            wrong += ended(folder, out) != expected
            print(
                f"{made} kills, {inside} with a checkpoint to go on from, {search} searches, {wrong} wrong", flush=True
            )


def cost(width: int, steps: int, pairs: int) -> None:
    from glideslope.schedules import parse
    from glideslope.search import Contestant
    from glideslope.search.checkpoints import Checkpoints
    from glideslope.search.job import load_job
    from glideslope.search.run_directory import RunDirectory
    from glideslope.search.trials import Trials

    saving: list[float] = []
    timed = Checkpoints.timed

    @contextmanager
    def recorded(self: Checkpoints) -> Iterator[None]:
        began = time.monotonic()
        with timed(self):
            yield
        saving.append(time.monotonic() - began)

    Checkpoints.timed = recorded  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "job.py").write_text(JOB.format(width=width))
        make = load_job(f"{folder / 'job.py'}:job")
        parameters = sum(weight.numel() for weight in make(0).model.parameters())  # type: ignore[attr-defined]
        ratios, shares = [], []
        for i in range(pairs):
            seconds = {}
            for every in (1.0, math.inf) if i % 2 else (math.inf, 1.0):
                memory = RunDirectory(folder / f"{i}-{every}", {}, checkpoint_every=every)
                trials = Trials(make, 0, memory)
                saving.clear()
                began = time.monotonic()
                trials.run(Contestant(parse("one_cycle()"), 0.01), steps, stage="")
                seconds[every] = time.monotonic() - began
                if saving:
                    shares.append(sum(saving) / seconds[every])
                    print(f"{len(saving)} checkpoints, {sum(saving):.2f} s of {seconds[every]:.1f} s", flush=True)
                memory.release()
            ratios.append(seconds[1.0] / seconds[math.inf] - 1)
        print(
            f"{parameters:,} parameters, every 1 s at most: {statistics.median(shares):.2%} of a run's time "
            f"is in them ({min(shares):.2%} to {max(shares):.2%}); against runs without, in turn, "
            f"{statistics.median(ratios):+.1%} ({min(ratios):+.1%} to {max(ratios):+.1%})"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--width", type=int, default=1000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", choices=("killed", "cost"))
    given = parser.parse_args()
    if given.only != "cost":
        killed(given.kills, given.steps)
    if given.only != "killed":
        cost(given.width, given.steps, given.pairs)
