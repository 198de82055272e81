"""A training killed at random points and resumed is the one that was never killed, bit for bit."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).parent / "killed_training.py"
KILLS = 20


def trained(folder, kills):
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), str(kills)], capture_output=True, text=True, timeout=300
    )
    assert done.stdout.split("\n")[:-1] == ["killed"] * kills + ["exit 0"], done.stdout + done.stderr
    rates = [line.split(maxsplit=1) for line in (folder / "rates.txt").read_text().splitlines()]
    return rates, torch.load(folder / "final.pt", weights_only=True)


@pytest.mark.slow
def test_killed_twenty_times(tmp_path):
    rates, weights = trained(tmp_path / "whole", 0)
    whole = dict(rates)
    assert len(whole) == len(rates) == 400
    killed_rates, killed_weights = trained(tmp_path / "killed", KILLS)
    assert len(killed_rates) > 400  # some updates were made again
    assert all(whole[t] == values for t, values in killed_rates)
    assert {t for t, _ in killed_rates} == whole.keys()
    assert all(torch.equal(weights[name], killed_weights[name]) for name in weights)
