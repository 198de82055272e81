"""Estimates by the same part of the validation data each time: what is read again, and what is kept."""

from collections import namedtuple

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

import glideslope as gs
from glideslope.frameworks.torch.job import parts

BATCH = 50
SIZES = {"a part": (2000, 500), "all of it": (400, 400)}  # of the data, and of an estimate: at least about 512


class Counted(Dataset):
    """Numbers, with noise, and the indices that were read; `wrap` makes the examples."""

    def __init__(self, size, noise=0.0, wrap=lambda values: values):
        self.values = torch.randn(size, 3, generator=torch.Generator().manual_seed(0))
        self.noise, self.wrap, self.shift, self.read = noise, wrap, 0.0, []

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        self.read.append(index)
        return self.wrap(self.values[index] + self.shift + self.noise * torch.randn(3))


def squares(model, batch):
    values = batch
    while not isinstance(values, torch.Tensor):
        values = values["x"] if isinstance(values, dict) else values[0]
    return model(values).square().mean()


def job_of(data, batch_loss=squares, **options):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 1))
    train, validation = DataLoader(torch.randn(64, 3), 8, shuffle=True), DataLoader(data, BATCH, **options)
    optimizer = torch.optim.SGD(model.parameters())
    return gs.torch.Job(model, optimizer, train_loader=train, validation_loader=validation, batch_loss=batch_loss)


def estimates(job, number=4, before=lambda: None):
    values = []
    for _ in range(number):
        before()
        values.append(job.estimate(1))
        job.step(0.05)
    return values


@pytest.mark.parametrize(("size", "of"), SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("shuffle", [False, True])
def test_data_that_stay_the_same_are_read_twice(size, of, shuffle):
    data = Counted(size)
    made = estimates(job_of(data, shuffle=shuffle))
    assert len(data.read) == 2 * of
    assert data.read[:of] == data.read[of:]
    other, expected = job_of(Counted(size), shuffle=shuffle), []
    for _ in made:
        other.model.eval()
        with torch.no_grad():
            expected.append(squares(other.model, data.values[data.read[:of]]).item())
        other.model.train()
        other.step(0.05)
    assert made == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("workers", [0, 1])
def test_what_is_drawn_at_random_is_drawn_the_same_whenever_it_is_read(workers):
    made = estimates(job_of(Counted(2000, noise=1.0), num_workers=workers))
    again = job_of(Counted(2000, noise=1.0), num_workers=workers)
    later = []
    for i in range(4):
        later += [again.estimate(1)] if i in (1, 3) else []  # as in a search that goes on in another process
        again.step(0.05)
    assert later == [made[1], made[3]]
    assert made[0] != estimates(job_of(Counted(2000)), 1)[0]


def test_data_that_change_are_read_each_time():
    data = Counted(2000)
    job = job_of(data)

    def change():
        data.shift += 1.0

    made = estimates(job, 4, change)
    assert len(data.read) == 4 * 500
    other = Counted(2000)
    other.shift = 4.0
    assert made[-1] == estimates(job_of(other))[-1]


def test_a_network_that_writes_into_its_inputs_changes_no_later_estimate():
    def writes(model, batch):
        return model(batch.mul_(2.0)).square().mean()

    data = Counted(2000)
    job = job_of(data, writes)
    assert len({job.estimate(1) for _ in range(5)}) == 1
    assert len(data.read) == 2 * 500


def test_more_than_is_kept_is_read_each_time(monkeypatch):
    small = estimates(job_of(Counted(2000)))
    monkeypatch.setattr(parts, "_KEPT", 500)
    data = Counted(2000)
    assert estimates(job_of(data)) == small
    assert data.read.count(data.read[-1]) == 4


Pair = namedtuple("Pair", "x y")


@pytest.mark.parametrize(
    ("wrap", "is_kept"),
    [
        (lambda x: (x, 1), True),
        (lambda x: {"x": x, "name": "a"}, True),
        (lambda x: [(x, torch.zeros(2))], True),
        (lambda x: Pair(x, x), True),
        (lambda x: (x, x * float("nan")), False),  # not equal to itself
    ],
)
def test_batches_of_tensors_and_plain_data_are_kept(wrap, is_kept):
    data = Counted(2000, wrap=wrap)
    made = estimates(job_of(data))
    assert len(data.read) == (2 if is_kept else 4) * 500
    assert made == estimates(job_of(Counted(2000)))


def test_batches_of_another_kind_are_read_each_time():
    class Holder:
        def __init__(self, values):
            self.held = torch.stack(values)

        def to(self, device):
            return self

    def loss(model, batch):
        return squares(model, getattr(batch, "held", batch))

    data = Counted(2000)
    made = estimates(job_of(data, loss, collate_fn=Holder))
    assert made == pytest.approx(estimates(job_of(Counted(2000))), rel=1e-6)
    assert data.read.count(data.read[-1]) == 4


@pytest.mark.parametrize("kind", [list, tuple])
@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: (rows, rows), lambda rows: {"x": rows}])
def test_an_estimate_by_a_list_of_batches_is_of_some_of_them(kind, wrap):
    data = torch.randn(2000, 3, generator=torch.Generator().manual_seed(0))
    batches = kind(map(wrap, data.split(50)))
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters())
    job = gs.torch.Job(model, optimizer, train_loader=[data[:8]], validation_loader=batches, batch_loss=squares)
    spaced = torch.cat([data[start : start + 50] for start in range(100, 2000, 200)])  # each fourth batch, 500 examples
    with torch.no_grad():
        assert job.estimate(1) == pytest.approx(model(spaced).square().mean().item())
        assert job.evaluate() == pytest.approx(model(data).square().mean().item())
