"""Two curves as each tool writes its logs: all are read as the same two runs. The files are beside the project."""

from pathlib import Path

import numpy as np
import pytest

from glideslope import laws

SHARED = Path(__file__).parents[3] / "shared"
LOGS, CURVES = SHARED / "cases" / "logs", SHARED / "data" / "loss-curves" / "multi-power-law" / "25M"
NAMES = ("constant_24000", "wsd_20000_24000")
WITHOUT_RATES = ("buildnanogpt", "modded", "nanogpt")

pytestmark = pytest.mark.skipif(not (LOGS.is_dir() and CURVES.is_dir()), reason=f"no {LOGS} or {CURVES}")


def plain(name):
    return np.genfromtxt(CURVES / f"{name}.csv", delimiter=",", names=True)


def files(tool):
    return sorted(file for file in (LOGS / tool).rglob("*") if file.is_file())


def check_losses(run, table, tolerance):
    """A log's own losses: some have validation losses too, which lie 0.01 above."""
    assert len(run.loss) == len(table)
    off = run.loss - table["loss"]
    assert min(np.abs(off).max(), np.abs(off - 0.01).max()) <= tolerance


@pytest.mark.parametrize(
    ("tool", "digits"),
    [(tool, 1e-9) for tool in (
        "comment", "fairseq", "hf", "jsonl", "lightning_adam", "lightning_adamw", "lightning_step", "llmc", "megatron",
        "pandasidx", "semicolon", "spaced", "tbcsv", "tsv", "wandb_chart", "wandb_hf_chart", "wandb_history",
    )],
)  # fmt: skip
@pytest.mark.parametrize("as_folder", [False, True])
def test_a_tools_logs_are_the_plain_ones(tool, digits, as_folder):
    read = laws.read([LOGS / tool] if as_folder else files(tool))
    runs = {run.name: run for run in read.runs}
    assert set(NAMES) <= set(runs) <= {*NAMES, "cosine_24000"}
    for name in NAMES:
        run, table = runs[name], plain(name)
        np.testing.assert_array_equal(run.step, table["step"])
        check_losses(run, table, digits)
        at = table["step"].astype(int) - 1
        expected = np.interp(at, table["step"], table["lr"])
        np.testing.assert_allclose(run.lr[at], expected, atol=1e-6 if tool == "llmc" else 1e-9)


@pytest.mark.parametrize("tool", WITHOUT_RATES)
def test_logs_without_rates_are_read_by_a_table(tool, tmp_path):
    with pytest.raises(ValueError, match="curve, schedule, peak"):
        laws.read(files(tool))
    lines = [f"{file},warmup(2160) >> hold(),3e-4,24000" for file in files(tool)]
    (tmp_path / "runs.csv").write_text("\n".join(["curve,schedule,peak,steps", *lines]) + "\n")
    read = laws.read([tmp_path / "runs.csv"])
    assert [run.name for run in read.runs] == list(NAMES)
    for run in read.runs:
        table = plain(run.name)
        np.testing.assert_array_equal(run.step, table["step"])
        check_losses(run, table, 1e-9)
        assert run.lr[2159:] == pytest.approx(3e-4, rel=1e-3)


@pytest.mark.parametrize("as_folder", [False, True])
def test_epochs_of_keras_need_their_length(as_folder):
    paths = [LOGS / "keras"] if as_folder else files("keras")
    with pytest.raises(ValueError, match="steps_per_epoch"):
        laws.read(paths)
    read = laws.read(paths, steps_per_epoch=140)
    assert [run.name for run in read.runs] == list(NAMES)
    for run in read.runs:
        table = plain(run.name)
        np.testing.assert_array_equal(run.step, 140 * np.arange(1, len(table) + 1))
        check_losses(run, table, 1e-9)
        np.testing.assert_allclose(run.lr[run.step.astype(int)[:-1]], table["lr"][:-1], rtol=1e-9)
