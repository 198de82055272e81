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
        (lambda: DataLoader(TensorDataset(torch.ones(0, 6))), "empty: it has no batch"),
        (lambda: DataLoader(Noisy(), batch_size=41, drop_last=True), "its data are fewer than a batch"),
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
    with pytest.raises(gs.JobError, match="restore doesn't go back"):
        gs.find(job, steps=10, sweeps=1)

    class Rounding(gs.torch.Job):
        calls = 0

        def step(self, lr, **controls):
            self.calls += 1
            return super().step(lr, **controls) * (1 + 1e-6 * self.calls)

    model = nn.Linear(6, 1)
    job = Rounding(model, torch.optim.SGD(model.parameters()), nn.MSELoss(), loader, loader)
    with pytest.warns(UserWarning, match="aren't repeated exactly"):
        gs.find(job, steps=10, sweeps=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gs.find(make(), steps=10, sweeps=1)


def test_a_model_in_evaluation_mode_is_said_and_left_so_and_parts_alone_are_not():
    def made(evaluated):
        model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
        evaluated(model)
        loader = DataLoader(Noisy(), batch_size=8)
        return gs.torch.Job(model, torch.optim.SGD(model.parameters()), nn.MSELoss(), loader, loader)

    with pytest.warns(gs.GlideslopeWarning, match=r"evaluation mode.*call model\.train\(\)"):
        job = made(lambda model: model.eval())
    losses(job, 2)
    assert not job.model.training
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        job = made(lambda model: model[1].eval())
    losses(job, 2)
    job.evaluate()
    losses(job, 2)
    assert job.model.training
    assert torch.equal(job.model[1].running_mean, torch.zeros(8))


@pytest.mark.parametrize("is_in_the_model", [True, False])
def test_an_average_that_is_validated_must_be_in_the_model(is_in_the_model):
    torch.manual_seed(0)
    model = nn.Linear(6, 1)
    average = torch.optim.swa_utils.AveragedModel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.register_step_post_hook(lambda *_: average.update_parameters(model))
    job = gs.torch.Job(
        nn.ModuleList([model, average]) if is_in_the_model else model,
        optimizer,
        batch_loss=lambda _, batch: nn.functional.mse_loss(model(batch[0]), batch[1]),
        metric=lambda _, batch: nn.functional.mse_loss(average(batch[0]), batch[1]),
        train_loader=DataLoader(Noisy(), batch_size=8),
        validation_loader=DataLoader(TensorDataset(torch.ones(8, 6), torch.ones(8, 1)), batch_size=8),
    )
    if is_in_the_model:
        gs.check_job(job)
        assert gs.race(job, ["linear"], steps=20, peaks=[0.1]).learned
        return
    with pytest.raises(gs.JobError, match=r"the validation loss .* came again"):
        gs.check_job(job)
    with pytest.raises(gs.JobError, match=r"untrained validation loss .* came again"):
        gs.race(job, ["linear"], steps=20, peaks=[0.1])


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


def sequences(lengths, size, **options):
    """A job on padded sequences, 0 the padding, in batches that are padded to their longest."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(9, 8), nn.Linear(8, 9))
    tokens = [torch.randint(1, 9, (length,), generator=torch.Generator().manual_seed(length)) for length in lengths]
    data = list(zip(tokens, tokens, strict=True))

    def padded(batch):
        return tuple(nn.utils.rnn.pad_sequence(parts, batch_first=True) for parts in zip(*batch, strict=True))

    loader = DataLoader(data, size, collate_fn=padded)
    loss = options.pop("loss", lambda out, target: nn.functional.cross_entropy(out.transpose(1, 2), target))
    return gs.torch.Job(model, torch.optim.SGD(model.parameters(), lr=0.1), loss, loader, loader, **options)


LENGTHS = (2, 9, 3, 30, 1, 12, 25, 4, 8, 17)


def cross_entropy(out, target):
    return nn.functional.cross_entropy(out.transpose(1, 2), target, ignore_index=0)


def summed(out, target):
    loss = nn.functional.cross_entropy(out.transpose(1, 2), target, ignore_index=0, reduction="sum")
    return loss, (target != 0).sum()


class Transposed(nn.CrossEntropyLoss):
    def forward(self, out, target):
        return super().forward(out.transpose(1, 2), target)


@pytest.mark.parametrize(
    "options",
    [
        {"loss": cross_entropy, "weight": lambda target: (target != 0).sum()},
        {"loss": summed},
        {"loss": Transposed(ignore_index=0)},
        {"loss": Transposed(ignore_index=0, weight=torch.linspace(0.5, 2, 9))},
    ],
)
def test_a_validation_loss_does_not_depend_on_its_batches(options):
    weight = getattr(options["loss"], "weight", None)
    job = sequences(LENGTHS, 10, **options)
    tokens = torch.cat([token for token, _ in job.validation_loader.dataset])
    with torch.no_grad():
        expected = nn.functional.cross_entropy(job.model(tokens), tokens, weight).item()
    for size in (1, 3, 4, 8, 10):
        assert sequences(LENGTHS, size, **options).evaluate() == pytest.approx(expected, rel=1e-6)
    assert float(job.step(0.1)) == pytest.approx(expected, rel=1e-6)  # a mean, also where the loss is a pair


def test_an_update_of_several_batches_is_over_all_their_units():
    small, large = sequences(LENGTHS[:8], 4, loss=summed), sequences(LENGTHS[:8], 8, loss=summed)
    assert float(small.step(0.5, batch_size=8)) == pytest.approx(float(large.step(0.5)), rel=1e-5)
    for ours, theirs in zip(small.model.parameters(), large.model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_elements_of_sequences_count():
    class Squares(nn.Module):
        def forward(self, out, target):
            return (out.mean(-1) - target).square().mean()

    losses = [sequences(LENGTHS[:4], size, loss=Squares()).evaluate() for size in (1, 4)]
    job = sequences(LENGTHS[:4], 1, loss=Squares())
    with torch.no_grad():
        parts = [(job.model(tokens).mean(-1) - tokens).square() for tokens, _ in job.validation_loader.dataset]
    assert losses[0] == pytest.approx(torch.cat(parts).mean().item(), rel=1e-6)


def test_bad_units_are_refused():
    with pytest.raises(gs.JobError, match="over no units"):
        sequences(LENGTHS, 10, loss=cross_entropy, weight=lambda target: 0).evaluate()
    with pytest.raises(gs.JobError, match="gave 3 values"):
        sequences(LENGTHS, 10, loss=lambda out, target: (out.sum(), 1, 2)).evaluate()
    ignored = [(torch.zeros(3, dtype=torch.long),) * 2] * 2
    job = sequences(LENGTHS, 10, loss=Transposed(ignore_index=0))
    whole = job.evaluate()
    job.validation_loader = [*job.validation_loader, *(tuple(part[None] for part in pair) for pair in ignored)]
    assert job.evaluate() == pytest.approx(whole)  # the mean over nothing is NaN, and counts as nothing


def test_nested_inputs_move_to_the_device():
    import dataclasses
    from collections import namedtuple

    from glideslope.frameworks.torch.job.batch import moved

    @dataclasses.dataclass(frozen=True)
    class Inputs:
        ids: torch.Tensor
        name: str = "a"

    class Encoding(dict):
        def to(self, device):
            return Encoding({name: value.to(device) for name, value in self.items()})

    Pair = namedtuple("Pair", "a b")
    meta, x = torch.device("meta"), torch.ones(2)
    nested = moved({"a": [x, (x, "text")], "b": Pair(x, 3), "c": Inputs(x), "d": Encoding(e=x), "f": None}, meta)
    assert nested["a"][0].device == nested["a"][1][0].device == nested["b"].a.device == nested["c"].ids.device == meta
    assert nested["d"]["e"].device == meta
    assert type(nested["d"]) is Encoding
    assert (nested["a"][1][1], nested["b"].b, nested["c"].name, nested["f"]) == ("text", 3, "a", None)


@pytest.mark.parametrize("seed", range(6))
def test_check_job_accepts_a_shuffled_validation_loader(seed):
    torch.manual_seed(seed)
    x = torch.randn(300, 6)
    data = TensorDataset(x, x[:, :1] + torch.randn(300, 1))
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 1))
    job = gs.torch.Job(model, torch.optim.Adam(model.parameters()), nn.MSELoss(), DataLoader(data, 16, shuffle=True),
                       DataLoader(data, 7, shuffle=True))  # fmt: skip
    gs.check_job(job)
