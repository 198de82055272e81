"""Contestants besides schedules: optimizers by name, averages of weights, batch growth, a guard."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from typer.testing import CliRunner

import glideslope as gs
from glideslope.averages import Average
from glideslope.cli import app
from glideslope.policy import as_policy
from glideslope.search.runs.contestant import Contestant, Run
from glideslope.search.trials import Trials


def make(seed=0, optimizer=None, norm=False):
    torch.manual_seed(seed)
    x = torch.randn(256, 6)
    y = (x @ torch.arange(6.0) > 0).long()
    model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16) if norm else nn.Identity(), nn.ReLU(), nn.Linear(16, 2))
    return gs.torch.Job(
        model,
        gs.torch.automatic(optimizer or "sgd", model.parameters(), lr=1.0),
        nn.CrossEntropyLoss(),
        DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True),
        DataLoader(TensorDataset(x[:64], y[:64]), batch_size=64),
    )


NAMES = [
    "adagrad", "rmsprop", "adadelta", "adam", "adamw", "nadam", "radam", "sgd", "momentum", "schedule-free",
    "schedule-free-sgd", "schedule-free-radam", "prodigy", "d-adaptation", "d-adaptation-sgd", "d-adaptation-adagrad",
    "lion",
]  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name.startswith("d-") else ()) for name in NAMES]
)
def test_every_optimizer_trains_in_a_job_that_keeps_its_promises(name):
    job = make(optimizer=name)
    slow = name.startswith("d-")  # its estimate of the rate begins at a millionth
    gs.check_job(job, lr=1.0 if slow else 0.01, steps=200 if slow else 5)
    before, updates = job.evaluate(), 400 if slow else 60
    for t in range(updates):
        job.step((1 - t / updates) * (1.0 if slow or name in ("prodigy", "adadelta") else 0.1))
    assert job.evaluate() < before


def test_a_schedule_free_optimizer_is_measured_by_its_own_weights():
    for norm in (False, True):
        job = make(optimizer="schedule-free", norm=norm)
        for _ in range(30):
            job.step(0.05)
        trained = {name: value.clone() for name, value in job.model.state_dict().items()}
        found = job.evaluate()
        for name, value in job.model.state_dict().items():
            assert torch.equal(value, trained[name]), name  # to the last bit, though the switch interpolates
        assert job.optimizer.param_groups[0]["train_mode"]
        if not norm:
            job.optimizer.eval()
            x, y = job.validation_loader.dataset.tensors
            with torch.no_grad():
                assert found == pytest.approx(nn.functional.cross_entropy(job.model(x), y).item(), rel=1e-5)


def test_unknown_and_missing_optimizers(monkeypatch):
    with pytest.raises(gs.JobError, match=r"unknown optimizer 'adagrd' \(did you mean 'adagrad'"):
        gs.torch.automatic("adagrd", [])
    with pytest.raises(gs.JobError, match="momentun"):
        gs.torch.automatic("adagrad", [nn.Parameter(torch.ones(1))], momentun=1)
    monkeypatch.setitem(__import__("sys").modules, "prodigyopt", None)
    with pytest.raises(gs.JobError, match=r"pip install .*automatic"):
        gs.torch.automatic("prodigy", [nn.Parameter(torch.ones(1))])


def test_muon_is_torch_s_and_for_matrices():
    model = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 2))
    matrices = [parameter for parameter in model.parameters() if parameter.ndim == 2]
    optimizer = gs.torch.automatic("muon", matrices, lr=0.02, weight_decay=0.0)
    assert type(optimizer) is torch.optim.Muon
    before = matrices[0].detach().clone()
    model(torch.ones(3, 4)).square().mean().backward()
    optimizer.step()
    # Newton-Schulz leaves singular values near 1 where the gradient has any: here it is of rank one.
    moved = torch.linalg.svdvals(before - matrices[0].detach()) / (0.02 * (6 / 4) ** 0.5)
    assert 0.6 < moved[0] < 1.3
    with pytest.raises(gs.JobError, match=r"muon: .*2D.*: give it the matrices .* the other parameters to adamw"):
        gs.torch.automatic("muon", model.parameters())
    with pytest.raises(gs.JobError, match=r"muon: Learning rate should be >= 0"):
        gs.torch.automatic("muon", matrices, lr=-1.0)


def test_lion_is_as_its_paper_has_it():
    """Chen et al. 2023, algorithm 2: the sign of β1·m + (1 - β1)·g, decoupled weight decay, m by β2."""
    weight = nn.Parameter(torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64))
    optimizer = gs.torch.automatic("lion", [weight], lr=0.1, betas=(0.9, 0.99), weight_decay=0.01)
    scheduler = gs.torch.Scheduler(optimizer, "linear", steps=10)
    w, m = weight.detach().numpy().copy(), np.zeros(3)
    for t in range(8):
        g, lr = 2 * w - 1, 0.1 * (1 - t / 10)
        optimizer.zero_grad()
        (weight.square() - weight).sum().backward()
        optimizer.step()
        scheduler.step()
        w = w * (1 - lr * 0.01) - lr * np.sign(0.9 * m + 0.1 * g)
        m = 0.99 * m + 0.01 * g
        np.testing.assert_allclose(weight.detach().numpy(), w, rtol=1e-9)


def test_averages_are_torchs():
    for kind, amount in (("ema", 0.9), ("swa", 0.5)):
        job = make(norm=True)
        job.average(kind, amount)
        weights = []
        for _ in range(6):
            job.step(0.1)
            weights.append(job.model[0].weight.detach().clone())
        expected = weights[0]
        for weight in weights[1:]:
            expected = 0.9 * expected + 0.1 * weight
        if kind == "swa":
            expected = torch.stack(weights).mean(0)
        torch.testing.assert_close(job._average.model[0].weight.detach(), expected)
        state, losses = job.state(), []
        for _ in range(2):
            job.restore(state)
            losses.append([float(job.step(0.1)), job.evaluate_average(), job.evaluate(), float(job.step(0.1))])
        assert losses[0] == losses[1]
        assert losses[0][1] != losses[0][2]
        gs.check_job(job, lr=0.01)


def test_texts_of_averages():
    assert [str(Average.read(text)) for text in ("ema(0.999)", "ema", "swa( 50% )", "swa(0.8)")] == [
        "ema(0.999)", "ema(0.99)", "swa(50%)", "swa(80%)",
    ]  # fmt: skip
    for wrong in ("sma", "ema(1)", "swa(0%)", "ema(x)"):
        with pytest.raises(gs.SearchError):
            Average.read(wrong)


def test_a_batch_of_several_is_the_update_of_the_whole():
    small, large = make(), make()
    large.train_loader.batch_sampler.batch_size = 16
    data = small.train_loader.dataset
    large = gs.torch.Job(
        large.model, large.optimizer, large.loss, DataLoader(data, batch_size=64), large.validation_loader
    )
    small = gs.torch.Job(
        small.model, small.optimizer, small.loss, DataLoader(data, batch_size=16), small.validation_loader
    )
    for _ in range(6):
        assert float(small.step(0.1, batch_size=64)) == pytest.approx(float(large.step(0.1)), rel=1e-5)
    for ours, theirs in zip(small.model.parameters(), large.model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)
    with pytest.raises(gs.JobError, match="multiple=16"):
        small.step(0.1, batch_size=40)


def test_growth_in_a_run():
    trials = Trials(make)
    growth = as_policy("linear() * growth(base=16, largest=64, multiple=16)").value
    run = trials.run(Contestant(growth, 0.2), 100, stage="", evaluations=4)
    sizes, factors, _ = gs.batches.growth(gs.linear(), 16, 64, 16).plan(100)
    np.testing.assert_allclose(run.curve[0], 0.2 * factors)
    assert len(run.losses) == len(sizes) < 100
    assert run.cost == 100
    assert Run.remembered(run.plain()).contestant == run.contestant

    class Plain:
        def __init__(self):
            self.w = 1.0

        def step(self, lr):
            self.w -= lr * self.w
            return self.w

        def evaluate(self):
            return self.w

        def state(self):
            return self.w

        def restore(self, state):
            self.w = state

    plain = Trials(Plain())
    with pytest.raises(gs.SearchError, match="sets batch_size, which this job can't"):
        plain.run(Contestant(growth, 0.2), 100, stage="")
    with pytest.raises(gs.SearchError, match="no average"):
        plain.run(Contestant(gs.constant(), 0.2, average=Average("ema", 0.9)), 100, stage="")
    with pytest.raises(gs.SearchError, match="needs a function"):
        plain.run(Contestant(gs.constant(), 0.2, optimizer="adagrad"), 100, stage="")
    with pytest.raises(gs.JobError, match="takes no optimizer"):
        Trials(lambda seed: make(seed)).run(Contestant(gs.constant(), 0.2, optimizer="adagrad"), 100, stage="")


def test_a_race_with_every_kind():
    raced = gs.race(
        make, ["linear", "hold() * guard()", "linear * growth(base=16, largest=32, multiple=16)"], 20, [0.05, 0.2],
        optimizers=["adagrad", "prodigy", "schedule-free"], averages=["ema(0.9)"], evaluations=3,
    )  # fmt: skip
    names = [standing.contestant.name for standing in raced.standings]
    assert len(names) == len({str(standing.contestant) for standing in raced.standings})
    # Four schedules: two rates and two ways of measuring, alone and with adagrad; one rate with prodigy.
    assert len(names) == 4 * (4 + 4 + 2 + 2)
    assert all(math.isfinite(standing.mean) for standing in raced.standings)
    assert raced.constant.contestant.optimizer is None
    assert raced.constant.contestant.average is None
    again = gs.race(make, ["linear"], 20, [0.05], optimizers=["adagrad"], evaluations=3)
    first = {str(s.contestant): s.mean for s in raced.standings}
    assert all(s.mean == first[str(s.contestant)] for s in again.standings)  # whatever ran before


def test_tune_chooses_among_all_and_protects_the_full_run():
    tuned = gs.tune(
        make, 400, schedules=["linear", "hold() * plateau(patience=2)"], optimizers=["prodigy", "adagrad"],
        averages=["swa(50%)"], guard=gs.guard(),
    )  # fmt: skip
    assert tuned.search_updates <= 800
    tried = {(run.contestant.optimizer, str(run.contestant.average)) for run in tuned.candidates}
    assert {("prodigy", "None"), ("adagrad", "None"), (None, "swa(50%)")} <= tried
    assert "guard()" in str(tuned.schedule)
    longest = max(run.steps for run in tuned.candidates)
    finalists = [run for run in tuned.candidates if run.steps == longest]
    best = min(finalists, key=lambda run: run.final_loss).contestant
    assert (tuned.final.contestant.optimizer, tuned.final.contestant.average) == (best.optimizer, best.average)
    measured = tuned.job.evaluate_average() if best.average else tuned.job.evaluate()
    assert measured == tuned.final_loss
    with pytest.raises(gs.FeedbackError, match="two guards"):
        gs.tune(make, 300, schedules=["hold * guard"], guard=gs.guard())
    with pytest.raises(gs.SearchError, match="no schedules"):
        gs.tune(make, 300, schedules=[])


def test_events_are_in_the_report_and_the_result(tmp_path):
    file = tmp_path / "jobs.py"
    file.write_text(
        "import math\n"
        "class Job:\n"
        "    def __init__(self): self.w, self.made, self.drawn = 10.0, 0, 0\n"
        "    def step(self, lr):\n"
        "        self.drawn += 1\n"
        "        loss = math.nan if self.drawn == 70 else self.w**2 / 2 + 0.1 * math.sin(self.drawn)\n"
        "        self.w -= lr * (self.w if loss == loss else loss)\n"
        "        return loss\n"
        "    def skip(self): self.drawn += 1\n"
        "    def evaluate(self): return self.w**2 / 2\n"
        "    def state(self): return [self.w, self.drawn]\n"
        "    def restore(self, state): self.w, self.drawn = state\n"
        "def job(seed): return Job()\n"
    )
    out = tmp_path / "out"
    done = CliRunner().invoke(app, [
        "race", f"{file}:job", "--schedules", "linear * guard; linear", "--peaks", "0.1", "--steps", "100",
        "--out", str(out), "--json",
    ])  # fmt: skip
    assert done.exit_code == 0, done.output
    result = json.loads((out / "result.json").read_text())
    [event] = result["events"]
    assert (event["update"], event["kind"], event["back_to"], event["skipped"]) == (69, "not finite", 50, True)
    losses = {c["schedule"]: c["final_loss"] for c in result["candidates"]}
    assert losses["linear()"] is None
    assert losses["linear() * guard()"] < 1
    report = (out / "report.html").read_text()
    assert "Where the training was being lost" in report
    assert "skipped" in report


def test_what_cannot_run_is_refused_before_anything_runs():
    memory = {}
    for options, error, match in (
        ({"optimizers": ["adagrd"]}, gs.JobError, "did you mean"),
        ({"schedules": ["linear", "linear * growth(base=24, largest=48)"]}, gs.JobError, "multiple=16"),
        ({"schedules": ["linear", "linear * plateau() * greedy(mode=max)"]}, gs.SearchError, "leave out mode=max"),
    ):
        with pytest.raises(error, match=match):
            gs.race(make, **{"schedules": ["linear"], **options}, peaks=[0.1], steps=20, memory=memory)
    with pytest.raises(gs.JobError, match="takes no optimizer"):
        gs.race(lambda seed: make(seed), ["linear"], 20, [0.1], optimizers=["adagrad"], memory=memory)
    with pytest.raises(gs.SearchError, match="a loss, or the negative of a metric to maximize"):
        gs.tune(make, 100, schedules=["linear * plateau(mode=max)"], memory=memory)
    assert not memory


@pytest.mark.parametrize("average", [Average("ema", 0.9999999), Average("ema", 1e-9), Average("swa", 0.123456789)])
def test_an_average_is_its_text(average):
    assert Average.read(str(average)) == average


def test_averaged_weights_are_measured_on_the_data_that_the_others_are():
    job = make()
    job.average("ema", 1e-9)  # the weights themselves
    for _ in range(5):
        job.step(0.1)
    assert job.evaluate_average(1) == pytest.approx(job.estimate(1))
    assert job.evaluate_average() == pytest.approx(job.evaluate())
    assert str(as_policy("growth(base=8, largest=16)").value) == "constant() * growth(base=8, largest=16)"
