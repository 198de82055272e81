"""What checkpoints cost, and whether a search that is killed at random ends the same.

    python benchmarks/checkpoints.py --kills 30

Killed: a search whose full run lasts a minute, most of which the job sleeps, is killed at random moments, resumed and
killed again. Each time the run must go on from its last checkpoint; at the end the losses, rates and weights are
compared with those of a search that was not killed. Cost: full runs with checkpoints and without, in turn, of a network
with `--width` units.
"""

from __future__ import annotations

import argparse
import base64
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
import time
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
import glideslope as gs
torch.set_num_threads(1)
WIDTH, SLEEP = {width}, {sleep}
class Loss(nn.CrossEntropyLoss):
    def forward(self, outputs, targets):
        if SLEEP and torch.is_grad_enabled():
            time.sleep(SLEEP)
            state = self.optimizer[0].state.get(self.weights[0], dict(step=0))
            with open("updates.log", "a") as log:
                print(int(state["step"]), file=log)
        return super().forward(outputs, targets)
def job(seed):
    torch.manual_seed(seed)
    x = torch.randn(4096, 32)
    data = TensorDataset(x, (x[:, :8].sum(1) > 0).long())
    model = nn.Sequential(nn.Linear(32, WIDTH), nn.ReLU(), nn.Dropout(0.1), nn.Linear(WIDTH, WIDTH), nn.ReLU(),
                          nn.BatchNorm1d(WIDTH), nn.Linear(WIDTH, 2))
    loader = DataLoader(data, batch_size=32, shuffle=True)
    check = DataLoader(data, batch_size=1024)
    optimizer, loss = torch.optim.AdamW(model.parameters()), Loss()
    loss.optimizer, loss.weights = [optimizer], list(model.parameters())[:1]
    return gs.torch.Job(model, optimizer, loss, loader, check)
"""
TUNE = "from glideslope.cli import main; main()"
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path[1:]))}
"""The packages of this process, whatever folder another one runs in."""
CHECKED = 6
"""Updates with which a search checks its job before its runs."""


OF_KILLS = ("out", "load", "checksum", "wasted_updates")
"""What a result says of its folder, and of the kills."""


def tune(folder: Path, out: str, steps: int, every: str) -> list[str]:
    resume = ["--resume"] if (folder / out / "search.json").exists() else []
    return [sys.executable, "-c", TUNE, "tune", "job.py:job", "--steps", str(steps), "--overhead", "1", "--guard",
            "--out", out, "--json", "--checkpoint-every", every, *resume]  # fmt: skip


def ended(folder: Path, out: str) -> tuple[str, str, str]:
    """The result, the table of all rates and losses, and the checksum of the trained network."""
    result = json.loads((folder / out / "result.json").read_text())
    kept = {key: value for key, value in result.items() if key not in OF_KILLS}
    network = hashlib.sha256((folder / out / "model.safetensors").read_bytes()).hexdigest()
    return json.dumps(kept), (folder / out / "runs.csv").read_text(), network


def updates_of(folder: Path) -> list[int]:
    """The updates that the job had made before each of its updates, since this was last asked."""
    log = folder / "updates.log"
    text = log.read_text() if log.exists() else ""
    log.write_text("")
    return [int(line) for line in text.split()]


def wait_for_a_run(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Waits until a search makes updates of a run."""
    log = folder / "updates.log"
    while process.poll() is None and log.read_text().count("\n") <= CHECKED:
        time.sleep(0.1)


def last_checkpoint(folder: Path, out: str) -> int:
    """The updates of the run in the making that its last checkpoint has; 0 without one."""
    documents = sorted((folder / out / "unfinished").glob("*-*-[0-9]*[0-9].json"))  # not of the best, nor the progress
    if not documents:
        return 0
    position = json.loads(documents[-1].read_text())["position"]
    losses = len(base64.b64decode(position["training"])) // 8  # without those of updates that a guard took back
    return losses + len(position["waiting"])


def killed(kills: int, seconds: float, every: float) -> None:
    """Kills searches until there were so many kills; prints what was lost.

    Args:
        kills: how many.
        seconds: of the full run.
        every: between two checkpoints.
    """
    rng, sleep = random.Random(0), 0.02
    steps, often = round(seconds / sleep), f"{every:g}s"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "job.py").write_text(JOB.format(width=64, sleep=sleep))
        began = time.monotonic()
        subprocess.run(
            tune(folder, "whole", steps, often), cwd=folder, env=ENVIRONMENT, check=True, capture_output=True
        )
        whole = time.monotonic() - began
        print(f"uninterrupted: {whole:.0f} s, {steps} updates of the full run", flush=True)
        expected = ended(folder, "whole")
        made, wrong, inside, elsewhere, search = 0, 0, 0, 0, 0
        lost: list[int] = []
        while made < kills:
            search, there = search + 1, None
            updates_of(folder)
            while True:
                out = f"killed-{search}"
                with subprocess.Popen(tune(folder, out, steps, often), cwd=folder, env=ENVIRONMENT,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # fmt: skip
                    wait_for_a_run(process, folder)
                    try:
                        process.wait(rng.uniform(0, seconds / 3) if made < kills else None)
                    except subprocess.TimeoutExpired:
                        os.kill(process.pid, signal.SIGKILL)
                        made += 1
                run = updates_of(folder)[CHECKED:]
                if there is not None and run:
                    elsewhere += run[0] != there
                if process.returncode != -signal.SIGKILL:
                    assert process.returncode == 0, process.returncode
                    break
                there = last_checkpoint(folder, out) if run else there
                inside += bool(there)
                lost += [run[-1] + 1 - there] if run and there else []
            wrong += ended(folder, out) != expected
            print(
                f"{made} kills, {inside} with a checkpoint to go on from, {elsewhere} times the run went on elsewhere; "
                f"at most {max(lost, default=0)} updates since a checkpoint were made again; {search} searches, "
                f"{wrong} ended otherwise",
                flush=True,
            )  # fmt: skip


def cost(width: int, steps: int, pairs: int) -> None:
    from glideslope.schedules import parse
    from glideslope.search import Contestant, load_job
    from glideslope.search.directory.run_directory import RunDirectory
    from glideslope.search.runs.checkpoints import Checkpoints
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
        (folder / "job.py").write_text(JOB.format(width=width, sleep=0))
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
    parser.add_argument("--seconds", type=float, default=60, help="of the full run of the search that is killed")
    parser.add_argument("--every", type=float, default=2, help="seconds between its checkpoints")
    parser.add_argument("--steps", type=int, default=3000, help="of the runs whose time is compared")
    parser.add_argument("--width", type=int, default=1000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", choices=("killed", "cost"))
    arguments = parser.parse_args()
    if arguments.only != "cost":
        killed(arguments.kills, arguments.seconds, arguments.every)
    if arguments.only != "killed":
        cost(arguments.width, arguments.steps, arguments.pairs)
