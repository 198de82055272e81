"""Other numbers of the optimizer beside the peak: their ranges, and that the best are found within the bound."""

import math
from dataclasses import replace
from unittest.mock import ANY

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import glideslope as gs
from glideslope.search.directory.run_directory import RunDirectory
from glideslope.search.directory.snapshot import Snapshot
from glideslope.search.strategy.also import Axis
from glideslope.views.tuned import answer
from tests.search.test_full_runs import Bowl


class Decayed(Bowl):
    """Ends lower the nearer its momentum and weight decay are to given ones, in their logarithms."""

    controls = frozenset({"momentum", "weight_decay"})

    def __init__(self, decay=0.03, momentum=0.95):
        super().__init__(0.1)
        self.best, self.numbers = (decay, momentum), (1.0, 0.0)

    def step(self, lr, momentum=0.0, weight_decay=1.0):
        self.numbers = weight_decay, momentum
        return super().step(lr)

    def evaluate(self):
        apart = math.log(self.numbers[0] / self.best[0]), math.log((1 - self.numbers[1]) / (1 - self.best[1]))
        return super().evaluate() + sum(0.1 * one**2 for one in apart)

    def state(self):
        return super().state(), self.numbers

    def restore(self, state):
        super().restore(state[0])
        self.numbers = state[1]


def test_the_numbers_are_found_and_the_full_run_has_them(tmp_path):
    plain = gs.tune(Decayed(), 400, overhead=2)
    memory = RunDirectory(tmp_path / "out", {"command": "tune"})
    job = Decayed()
    tuned = gs.tune(job, 400, overhead=2, also=["weight_decay=1e-3:0.3", "momentum"], memory=memory)
    memory.release()
    settings = dict(tuned.final.contestant.settings)
    assert settings["weight_decay"] == pytest.approx(0.03, rel=0.5)
    assert settings["momentum"] == pytest.approx(0.95, abs=0.02)
    assert job.numbers == (settings["weight_decay"], settings["momentum"])
    assert tuned.final_loss < plain.final_loss
    assert tuned.search_updates <= 800
    assert "weight_decay" in str(tuned.final.contestant)
    again = RunDirectory(tmp_path / "out", {"command": "tune"}, resume=True)
    resumed = gs.tune(Decayed(), 400, overhead=2, also=["weight_decay=1e-3:0.3", "momentum"], memory=again)
    again.release()
    assert resumed.final == tuned.final


class Batched(Bowl):
    """Ends lower the nearer its batch is to 128 examples."""

    controls = frozenset({"batch_size"})
    batch, examples = 32.0, 0.0

    def step(self, lr, batch_size=32.0):
        self.batch, self.examples = batch_size, self.examples + batch_size
        return super().step(lr)

    def evaluate(self):
        return super().evaluate() + math.log(self.batch / 128) ** 2

    def state(self):
        return super().state(), self.batch

    def restore(self, state):
        super().restore(state[0])
        self.batch = state[1]


def test_a_run_with_a_larger_batch_has_as_many_examples(tmp_path):
    job = Batched(0.1)
    tuned = gs.tune(job, 800, overhead=1, also=["batch_size=32:512"])
    [(name, size)] = tuned.final.contestant.settings
    assert (name, size % 32) == ("batch_size", 0)
    assert 96 <= size <= 128
    updates = int(800 * 32 // size)
    assert (job.batch, tuned.steps, len(tuned.final.losses)) == (size, updates, updates)
    tried = {dict(run.contestant.settings).get("batch_size", 0): run for run in tuned.candidates}
    examples = [size * run.steps for size, run in tried.items() if size]
    assert len(examples) == 3
    assert max(examples) <= 1.1 * min(examples)  # updates are whole ones
    assert tried[512].contestant.peak == pytest.approx(4 * tried[32].contestant.peak, rel=0.06)
    assert job.examples <= 32 * 2 * 800


def test_an_update_of_a_larger_batch_counts_by_its_examples(tmp_path):
    job = Batched(0.1)
    memory = RunDirectory(tmp_path / "out", {"command": "tune"})
    tuned = gs.tune(job, 800, overhead=3, also=["batch_size=32:512"], memory=memory)
    memory.release()
    last = tuned.full[-1]
    assert last.contestant.settings
    assert job.examples / 32 == pytest.approx(tuned.search_updates + last.cost, rel=0.01)
    assert tuned.search_updates <= 3 * 800
    updates = f"{tuned.search_updates:,} updates of the job's own batch"
    assert answer(tuned).cost.startswith(f"The search took as many examples as {updates}, 2.9")
    again = RunDirectory(tmp_path / "out", {"command": "tune"}, resume=True)
    assert gs.tune(Batched(0.1), 800, overhead=3, also=["batch_size=32:512"], memory=again) == replace(
        tuned, job=ANY, wasted=ANY
    )
    again.release()
    finished = Snapshot.of(tmp_path / "out").runs
    assert sum(run.cost for run in finished) == pytest.approx(tuned.search_updates + last.cost, rel=0.01)


def test_a_batch_size_that_is_not_the_jobs_own_or_grows_too_is_refused():
    with pytest.raises(gs.SearchError, match=r"has 8 examples.*batch_size=8:64"):
        gs.tune(least_squares(), 200, also=["batch_size=16:64"])
    with pytest.raises(gs.SearchError, match=r"has 16 examples.*batch_size=16:64"):
        gs.tune(least_squares(accumulate=2), 200, also=["batch_size=8:64"])
    with pytest.raises(gs.SearchError, match="sets the batch size itself"):
        gs.tune(Batched(0.1), 400, schedules=["cosine * growth(base=32, largest=64)"], also=["batch_size=32:64"])
    with pytest.raises(gs.SearchError, match="the shortest of 24 updates"):
        gs.tune(Batched(0.1), 300, schedules=["linear", "warmup(50) >> cosine"], also=["batch_size=32:64"])


def test_the_peak_of_a_larger_batch_is_by_the_optimizer_of_the_best_run():
    """The job's own takes gradients as they are, the one that entered last doesn't."""

    def job(seed, optimizer=None):
        return least_squares(torch.optim.AdamW if optimizer else torch.optim.SGD)

    tuned = gs.tune(job, 200, optimizers=["adamw"], also=["batch_size=8:32"], overhead=3)
    tried = {dict(run.contestant.settings).get("batch_size"): run.contestant for run in tuned.candidates}
    factor = {None: 4, "adamw": 2}[tried[32].optimizer]
    assert tried[32].optimizer is None
    assert tried[32].peak == pytest.approx(factor * tried[8].peak, rel=0.06)


@pytest.mark.parametrize("names", [("batch_size",), ["batch_size"], {"batch_size": 32}])
def test_the_controls_of_a_job_are_any_collection_of_names(names):
    job = Batched(0.1)
    job.controls = names
    assert gs.tune(job, 400, also=["batch_size=32:128"]).final.contestant.settings
    with pytest.raises(gs.SearchError, match="its step takes batch_size"):
        gs.tune(job, 400, also=["momentum"])


@pytest.mark.parametrize("names", ["batch_size", 3, [1, 2]])
def test_controls_that_are_not_names_are_refused(names):
    job = Batched(0.1)
    job.controls = names
    with pytest.raises(gs.JobError, match="give the names"):
        gs.tune(job, 400, also=["batch_size=32:128"])


def test_a_number_that_is_no_better_is_left_alone():
    class Indifferent(Decayed):
        def evaluate(self):
            return Bowl.evaluate(self)

    assert gs.tune(Indifferent(), 400, also=["momentum"]).final.contestant.settings == ()


def least_squares(optimizer=torch.optim.SGD, accumulate=1):
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 1)
    data = torch.randn(256, 4)
    data = torch.utils.data.TensorDataset(data, data.sum(1, keepdim=True) + torch.randn(256, 1))
    loader = torch.utils.data.DataLoader(data, batch_size=8, shuffle=True)
    loss = torch.nn.functional.mse_loss
    return gs.torch.Job(model, optimizer(model.parameters(), lr=0.1), loss, loader, loader, accumulate=accumulate)


def test_groups_without_weight_decay_keep_none():
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 1)
    groups = [{"params": [model.weight], "weight_decay": 0.01}, {"params": [model.bias], "weight_decay": 0.0}]
    data = torch.utils.data.TensorDataset(torch.randn(64, 4), torch.randn(64, 1))
    loader = torch.utils.data.DataLoader(data, batch_size=8)
    job = gs.torch.Job(model, torch.optim.AdamW(groups), torch.nn.functional.mse_loss, loader, loader)
    tuned = gs.tune(job, 200, also=["weight_decay=0.01:10"])
    decays = [group["weight_decay"] for group in job.optimizer.param_groups]
    assert decays == [dict(tuned.final.contestant.settings).get("weight_decay", 0.01), 0.0]


@given(st.floats(1e-6, 0.4), st.floats(1.1, 100))
def test_the_middle_of_a_range_is_that_of_its_logarithm(low, factor):
    values = Axis("weight_decay", low, low * factor).values
    assert values[1] == pytest.approx(low * math.sqrt(factor), rel=0.006)
    momenta = Axis("momentum", 0.5, 1 - 0.5 / factor).values
    assert 1 - momenta[1] == pytest.approx(0.5 / math.sqrt(factor), rel=0.006, abs=6e-4)


@given(st.floats(1e-9, 0.5), st.floats(1.01, 1e6))
def test_a_momentum_near_1_stays_under_it(least, factor):
    axis = Axis("momentum", 1 - min(least * factor, 0.99), 1 - least)
    for value in (axis.values[1], axis.at(axis.place(axis.high))):
        assert axis.low * 0.99 - 6e-4 < value < 1
    assert 1 - axis.at(axis.place(axis.high)) == pytest.approx(least, rel=0.06, abs=6e-4 if least > 1e-2 else 0)


@pytest.mark.filterwarnings("ignore:all .* runs of seed 0 gave the same losses")
def test_a_momentum_near_1_is_found():
    tuned = gs.tune(Decayed(momentum=0.9999), 400, overhead=2, also=["momentum=0.99:0.9999"])
    assert dict(tuned.final.contestant.settings) == {"momentum": 0.9999}


def test_a_range_without_a_middle_has_two_runs():
    runs = gs.tune(Batched(0.1), 400, overhead=2, also=["batch_size=32:64"]).candidates
    sizes = [dict(run.contestant.settings).get("batch_size") for run in runs]
    assert [sizes.count(size) for size in (32, 64)] == [1, 1]


@pytest.mark.parametrize(
    "text", ["batch_size=2:3", "batch_size=1.5:3", "batch_size",
             "weight_decay=", "weight_decay=1:0.1", "weight_decay=0:1", "momentum=0.5:1", "dropout", "batch_size=1:9",
             "=1:2", "weight_decay=nan:1", "weight_decay=1:inf", "momentum=a:b"],
)  # fmt: skip
def test_invalid_ranges_are_refused(text):
    with pytest.raises(gs.SearchError):
        gs.tune(Decayed(), 400, also=[text])


def test_a_job_that_cannot_set_it_and_a_number_named_twice_are_refused():
    with pytest.raises(gs.SearchError, match="momentum"):
        gs.tune(Bowl(0.1), 400, also=["momentum"])
    with pytest.raises(gs.SearchError, match="once"):
        gs.tune(Decayed(), 400, also=["momentum", "momentum=0.5:0.9"])


@given(st.integers(10, 2000), st.integers(2, 64))
def test_a_run_with_a_larger_batch_has_no_more_examples(steps, factor):
    """So a search doesn't pass its bound, which counts them."""
    axis = Axis("batch_size", 8, 8 * factor)
    for value in axis.values:
        updates, batch = axis.updates(value, steps), axis.batch(value)
        assert updates == 1 or steps - batch < updates * batch <= steps + 1e-6
