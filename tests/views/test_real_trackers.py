"""Runs are in the files that MLflow and W&B themselves write; skipped where these packages are missing."""

import socket
from pathlib import Path

import pytest

from tests.views.test_trackers import command

pytestmark = pytest.mark.slow
RACE = ("race", "quadratic.py:job", "--steps", "20", "--peaks", "0.1", "--schedules", "cosine", "--out", "out")
NAMES = {"cosine() at 0.1, 20 updates, seed 0", "constant() at 0.1, 20 updates, seed 0"}


def test_mlflow_has_each_run(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="mlflow isn't installed: pip install glideslope[mlflow]")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/runs.db")
    done = command(tmp_path, *RACE, "--log", "mlflow")
    assert done.returncode == 0, done.stderr
    assert "failed" not in done.stderr
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/runs.db")
    runs = client.search_runs([client.get_experiment_by_name("glideslope").experiment_id])
    assert {run.info.run_name for run in runs} == NAMES
    for run in runs:
        assert (run.info.status, run.data.tags["search"]) == ("FINISHED", "out")
        assert (run.data.params["peak"], run.data.params["steps"]) == ("0.1", "20")
        losses = client.get_metric_history(run.info.run_id, "train/loss")
        assert [point.step for point in losses] == list(range(1, 21))
        assert losses[0].value == 50.0
        assert run.data.metrics["validation/loss"] < 10


def test_a_server_that_is_down_is_named_before_the_search_begins(tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="mlflow isn't installed: pip install glideslope[mlflow]")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        server = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    done = command(tmp_path, *RACE, "--log", "mlflow")
    assert done.returncode == 2
    assert done.stderr.startswith(f"glideslope: --log mlflow can't be opened: {server} doesn't answer")
    assert not (tmp_path / "out").exists()


def test_wandb_has_each_run_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="wandb isn't installed: pip install glideslope[wandb]")
    monkeypatch.setenv("WANDB_MODE", "offline")
    done = command(tmp_path, *RACE, "--log", "wandb")
    assert done.returncode == 0, done.stderr
    assert "failed" not in done.stderr
    files = list((tmp_path / "out/wandb").glob("offline-run-*/*.wandb"))
    runs = [list(records(file)) for file in files]
    assert {next(one.run.display_name for one in run if one.HasField("run")) for run in runs} == NAMES
    for run in runs:
        begun = next(record.run for record in run if record.HasField("run"))
        assert (begun.project, begun.run_group) == ("glideslope", "out")
        assert {entry.key: entry.value_json for entry in begun.config.update}["peak"] == "0.1"
        history = [
            {item.key or item.nested_key[0]: float(item.value_json) for item in record.history.item}
            for record in run
            if record.HasField("history")
        ]
        assert [int(numbers["_step"]) for numbers in history] == list(range(1, 21))
        assert history[0]["train/loss"] == 50.0
        assert history[-1]["validation/loss"] < 10


def records(file: Path):
    """The records of a file of W&B: blocks of 32,768 bytes, in each pieces with a checksum, a length and a kind."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, place, whole = file.read_bytes(), 7, b""
    while place + 7 <= len(content):
        if (left := 32_768 - place % 32_768) < 7:
            place += left
            continue
        length, kind = int.from_bytes(content[place + 4 : place + 6], "little"), content[place + 6]
        whole += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            record = Record()
            record.ParseFromString(whole)
            yield record
            whole = b""
