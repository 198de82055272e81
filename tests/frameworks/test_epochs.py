"""A position in the batches of a trainer's loader, against the loader's own order in a loop without a position."""

import pytest
import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset, IterableDataset

import glideslope as gs
from glideslope.frameworks.torch.job import randomness
from glideslope.frameworks.torch.job.epochs import Epochs


class Augmented(Dataset):
    """Numbers with noise from the global generator, as a random crop has it."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, i):
        return i + torch.rand(())


class Stream(IterableDataset):
    def __init__(self, size):
        self.size = size

    def __iter__(self):
        return (i + torch.rand(()) for i in range(self.size))


def loader_of(kind, size, batch):
    torch.manual_seed(0)
    if kind == "stream":
        return DataLoader(Stream(size), batch_size=batch)
    loader = DataLoader(Augmented(size), batch_size=batch, shuffle=True)
    if kind == "plain":
        return loader
    seedable = DataLoaderConfiguration(use_seedable_sampler=kind == "seedable")
    return Accelerator(cpu=True, dataloader_config=seedable).prepare(loader)


def drawn(data, count):
    """Batches with a draw between any two, as a dropout makes it."""
    return [(data.next().tolist(), torch.rand(()).item()) for _ in range(count)]


CASES = given(
    kind=st.sampled_from(["plain", "prepared", "seedable", "stream"]),
    size=st.integers(1, 9), batch=st.integers(1, 4), before=st.integers(0, 12), after=st.integers(1, 12),
)  # fmt: skip


@CASES
@settings(deadline=None, max_examples=60)
def test_batches_come_again_from_a_position(kind, size, batch, before, after):
    loader = loader_of(kind, size, batch)
    data = Epochs(loader, randomness.sources(loader))
    drawn(data, before)
    position, state = data.save(), randomness.save(data.generators)
    first = drawn(data, after)
    for _ in range(2):
        data.load(position)
        data.load(data.save())
        randomness.load(state, data.generators)
        assert drawn(data, after) == first


@CASES
@settings(deadline=None, max_examples=40)
def test_batches_are_those_of_a_loop(kind, size, batch, before, after):
    data = Epochs(loader_of(kind, size, batch), [])
    batches = drawn(data, before + after)
    loader, expected = loader_of(kind, size, batch), []
    while len(expected) < before + after:
        for one in loader:
            expected.append((one.tolist(), torch.rand(()).item()))
            if len(expected) == before + after:
                break
    assert batches == expected


@pytest.mark.parametrize("kind", ["plain", "prepared", "seedable"])
def test_another_seed_is_another_order_of_the_same_examples(kind):
    loader = loader_of(kind, 8, 2)
    data = Epochs(loader, randomness.sources(loader))
    data.next()
    orders = []
    for seed in (1, 2, 1):
        randomness.reseed(seed, data.generators)
        data.reseed(seed)
        orders.append([int(number) for _ in range(4) for number in data.next()])
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(8))
    assert orders[0] != orders[1]


def test_an_empty_loader_and_an_iterator_are_refused():
    with pytest.raises(gs.JobError, match="the training loader is empty: it gave no batch"):
        Epochs(DataLoader(Stream(0), batch_size=1), []).next()
    with pytest.raises(gs.JobError, match="can't begin again"):
        Epochs(iter([1, 2]), [])
    workers = DataLoader(Augmented(4), num_workers=1, persistent_workers=True)
    with pytest.raises(gs.JobError, match="persistent_workers"):
        Epochs(workers, [])
