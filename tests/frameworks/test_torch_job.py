"""A restored torch job repeats its losses bit for bit."""

import io
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset, RandomSampler, Sampler, TensorDataset

import glideslope as gs


class Noisy(Dataset):
    """Augments with NumPy's global generator and with one of its own."""

    def __init__(self):
        self.inputs = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
        self.generator = np.random.default_rng(0)

    def __len__(self):
        return 40

    def __getitem__(self, i):
        noise = np.random.randn(6) + self.generator.normal(size=6)
        return self.inputs[i] + 0.1 * torch.tensor(noise, dtype=torch.float32), self.inputs[i, :1]


def make(scaler=None, **loading):
    torch.manual_seed(0)
    np.random.seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 1))
    loading = {"batch_size": 8, "shuffle": True} | loading
    train, validation = DataLoader(Noisy(), **loading), DataLoader(Noisy(), batch_size=20, shuffle=True)
    return gs.torch.Job(
        model, torch.optim.AdamW(model.parameters()), nn.MSELoss(), train, validation, scaler=scaler
    )  # fmt: skip


def losses(job, n):
    return [float(job.step(0.01)) for _ in range(n)]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("before", [0, 3, 5, 7])  # an epoch is 5 updates
def test_restore_is_exact(workers, before):
    job = make(num_workers=workers)
    losses(job, before)
    state = job.state()
    first = losses(job, 8)
    for _ in range(2):
        job.restore(state)
        assert losses(job, 8) == first
    assert len(set(first)) == 8


def test_restore_is_exact_with_scaler_and_own_batches():
    dataset = Noisy()
    batches = BatchSampler(RandomSampler(dataset, generator=torch.Generator().manual_seed(3)), 8, drop_last=False)
    job = make(torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=3), shuffle=False)
    job2 = make(batch_sampler=batches, batch_size=1, shuffle=False)
    for each in (job, job2):
        losses(each, 4)
        state = each.state()
        first = losses(each, 9)
        each.restore(state)
        assert losses(each, 9) == first


def test_state_survives_a_file_without_pickle_and_a_new_process_s_job():
    job = make()
    losses(job, 7)
    file = io.BytesIO()
    torch.save(job.state(), file)
    first = losses(job, 6)
    file.seek(0)
    other = make()
    other.restore(torch.load(file, weights_only=True))
    assert losses(other, 6) == first


def test_evaluating_changes_nothing():
    undisturbed = losses(make(), 9)
    job, found = make(), []
    for _ in range(3):
        job.evaluate()
        found += losses(job, 3)
    assert found == undisturbed
    assert job.model.training


def test_reseeding_changes_the_order_only():
    job = make()
    weights = [p.clone() for p in job.model.parameters()]
    state = job.state()
    first = losses(job, 5)
    job.restore(state)
    job.reseed(1)
    assert all(torch.equal(a, b) for a, b in zip(weights, job.model.parameters(), strict=True))
    assert losses(job, 5) != first


def test_skipped_updates_are_not_updates():
    job = make(torch.amp.GradScaler("cpu", init_scale=2.0**127))
    before = [p.clone() for p in job.model.parameters()]
    job.step(0.01)
    assert any(not torch.equal(a, b) for a, b in zip(before, job.model.parameters(), strict=True))


def test_groups_keep_their_proportions():
    a, b = nn.Linear(2, 2), nn.Linear(2, 2)
    optimizer = torch.optim.SGD([{"params": a.parameters(), "lr": 0.1}, {"params": b.parameters(), "lr": 0.01}])
    loader = DataLoader(TensorDataset(torch.ones(4, 2), torch.ones(4, 2)), batch_size=2)
    job = gs.torch.Job(nn.Sequential(a, b), optimizer, nn.MSELoss(), loader, loader)
    job.step(0.5)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.5, 0.05])


class Stream(IterableDataset):
    def __iter__(self):
        return iter([(torch.ones(2), torch.ones(1))] * 4)


class Wandering(Sampler):
    count = 0

    def __iter__(self):
        self.count += 1
        return iter([self.count % 40] * 10)

    def __len__(self):
        return 10


@pytest.mark.parametrize(
    ("loader", "says"),
    [
        (lambda: DataLoader(Stream(), batch_size=2), "IterableDataset"),
        (lambda: DataLoader(Noisy(), num_workers=1, persistent_workers=True), "persistent_workers"),
        (lambda: iter(DataLoader(Noisy())), "iterator"),
        (lambda: DataLoader(Noisy(), sampler=Wandering()), "another order"),
        (lambda: DataLoader(TensorDataset(torch.ones(0, 6))), "empty"),
    ],
)
def test_loaders_that_cannot_be_restored_are_refused(loader, says):
    model = nn.Linear(6, 1)
    with pytest.raises(gs.JobError) as error:
        gs.torch.Job(
            model, torch.optim.SGD(model.parameters()), nn.MSELoss(), loader(), DataLoader(Noisy(), batch_size=8)
        )
    assert says in str(error.value)


def test_an_inexact_restore_is_warned_of():
    class Forgetful(gs.torch.Job):
        def restore(self, state):
            pass

    model = nn.Linear(6, 1)
    loader = DataLoader(Noisy(), batch_size=8)
    job = Forgetful(model, torch.optim.SGD(model.parameters()), nn.MSELoss(), loader, loader)
    with pytest.warns(UserWarning, match="isn't exact"):
        gs.find(job, steps=10, sweeps=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gs.find(make(), steps=10, sweeps=1)


@pytest.mark.parametrize("batch_size", [None, 40])
def test_estimate_measures_batches_spread_over_sorted_data_and_changes_nothing(batch_size):
    inputs, targets = torch.ones(4000, 1), torch.arange(4000.0)[:, None]  # sorted: the first batches say nothing
    data = TensorDataset(inputs, targets)
    if batch_size is None:
        validation = DataLoader(data, batch_size=None, sampler=BatchSampler(range(4000), 40, drop_last=False))
    else:
        validation = DataLoader(data, batch_size=batch_size)
    model = torch.nn.Linear(1, 1)
    train = DataLoader(data, batch_size=10, shuffle=True)
    job = gs.torch.Job(model, torch.optim.SGD(model.parameters(), lr=0.1), torch.nn.L1Loss(), train, validation)
    before = torch.get_rng_state()
    # One update of 10 examples costs less than the fewest examples an estimate may have: 512, in 13 batches of 40.
    batches = [(2 * i + 1) * 100 // 26 for i in range(13)]
    expected = sum(job.loss(model(inputs[40 * b : 40 * b + 40]), targets[40 * b : 40 * b + 40]) for b in batches) / 13
    assert job.estimate(1) == pytest.approx(expected.item(), rel=1e-6)
    assert job.estimate(1) == pytest.approx(job.evaluate(), rel=0.1)
    assert job.estimate(4000) == job.evaluate()
    assert torch.equal(before, torch.get_rng_state())
