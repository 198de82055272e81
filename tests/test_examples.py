"""Each example program runs, and trains."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import glideslope as gs
from glideslope.search import load_job

ROOT = Path(__file__).parents[1]
PROGRAMS = (
    "torch_loop", "jax_loop", "keras_fit", "lightning_fit", "transformers_trainer", "accelerate_loop",
)  # fmt: skip
JOBS = ("digits", "convolutional", "text", "mixed_precision", "fashion_mnist")
TRAINERS = ("accelerate_job", "lightning_job", "transformers_job")
"""Jobs from trainers, compared with the trainers' own runs in tests/frameworks."""


def test_every_example_is_known():
    assert {path.stem for path in (ROOT / "examples").glob("*.py")} == {*PROGRAMS, *JOBS, *TRAINERS}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_trains(name, tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(ROOT / f"examples/{name}.py")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert float(re.search(r"validation accuracy (\d\.\d+)", done.stdout)[1]) > 0.9


@pytest.mark.parametrize("name", JOBS[:-1] + TRAINERS[:1])
def test_a_job_conforms(name):
    gs.check_job(load_job(f"{ROOT}/examples/{name}.py:job")(0), lr=1e-3, steps=4)
