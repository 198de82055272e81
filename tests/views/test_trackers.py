"""Runs go to trackers: TensorBoard really, the others as their libraries are called."""

import math
import subprocess
import sys
import types

import numpy as np
import pytest

import glideslope as gs
from glideslope.views.trackers import Tracked, of_run, of_sweep, sink_of
from tests.views.results import run

LOSSES = np.linspace(3.0, 1.0, 2500)
RUN = Tracked("cosine() at 0.1 <x>/../y", {"peak": 0.1}, np.linspace(0.1, 0, 2500), LOSSES, ((1250, 2.5), (2500, 1.5)))
JOB = """
class Quadratic:
    def __init__(self): self.w = 10.0
    def step(self, lr):
        loss = self.w**2 / 2
        self.w -= lr * self.w
        return loss
    def evaluate(self): return self.w**2 / 2
    def state(self): return self.w
    def restore(self, state): self.w = state
def job(seed): return Quadratic()
"""


def test_a_run_is_thinned_and_has_finite_numbers_alone():
    steps = dict(RUN.steps())
    assert list(steps) == sorted(steps)
    assert len([numbers for numbers in steps.values() if "train/loss" in numbers]) == 1000
    assert steps[1]["train/loss"] == 3.0
    assert steps[2500] == {"train/loss": 1.0, "lr": 0.0, "validation/loss": 1.5}
    assert steps[1250]["validation/loss"] == 2.5
    lost = of_run(run("constant", 9.0, 1.0, lost=True), "race")
    assert all(math.isfinite(value) for _, numbers in lost.steps() for value in numbers.values())
    assert lost.settings["schedule"] == "constant()"
    assert lost.settings["stage"] == "race"
    assert not list(Tracked("empty", {}, np.array([]), np.array([])).steps())


def test_a_sweep_is_a_run():
    from tests.views.results import Quadratic

    sweep = gs.find(Quadratic()).sweeps[0]
    sent = dict(of_sweep(sweep, 1).steps())
    assert sent[1]["lr"] == pytest.approx(1e-5)
    assert len(sent) == len(sweep.losses)


def test_tensorboard_reads_what_is_written(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    sink = sink_of("tensorboard")(tmp_path / "out")
    sink.send(RUN)
    sink.send(RUN)
    files = sorted((tmp_path / "out/tensorboard").rglob("events.*"))
    assert len(files) == 2
    assert not list(tmp_path.glob("y"))
    events = EventAccumulator(str(files[0]), size_guidance={"scalars": 0})
    events.Reload()
    assert set(events.Tags()["scalars"]) == {"train/loss", "lr", "validation/loss"}
    assert [(one.step, one.value) for one in events.Scalars("validation/loss")] == [(1250, 2.5), (2500, 1.5)]
    sent = dict(RUN.steps())
    for one in events.Scalars("train/loss"):
        assert one.value == pytest.approx(sent[one.step]["train/loss"], rel=1e-6)
    assert len(events.Scalars("lr")) == 1000


def test_wandb_is_called_for_each_run(tmp_path, monkeypatch):
    """As wandb 0.31 is called: init(...), Run.log(data, step), Run.finish()."""
    begun, logged, ended = [], [], []

    class Sent:
        def log(self, data, step=None, commit=None):
            logged.append((step, data))

        def finish(self, exit_code=None):
            ended.append(exit_code)

    def init(*, project, group, name, config, reinit, dir, settings):
        begun.append((project, group, name, config, reinit, dir))
        return Sent()

    fake = types.ModuleType("wandb")
    fake.init, fake.Settings = init, lambda silent, console: (silent, console)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    monkeypatch.delitem(sys.modules, "glideslope.views.trackers.to_wandb", raising=False)
    sink = sink_of("wandb")(tmp_path / "out")
    sink.send(RUN)
    assert begun == [("glideslope", "out", RUN.name, RUN.settings, "create_new", str(tmp_path / "out"))]
    assert logged == list(RUN.steps())
    assert ended == [None]
    monkeypatch.delitem(sys.modules, "glideslope.views.trackers.to_wandb")


def test_mlflow_is_called_for_each_run(tmp_path, monkeypatch):
    """As mlflow 3 is called; no more than a thousand numbers at once."""
    batches, ended = [], []

    class Client:
        def get_experiment_by_name(self, name):
            return None

        def create_experiment(self, name, artifact_location=None, tags=None):
            assert name == "glideslope"
            return "7"

        def create_run(self, experiment_id, start_time=None, tags=None, run_name=None):
            assert (experiment_id, tags, run_name) == ("7", {"search": "out"}, RUN.name)
            return types.SimpleNamespace(info=types.SimpleNamespace(run_id="r"))

        def log_batch(self, run_id, metrics=(), params=(), tags=(), synchronous=None):
            batches.append((list(metrics), list(params)))

        def set_terminated(self, run_id, status=None, end_time=None):
            ended.append(run_id)

    fake, entities = types.ModuleType("mlflow"), types.ModuleType("mlflow.entities")
    fake.MlflowClient, fake.get_tracking_uri = Client, lambda: "sqlite:///runs.db"
    entities.Metric = lambda key, value, timestamp, step: (step, key, value)
    entities.Param = lambda key, value: (key, value)
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    monkeypatch.setitem(sys.modules, "mlflow.entities", entities)
    monkeypatch.delitem(sys.modules, "glideslope.views.trackers.to_mlflow", raising=False)
    sink_of("mlflow")(tmp_path / "out").send(RUN)
    assert batches[0] == ([], [("peak", "0.1")])
    assert max(len(metrics) for metrics, _ in batches) <= 1000
    sent = [(step, name, value) for step, numbers in RUN.steps() for name, value in numbers.items()]
    assert [number for metrics, _ in batches for number in metrics] == sent
    assert ended == ["r"]
    monkeypatch.delitem(sys.modules, "glideslope.views.trackers.to_mlflow")


def test_what_is_missing_or_unknown_is_named(monkeypatch):
    with pytest.raises(gs.GlideslopeError, match="--log comet: known are wandb, tensorboard, mlflow"):
        sink_of("comet")
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.delitem(sys.modules, "glideslope.views.trackers.to_wandb", raising=False)
    with pytest.raises(gs.GlideslopeError, match=r'needs wandb, .* pip install "glideslope\[wandb\]"'):
        sink_of("wandb")


def command(folder, *args, before=""):
    (folder / "quadratic.py").write_text(JOB)
    code = f"{before}\nfrom glideslope.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *args], cwd=folder, capture_output=True, text=True, check=False)


def test_the_command_sends_each_run(tmp_path):
    done = command(tmp_path, "race", "quadratic.py:job", "--steps", "20", "--peaks", "0.1", "--schedules", "cosine",
                   "--log", "tensorboard", "--out", "out")  # fmt: skip
    assert done.returncode == 0, done.stderr
    names = {path.name.partition(" ")[2] for path in (tmp_path / "out/tensorboard").glob("*/*")}
    assert names == {"cosine() at 0.1, 20 updates, seed 0", "constant() at 0.1, 20 updates, seed 0"}
    assert len(done.stderr.strip().splitlines()) == 1
    refused = command(tmp_path, "find", "quadratic.py:job", "--log", "comet", "--out", "other")
    assert refused.returncode == 2
    assert refused.stderr.strip() == "glideslope: --log comet: known are wandb, tensorboard, mlflow"
    assert not (tmp_path / "other").exists()


def test_a_tracker_that_fails_does_not_end_the_search(tmp_path):
    before = """
import glideslope.views.trackers.to_tensorboard as to
def send(self, run): raise ConnectionError("no route")
to.Sink.send = send"""
    done = command(tmp_path, "find", "quadratic.py:job", "--log", "tensorboard", "--out", "out", before=before)
    assert done.returncode == 0
    assert "--log tensorboard failed, so no more runs are sent: ConnectionError: no route" in done.stderr
    assert done.stderr.count("no route") == 1
    assert "Peak to try" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "storage", ["nonsense", "sqlite:////nowhere/at/all/runs.db", "sqlite://", "sqlite:///:memory:"]
)
def test_a_storage_that_can_not_be_opened_is_named_before_the_search_begins(tmp_path, storage):
    pytest.importorskip("optuna", reason="optuna isn't installed: pip install glideslope[optuna]")
    done = command(tmp_path, "race", "quadratic.py:job", "--steps", "20", "--peaks", "0.1", "--schedules", "cosine",
                   "--storage", storage, "--out", "out")  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(f"glideslope: --storage {storage} can't be opened: ")
    assert "Background on this error" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
