"""The benchmark of a job's overhead times two loops that make the same updates."""

import importlib.util
from pathlib import Path

import pytest
import torch

spec = importlib.util.spec_from_file_location("job_overhead", Path(__file__).parents[2] / "benchmarks/job_overhead.py")
job_overhead = importlib.util.module_from_spec(spec)
spec.loader.exec_module(job_overhead)


@pytest.mark.parametrize("case", job_overhead.CASES)
def test_both_loops_make_the_same_updates(case):
    losses = []
    for loop in (job_overhead.by_job, job_overhead.by_hand):
        update = loop(**job_overhead.CASES[case])
        torch.manual_seed(3)
        losses.append([float(update()) for _ in range(3)])
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_the_interval_of_a_median_holds_it():
    median, low, high = job_overhead.median_and_interval([float(i) for i in range(100)])
    assert (median, low, high) == (49.5, 40.0, 60.0)
