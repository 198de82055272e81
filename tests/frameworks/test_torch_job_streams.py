"""A torch job on a stream goes on exactly where it was."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, IterableDataset, Sampler

import glideslope as gs
from tests.frameworks.torch_jobs import DATA, X, Y, job_of, losses, network


class Counting(IterableDataset):
    """A stream of examples, without end, whose position is a count."""

    def __init__(self, end=None):
        self.position, self.end = 0, end

    def __iter__(self):
        while self.end is None or self.position < self.end:
            self.position += 1
            yield DATA[(self.position * 7) % 96]
        self.position = 0

    def state_dict(self):
        return {"position": self.position}

    def load_state_dict(self, state):
        self.position = state["position"]


class Plain(IterableDataset):
    """A stream in random order that keeps no position."""

    def __iter__(self):
        return (DATA[i] for i in torch.randperm(96).tolist())


def noise():
    while True:
        i = torch.randint(96, (8,))
        yield X[i], Y[i]


STREAMS = {
    "a stream with a state, without end": lambda: DataLoader(Counting(), 8),
    "a stream with a state, shorter than the run": lambda: DataLoader(Counting(44), 8),
    "a resumable loader": lambda: gs.torch.resumable(DataLoader(Plain(), 8)),
    "a resumable loader with workers": lambda: gs.torch.resumable(DataLoader(Plain(), 8, num_workers=1)),
    "a resumable stream in a loader": lambda: DataLoader(gs.torch.resumable(Plain()), 8),
    "a resumable function without end": lambda: gs.torch.resumable(noise),
}


@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_goes_on_exactly_also_in_another_process_s_job(kind):
    def make():
        return job_of(network(), train=STREAMS[kind](), accumulate=2)

    undisturbed = losses(make(), 14)
    job = make()
    start = job.state()
    first = losses(job, 8)
    state = pickle.loads(pickle.dumps(job.state()))
    rest = losses(job, 6)
    assert first + rest == undisturbed
    job.restore(start)
    assert losses(job, 8) == first
    other = make()
    other.restore(state)
    assert losses(other, 6) == rest
    job.restore(start)
    if "workers" not in kind:
        gs.check_job(job, lr=0.01, steps=5)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("stream", [lambda: Counting(44), lambda: Counting(50), lambda: gs.torch.resumable(DATA)])
def test_the_end_of_a_stream_is_restored_beside_dropout(stream, drop_last):
    job = job_of(nn.Sequential(network(), nn.Dropout(0.5)), train=DataLoader(stream(), 10, drop_last=drop_last))
    for _ in range(11):  # from each place in an epoch of 4, 5, 9 or 10 batches
        state = job.state()
        first = losses(job, 3)
        job.restore(state)
        assert losses(job, 3) == first
        job.restore(state)
        job.step(0.01)


def test_a_validation_stream_gives_the_same_batches_each_time_and_the_training_goes_on():
    stream = DataLoader(Counting(), 8)
    job = job_of(network(), train=stream, validation=stream, validation_batches=5)
    undisturbed = losses(job_of(network(), train=DataLoader(Counting(), 8)), 9)
    expected = cross_entropy(job.model(X), Y)  # of another part, so only about as large
    assert job.evaluate() == job.evaluate() == pytest.approx(expected.item(), rel=0.5)
    measured = []
    for _ in range(3):
        measured += losses(job, 3)
        job.evaluate()
    assert measured == undisturbed
    endless = job_of(network(), validation=gs.torch.resumable(noise), validation_batches=5)
    assert endless.evaluate() == endless.evaluate()


def test_statistics_of_an_average_leave_a_stream_where_it_is():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    job = job_of(model, train=DataLoader(Counting(), 64))
    job.average("ema", 0.9)
    state = job.state()
    undisturbed = losses(job, 4)
    job.restore(state)
    assert np.isfinite(job.evaluate_average())
    assert losses(job, 4) == undisturbed


def test_an_endless_sampler_is_sampled_and_trained_on():
    class Endless(Sampler):
        def __iter__(self):
            while True:
                yield from torch.randperm(96).tolist()

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    job = job_of(model, train=DataLoader(DATA, 64, sampler=Endless()))
    job.average("ema", 0.9)
    assert np.isfinite([*losses(job, 4), job.evaluate_average()]).all()
    gs.check_job(job, lr=0.01)


class Popping(Sampler):
    """Draws each number as it gives it, of those that are left."""

    def __init__(self, generator):
        self.generator = generator

    def __iter__(self):
        left = list(range(96))
        while left:
            yield left.pop(int(torch.randint(len(left), (), generator=self.generator)))


@pytest.mark.parametrize("as_read", [lambda loader: loader, gs.torch.resumable])
def test_data_that_draw_item_by_item_beside_dropout_need_a_generator_of_their_own(as_read):
    def check(generator):
        train = as_read(DataLoader(DATA, 8, sampler=Popping(generator)))
        gs.check_job(job_of(nn.Sequential(network(), nn.Dropout(0.5)), train=train), lr=0.01)

    check(torch.Generator().manual_seed(0))
    with pytest.raises(gs.JobError, match=r"state was taken: .* draw item by item .* need one of their own"):
        check(None)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (iter([1]), "iterator"),
        (3, "of type int"),
        (DataLoader(Counting(), 8), "give the DataLoader itself"),
    ],
)
def test_what_cannot_begin_again_is_not_resumable(source, says):
    with pytest.raises(gs.JobError, match=says):
        gs.torch.resumable(source)


def test_a_stream_that_ended_sooner_is_refused():
    stream = gs.torch.resumable(range(3))
    stream.load_state_dict({"taken": 5, "began": gs.torch.resumable(range(3)).state_dict()["began"]})
    assert list(stream) == [0, 1, 2]  # one that hadn't begun
    items = iter(stream)
    next(items)
    stream.load_state_dict({**stream.state_dict(), "taken": 5})
    with pytest.raises(gs.JobError, match="after 5 items: it ended after 3"):
        iter(stream)
    with pytest.raises(gs.JobError, match="a state of a resumable"):
        stream.load_state_dict({"position": 1})
