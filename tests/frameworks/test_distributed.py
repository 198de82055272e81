"""Real processes under torchrun, gloo on loopback: DDP, FSDP2 and Accelerate."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import glideslope as gs

HERE = Path(__file__).parent


def torchrun(processes, script, *args):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--master-addr", "127.0.0.1",
        "--master-port", str(port), str(HERE / script), *map(str, args),
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_the_curve_over_examples_is_the_same_for_one_two_and_one_processes(tmp_path, kind):
    for processes, updates in ((1, 40), (2, 40), (1, 40)):
        torchrun(processes, "distributed_training.py", kind, tmp_path, updates, processes)
    made = [json.loads(line) for line in (tmp_path / "rates.jsonl").read_text().splitlines()]
    assert [len(entry["rates"]) for entry in made] == [1] * 40 + [2] * 40 + [1] * 40
    assert all(len(set(entry["rates"])) == 1 for entry in made)
    assert [entry["seen"] for entry in made] == [*range(0, 160, 4), *range(160, 480, 8), *range(480, 640, 4)]
    schedule = (gs.warmup(64) >> gs.cosine()).over(640)
    expected = [0.05 * schedule(entry["seen"]) for entry in made]
    np.testing.assert_allclose([entry["rates"][0] for entry in made], expected, atol=1e-12)


@pytest.mark.parametrize("split", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_accelerate_calls_once_for_each_process(tmp_path, split):
    torchrun(2, "accelerate_training.py", tmp_path / "rates.json", 2, split)
    rates = json.loads((tmp_path / "rates.json").read_text())
    once = 1 - np.arange(100) / 100
    np.testing.assert_allclose(rates["ours"], once, atol=1e-12)
    # The reference, accelerate #2926: at its end after half the updates, as it would be after a quarter with four.
    np.testing.assert_allclose(rates["theirs"], once if split else np.clip(1 - np.arange(100) / 50, 0, 1), atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["transformers", "lightning"])
def test_an_epoch_is_the_updates_over_all_processes(tmp_path, kind):
    torchrun(2, "epochs_training.py", tmp_path / "rates.json", kind)
    rates = json.loads((tmp_path / "rates.json").read_text())
    assert rates == pytest.approx([t / 5 for t in range(5)] + [(1 + np.cos(np.pi * t / 15)) / 2 for t in range(15)])
