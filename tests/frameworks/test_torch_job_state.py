"""The state of a torch job: where it is kept, what is in it, how often."""

import copy
import gc
import pickle
import random
import tempfile

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

import glideslope as gs
from tests.frameworks.torch_jobs import DATA, job_of, losses, network


def test_a_state_above_a_size_is_in_a_file_that_goes_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    in_memory, on_disk = job_of(network()), job_of(network(), memory=1000)
    files = []
    load = torch.load
    monkeypatch.setattr(torch, "load", lambda path, **options: (files.append(options), load(path, **options))[1])
    for job in (in_memory, on_disk):
        losses(job, 5)
        state = job.state()
        stored = pickle.loads(pickle.dumps(state))
        first = losses(job, 5)
        for each in (state, stored, state):
            job.restore(each)
            assert losses(job, 5) == first
    assert [options for options in files if options.get("mmap")] == [
        {"map_location": "cpu", "mmap": True, "weights_only": False}
    ]
    assert not list(tmp_path.glob("glideslope-*"))  # its name is gone at once, its bytes with the last tensor
    weights = state["model"]["0.weight"]
    del state, stored
    gc.collect()
    assert torch.isfinite(weights).all()


def test_a_state_that_no_folder_has_room_for_says_so(tmp_path, monkeypatch):
    def full(state, file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(gs.JobError, match=r"No space left on device; .*TMPDIR"):
        job_of(network(), memory=0).state()
    assert not list(tmp_path.glob("glideslope-*"))


def test_a_state_shares_nothing_with_the_training_and_keeps_tied_weights_once():
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6))
    model[2].weight = model[0].weight
    job = job_of(model, batch_loss=lambda model, batch: model(batch[0]).square().mean())
    losses(job, 2)
    state = job.state()
    kept = copy.deepcopy(state)
    assert state["model"]["0.weight"].data_ptr() == state["model"]["2.weight"].data_ptr()
    losses(job, 3)
    job.restore(state)
    losses(job, 3)
    for name, weight in kept["model"].items():
        assert torch.equal(weight, state["model"][name])
    for index, entry in kept["optimizer"]["state"].items():
        assert all(torch.equal(entry[name], state["optimizer"]["state"][index][name]) for name in entry)


def test_parameters_and_buffers_of_a_loss_function_are_restored():
    class Learned(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(3))
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, outputs, targets):
            if self.training and torch.is_grad_enabled():
                self.calls += 1
            return cross_entropy(outputs * self.scale, targets) * (1 + 0.1 * self.calls)

    model, loss = network(), Learned()
    optimizer = torch.optim.SGD([*model.parameters(), *loss.parameters()], lr=0.1)
    gs.check_job(job_of(model, optimizer, DataLoader(DATA, 8, shuffle=True), loss=loss), lr=0.05)


def test_a_search_keeps_one_initial_state_for_all_its_data_orders():
    class Watched(gs.torch.Job):
        taken = 0

        def state(self):
            self.taken += 1
            return super().state()

    def make():
        model = network()
        loader, optimizer = DataLoader(DATA, 8, shuffle=True), torch.optim.SGD(model.parameters(), lr=0.1)
        torch.manual_seed(5)
        return Watched(model, optimizer, cross_entropy, loader, DataLoader(DATA, 96))

    job = make()
    result = gs.race(job, ["linear", "cosine"], 12, [0.1], seeds=3)
    assert job.taken == 1
    assert result == gs.race(make(), ["linear", "cosine"], 12, [0.1], seeds=3)
    runs = [run for standing in result.standings for run in standing.runs]
    assert len({run.losses[0] for run in runs}) == 3  # the first batch, in each data order


class Augmented(torch.utils.data.Dataset):
    """Examples with noise from the global generators; counts those that are read, and may fail."""

    reads, fails = 0, False

    def __len__(self):
        return len(DATA)

    def __getitem__(self, index):
        if self.fails:
            raise OSError("no data")
        self.reads += 1
        inputs, targets = DATA[index]
        return inputs + 0.1 * torch.randn(()) + 0.1 * random.random(), targets


@pytest.mark.parametrize("before", [3, 12, 17])  # an epoch has 12
@pytest.mark.parametrize("shuffles", [True, False])
def test_batches_of_an_epoch_are_read_again_only_before_the_next_one(before, shuffles):
    torch.manual_seed(5)
    random.seed(5)
    data, generator = Augmented(), torch.Generator() if shuffles else None
    job = job_of(network(), train=DataLoader(data, 8, shuffle=shuffles, generator=generator))
    losses(job, before)
    state, loss = job.state(), job.evaluate()
    whole, reads = losses(job, 20), data.reads
    job.restore(state)
    again = job.state()
    assert job.evaluate() == loss
    assert data.reads == reads
    data.fails = True
    with pytest.raises(gs.JobError, match=r"the training loader failed in Augmented.__getitem__: OSError: no data"):
        job.step(0.01)
    data.fails = False
    assert losses(job, 20) == whole
    job.restore(again)
    assert losses(job, 20) == whole


@pytest.mark.parametrize(
    ("kind", "options"),
    [(torch.optim.SGD, {"momentum": 0.9}), (torch.optim.AdamW, {}), (torch.optim.Adam, {"amsgrad": True}),
     (torch.optim.RMSprop, {"momentum": 0.9, "centered": True}), (torch.optim.Adagrad, {}), (torch.optim.Adafactor, {}),
     (torch.optim.NAdam, {}), (torch.optim.ASGD, {}), (torch.optim.Rprop, {}), (torch.optim.Adadelta, {})],
)  # fmt: skip
def test_an_optimizers_state_that_lacks_a_part_is_refused_or_trains_on(kind, options):
    model = network()
    job = job_of(model, optimizer=kind(model.parameters(), lr=0.01, **options))
    losses(job, 3)
    whole, refused = job.state(), set()
    for name in [*whole["optimizer"]["state"][0], None]:
        state = copy.deepcopy(whole)
        if name is None:
            del state["optimizer"]["state"][0]
        else:
            del state["optimizer"]["state"][0][name]
        try:
            job.restore(state)
        except gs.JobError:
            refused.add(name)
        losses(job, 2)
    needed = set(whole["optimizer"]["state"][0]) if kind is not torch.optim.SGD else set()
    assert refused == needed | ({None} if kind is torch.optim.Adagrad else set())


def test_an_average_that_is_none_is_refused():
    job = job_of(network())
    state = job.state()
    for odd in (None, torch.ones(2), [], 0):
        with pytest.raises(gs.JobError, match="average"):
            job.restore(state | {"average": odd})


class Thawing(nn.Module):
    """Trains its first layer from the fourth update on, as its buffer counts them."""

    def __init__(self):
        super().__init__()
        self.inner = network()
        self.inner[0].requires_grad_(False)
        self.register_buffer("batches", torch.zeros((), dtype=torch.long))

    def forward(self, x):
        if self.training:
            self.batches += 1
            if self.batches == 4:
                self.inner[0].requires_grad_(True)
        return self.inner(x)


def test_what_is_frozen_is_restored():
    job = job_of(Thawing())
    states = [(job.state(), float(job.step(0.1))) for _ in range(8)]
    for i in (7, 0, 3, 4):
        job.restore(states[i][0])
        assert losses(job, 8 - i, lr=0.1) == [loss for _, loss in states[i:]]
    assert not torch.equal(job.model.inner[0].weight, network()[0].weight)
    state = states[0][0]
    job.restore({name: part for name, part in state.items() if name != "trained"})  # of an earlier version
    for damaged in ([True], "yes", [1] * 4):
        with pytest.raises(gs.JobError, match="a bool for each of 4 parameters"):
            job.restore({**state, "trained": damaged})
