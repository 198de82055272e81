"""A torch job trains as a loop written by hand: batches of every kind, clipping, autocast, accumulation, streams."""

import copy
import dataclasses
import gc
import pickle
import re
import tempfile
from collections import OrderedDict, UserDict, namedtuple
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, IterableDataset, Sampler, TensorDataset

import glideslope as gs
from glideslope.frameworks.torch.batch import examples, moved, split

X = torch.randn(96, 6, generator=torch.Generator().manual_seed(0))
Y = X[:, :3].argmax(1)
DATA = TensorDataset(X, Y)


def network(seed=1):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))


def of_model(model, batch):
    return cross_entropy(model(batch[0]), batch[1])


def job_of(model, optimizer=None, train=None, validation=None, **options):
    optimizer = optimizer if optimizer is not None else torch.optim.AdamW(model.parameters(), lr=0.01)
    train = train if train is not None else DataLoader(DATA, 8)
    validation = validation if validation is not None else DataLoader(DATA, 20)
    if not options.keys() & {"loss", "batch_loss"}:
        options["loss"] = cross_entropy
    return gs.torch.Job(model, optimizer, train_loader=train, validation_loader=validation, **options)


def losses(job, n, lr=0.01):
    return [float(job.step(lr)) for _ in range(n)]


def same(one, other):
    return all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))


@pytest.mark.parametrize("clip_norm", [None, 0.05])
@pytest.mark.parametrize("autocast", [None, torch.bfloat16])
@pytest.mark.parametrize("accumulate", [1, 4])
def test_a_job_trains_bit_for_bit_as_a_loop_by_hand(clip_norm, autocast, accumulate):
    model, by_hand = network(), network()
    job = job_of(model, clip_norm=clip_norm, autocast=autocast, accumulate=accumulate)
    optimizer = torch.optim.AdamW(by_hand.parameters(), lr=0.01)
    batches = [batch for _ in range(2) for batch in DataLoader(DATA, 8)]
    for update in range(24 // accumulate):
        optimizer.zero_grad()
        total = 0.0
        for inputs, targets in batches[update * accumulate : (update + 1) * accumulate]:
            with torch.autocast("cpu", autocast, enabled=autocast is not None):
                loss = cross_entropy(by_hand(inputs), targets) / accumulate
            loss.backward()
            total += loss.item()
        if clip_norm is not None:
            norm = nn.utils.clip_grad_norm_(by_hand.parameters(), clip_norm)
            assert norm > clip_norm
        optimizer.step()
        assert float(job.step(0.01)) == pytest.approx(total, rel=1e-6)
    assert same(model, by_hand)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_evaluation_is_in_the_precision_of_the_training(dtype):
    job = job_of(network(), autocast=dtype)
    with torch.no_grad(), torch.autocast("cpu", dtype):
        expected = [cross_entropy(job.model(x), y) * len(x) for x, y in DataLoader(DATA, 20)]
    assert job.evaluate() == pytest.approx(float(sum(expected)) / 96, rel=1e-6)
    assert job.evaluate() != job_of(network()).evaluate()


def test_float16_has_a_scaler_whose_gradients_are_clipped_unscaled():
    model, by_hand = network(), network()
    job = job_of(model, autocast=torch.float16, clip_norm=0.05)
    optimizer, scaler = torch.optim.AdamW(by_hand.parameters(), lr=0.01), torch.amp.GradScaler("cpu")
    for inputs, targets in DataLoader(DATA, 8):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.float16):
            loss = cross_entropy(by_hand(inputs), targets)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(by_hand.parameters(), 0.05)
        scaler.step(optimizer)
        scaler.update()
        job.step(0.01)
    assert same(model, by_hand)


def test_an_update_is_over_all_its_units_where_micro_batches_differ_in_size():
    model, by_hand = network(), network()
    loader = DataLoader(TensorDataset(X[:22], Y[:22]), 8)  # 8, 8 and 6 examples
    job = job_of(model, torch.optim.SGD(model.parameters(), lr=0.5), loader, accumulate=3)
    loss = cross_entropy(by_hand(X[:22]), Y[:22])
    loss.backward()
    torch.optim.SGD(by_hand.parameters(), lr=0.5).step()
    assert float(job.step(0.5)) == pytest.approx(loss.item(), rel=1e-6)
    for ours, theirs in zip(model.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


@given(st.lists(st.integers(1, 9), min_size=6, max_size=12), st.integers(1, 6), st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_padded_text_counts_by_tokens_however_it_is_divided(lengths, size, accumulate):
    torch.manual_seed(0)
    embedding = nn.Embedding(9, 9)
    sequences = [torch.randint(1, 9, (n,), generator=torch.Generator().manual_seed(i)) for i, n in enumerate(lengths)]

    def padded(batch):
        ids = nn.utils.rnn.pad_sequence(batch, batch_first=True)
        return {"input_ids": ids, "labels": ids.masked_fill(ids == 0, -100)}

    def batch_loss(model, batch):
        logits = model(batch["input_ids"]).flatten(0, 1)
        labels = batch["labels"].flatten()
        return cross_entropy(logits, labels, reduction="sum"), (labels != -100).sum()

    loader = DataLoader(sequences, size, collate_fn=padded)
    optimizer = torch.optim.SGD(embedding.parameters(), lr=1.0)
    job = job_of(embedding, optimizer, loader, loader, batch_loss=batch_loss, accumulate=accumulate)
    logits, tokens = embedding.weight.detach().double(), torch.cat(sequences)
    assert job.evaluate() == pytest.approx(cross_entropy(logits[tokens], tokens).item(), rel=1e-5)
    used = torch.cat([sequences[i % len(sequences)] for i in _examples_of(len(sequences), size, accumulate)])
    # The gradient of the cross entropy in closed form: the softmax less the indicator, averaged over tokens.
    gradient = torch.zeros(9, 9, dtype=torch.float64)
    gradient.index_add_(0, used, logits[used].softmax(1) - nn.functional.one_hot(used, 9))
    assert float(job.step(0.1)) == pytest.approx(cross_entropy(logits[used], used).item(), rel=1e-5)
    expected = logits - 0.1 * gradient / len(used)
    torch.testing.assert_close(embedding.weight.detach().double(), expected, rtol=1e-5, atol=1e-6)


def _examples_of(number, size, batches):
    """The examples in the first batches of a loader that goes round."""
    epoch = [range(i, min(i + size, number)) for i in range(0, number, size)]
    return [i for batch in range(batches) for i in epoch[batch % len(epoch)]]


@dataclasses.dataclass
class Batch:
    x: torch.Tensor
    labels: torch.Tensor


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    x: torch.Tensor
    y: torch.Tensor
    size: int = dataclasses.field(init=False, default=8)


Pair = namedtuple("Pair", "x y")


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = network()

    def forward(self, x, size=None):
        return self.inner(x)


def _encoding(x, y):
    from transformers import BatchEncoding

    return BatchEncoding({"x": x, "labels": y})


@pytest.mark.parametrize(
    "form",
    [
        lambda x, y: (x, y), lambda x, y: [x, y], Pair, Batch, Frozen, _encoding,
        lambda x, y: {"x": x, "label": y}, lambda x, y: {"targets": y, "x": x}, lambda x, y: UserDict(x=x, target=y),
        lambda x, y: OrderedDict(y=y, x=x),
    ],
)  # fmt: skip
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_loss_of_outputs_and_targets_serves_batches_of_every_type(form, accumulate):
    jobs = []
    for make in (form, lambda x, y: (x, y)):
        model = Named()
        batches = [make(X[i : i + 8], Y[i : i + 8]) for i in range(0, 96, 8)]
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        jobs.append(job_of(model, optimizer, batches, batches, accumulate=accumulate))
    one, other = jobs
    assert losses(one, 5) == losses(other, 5)
    assert one.evaluate() == other.evaluate()
    assert same(one.model, other.model)


@pytest.mark.parametrize("form", [lambda x: x, lambda x: [x], lambda x: (x,), lambda x: {"x": x}, lambda x: [{"x": x}]])
def test_a_batch_of_inputs_only_is_its_own_target(form):
    class Autoencoder(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.code = nn.Linear(6, 6)

        def forward(self, x):
            return self.code(x)

    batches = [form(X[i : i + 8]) for i in range(0, 96, 8)]
    model = Autoencoder()
    job = job_of(model, torch.optim.SGD(model.parameters(), lr=0.1), batches, batches, loss=nn.MSELoss())
    with torch.no_grad():
        assert job.evaluate() == pytest.approx((model.code(X) - X).square().mean().item(), rel=1e-6)
    gs.check_job(job)


@pytest.mark.parametrize(
    ("batch", "says"),
    [
        ({"x": X, "mask": Y}, "none of labels"),
        ({"labels": Y, "y": Y, "x": X}, "labels and y"),
        ("text", "is a str"),
        ([], "is empty"),
        ({}, "nothing"),
    ],
)
def test_a_batch_without_known_targets_says_what_to_give(batch, says):
    with pytest.raises(gs.JobError, match="batch_loss=lambda") as error:
        split(batch)
    assert says in str(error.value)


class Sized8(OrderedDict):
    note = "kept"


LEAVES = st.sampled_from([torch.ones(2), 1, 2.5, "text", None, b"x"])
NESTED = st.recursive(
    LEAVES,
    lambda part: st.one_of(
        st.lists(part, max_size=3),
        st.lists(part, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from("abc"), part, max_size=3),
        st.dictionaries(st.sampled_from("abc"), part, max_size=3).map(UserDict),
        st.dictionaries(st.sampled_from("abc"), part, max_size=3).map(Sized8),
        st.tuples(part, part).map(lambda both: Pair(*both)),
        st.tuples(part, part).map(lambda both: Batch(*both)),
        st.tuples(part, part).map(lambda both: Frozen(*both)),
    ),
    max_leaves=8,
)


def _flat(item):
    """The types and values of a nested item, in order."""
    if isinstance(item, dict | UserDict):
        return [type(item), *(part for key, value in item.items() for part in (key, *_flat(value)))]
    if isinstance(item, list | tuple):
        return [type(item), *(part for value in item for part in _flat(value))]
    if dataclasses.is_dataclass(item):
        return [type(item), *(part for f in dataclasses.fields(item) for part in _flat(getattr(item, f.name)))]
    return ["tensor", item.shape] if isinstance(item, torch.Tensor) else [item]


def _devices(item):
    if isinstance(item, torch.Tensor):
        return {item.device.type}
    if isinstance(item, dict | UserDict):
        return set().union(*map(_devices, item.values()))
    if isinstance(item, list | tuple):
        return set().union(*map(_devices, item))
    if dataclasses.is_dataclass(item):
        return set().union(*(_devices(getattr(item, f.name)) for f in dataclasses.fields(item)))
    return set()


@given(NESTED)
@settings(max_examples=150, deadline=None)
def test_a_batch_moves_as_it_is(item):
    before = _flat(item)
    there = moved(item, torch.device("meta"))
    assert _flat(there) == before == _flat(item)
    assert _devices(there) <= {"meta"}
    assert _devices(item) <= {"cpu"}


@pytest.mark.parametrize(
    ("part", "count"),
    [
        (X[:7], 7), ({"name": "a", "x": X[:7]}, 7), (Batch(X[:7], Y[:7]), 7), ([{"x": X[:7]}, Y], 7), ((X[:7], Y), 7),
        (torch.tensor(1.0), 1), ("text", 1), (["a", "b"], 2), (Frozen(X[:7], Y), 7), ({"n": 3}, 1),
    ],
)  # fmt: skip
def test_the_examples_of_a_batch(part, count):
    assert examples(part) == count


def accuracy(outputs, targets):
    return (outputs.argmax(1) == targets).float().mean()


def test_a_metric_is_measured_in_place_of_the_loss():
    from torchmetrics.classification import MulticlassF1Score

    model = network()
    with torch.no_grad():
        predicted = model(X).argmax(1)
    correct = (predicted == Y).double().mean().item()
    f1 = []
    for c in range(3):
        hits = ((predicted == c) & (c == Y)).sum().item()
        f1.append(2 * hits / max((predicted == c).sum().item() + (c == Y).sum().item(), 1))
    pair = {"metric": lambda model, batch: ((model(batch[0]).argmax(1) == batch[1]).sum(), len(batch[1]))}
    of_batch = {"metric": lambda model, batch: accuracy(model(batch[0]), batch[1])}
    predict = {"predict": lambda model, batch: (model(batch[0]), batch[1])}
    whole = MulticlassF1Score(3, average="macro")
    assert job_of(model, metric=accuracy).evaluate() == pytest.approx(correct)
    assert job_of(model, metric=accuracy, maximize=True).evaluate() == pytest.approx(-correct)
    assert job_of(model, batch_loss=of_model, **of_batch).evaluate() == pytest.approx(correct)
    assert job_of(model, batch_loss=of_model, **pair).evaluate() == pytest.approx(correct)
    assert job_of(model, batch_loss=of_model, metric=accuracy, **predict).evaluate() == pytest.approx(correct)
    job = job_of(model, metric=whole)
    assert [job.evaluate(), job.evaluate()] == pytest.approx([np.mean(f1)] * 2)
    assert job_of(model, batch_loss=of_model, metric=whole, **predict).evaluate() == pytest.approx(np.mean(f1))
    assert not whole.update_called
    gs.check_job(job_of(network(), train=DataLoader(DATA, 8, shuffle=True), metric=whole, maximize=True), lr=0.02)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "give loss"),
        ({"loss": cross_entropy, "batch_loss": of_model}, "give loss"),
        ({"loss": "mse"}, "give a function"),
        ({"batch_loss": [of_model, of_model], "metric": of_model}, "1 optimizers"),
        ({"batch_loss": [of_model]}, None),
        ({"loss": cross_entropy, "accumulate": 0}, "accumulate=0"),
        ({"loss": cross_entropy, "accumulate": 2.5}, "accumulate=2.5"),
        ({"loss": cross_entropy, "clip_norm": 0.0}, "clip_norm=0.0"),
        ({"loss": cross_entropy, "clip_norm": float("nan")}, "clip_norm=nan"),
        ({"loss": cross_entropy, "autocast": torch.float64}, "autocast=torch.float64"),
        ({"loss": cross_entropy, "autocast": True}, "autocast=True"),
        ({"loss": cross_entropy, "maximize": True}, "metric="),
        ({"loss": cross_entropy, "metric": 3}, "metric=3"),
        ({"loss": cross_entropy, "validation_batches": 0}, "validation_batches=0"),
        ({"loss": cross_entropy, "train_loader": None}, "both loaders"),
        ({"loss": cross_entropy, "validation_loader": iter([])}, "validation loader is an iterator"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(options, says):
    model = network()
    loaders = {"train_loader": DataLoader(DATA, 8), "validation_loader": DataLoader(DATA, 8)}
    arguments = {**loaders, **options}
    if says is None:
        gs.torch.Job(model, torch.optim.SGD(model.parameters()), **arguments)
        return
    with pytest.raises(gs.JobError) as error:
        gs.torch.Job(model, torch.optim.SGD(model.parameters()), **arguments)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("batch_loss", "says"),
    [
        (lambda model, batch: {"loss": 1}, "gave dict"),
        (lambda model, batch: model(batch[0]), "shape"),
        (lambda model, batch: (of_model(model, batch), model(batch[0])), "second value has shape"),
        (lambda model, batch: 0.5, "gave float"),
    ],
)
def test_a_loss_that_is_no_number_is_named(batch_loss, says):
    with pytest.raises(gs.JobError, match=says):
        job_of(network(), batch_loss=batch_loss).step(0.1)


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
    with pytest.raises(gs.JobError, match="no state"):
        stream.load_state_dict({"position": 1})


def matrices(model):
    of = {True: [], False: []}
    for parameter in model.parameters():
        of[parameter.dim() == 2].append(parameter)
    return of[True], of[False]


@pytest.mark.parametrize("clip_norm", [None, 0.1])
def test_muon_beside_adamw_keep_their_proportions(clip_norm):
    trained = []
    for by_hand in (True, False):
        model = network()
        muon, adam = (torch.optim.Muon(matrices(model)[0], lr=0.02), torch.optim.AdamW(matrices(model)[1], lr=0.005))
        trained.append(model)
        if not by_hand:
            job = job_of(model, [muon, adam], clip_norm=clip_norm)
            losses(job, 12, lr=0.04)
            assert adam.param_groups[0]["lr"] == pytest.approx(0.01)
            continue
        muon.param_groups[0]["lr"], adam.param_groups[0]["lr"] = 0.04, 0.01
        for inputs, targets in DataLoader(DATA, 8):
            muon.zero_grad()
            adam.zero_grad()
            cross_entropy(model(inputs), targets).backward()
            if clip_norm:
                nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
            muon.step()
            adam.step()
    assert same(*trained)


def test_several_optimizers_are_restored_and_skipped_together():
    model = network()
    optimizers = [torch.optim.Muon(matrices(model)[0], lr=0.02), torch.optim.AdamW(matrices(model)[1], lr=0.001)]
    job = job_of(model, optimizers, DataLoader(DATA, 8, shuffle=True), autocast=torch.float16, accumulate=2)
    gs.check_job(job, lr=0.01, steps=7)
    losses(job, 1)
    updates = next(iter(optimizers[1].state.values()))["step"].item()
    job.scaler.update(2.0**34)
    before = [parameter.clone() for parameter in model.parameters()]
    job.step(0.01)  # with a scale that overflows at first
    assert job.scaler.get_scale() < 2.0**34
    assert not any(map(torch.equal, before, model.parameters()))
    assert {entry["step"].item() for entry in optimizers[1].state.values()} == {updates + 1}


@pytest.mark.parametrize(
    ("optimizers", "says"),
    [
        (lambda model: [], "empty"),
        (lambda model: [torch.optim.SGD(model.parameters()), torch.optim.SGD(model.parameters())], "updated twice"),
        (lambda model: [torch.optim.SGD(model.parameters()), torch.optim.SGD(network().parameters())], "none of the"),
    ],
)
def test_optimizers_that_do_not_fit_are_refused(optimizers, says):
    model = network()
    with pytest.raises(gs.JobError, match=says):
        job_of(model, optimizers(model))


def gan():
    """The networks, and an optimizer of each."""
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    model = nn.ModuleDict({"generator": nn.Linear(2, 2), "critic": critic})
    rates = {"critic": 4e-3, "generator": 1e-3}
    return model, [torch.optim.Adam(model[name].parameters(), lr=rate) for name, rate in rates.items()]


def critic_loss(model, batch):
    real, noise = batch
    critic, fakes = model["critic"], model["generator"](noise).detach()
    return nn.functional.softplus(-critic(real)).mean() + nn.functional.softplus(critic(fakes)).mean()


def generator_loss(model, batch):
    return nn.functional.softplus(-model["critic"](model["generator"](batch[1]))).mean()


def distance(model, batch):
    """Between the means of real and of generated points."""
    return (model["generator"](batch[1]).mean(0) - batch[0].mean(0)).norm()


def test_a_gan_is_updated_in_turn_each_optimizer_by_its_loss():
    batches = [(X[i : i + 8, :2] + 3, X[i : i + 8, 2:4]) for i in range(0, 96, 8)]
    turns = [critic_loss, generator_loss]
    (model, optimizers), (by_hand, pair) = gan(), gan()
    job = job_of(model, optimizers, batches, batches, batch_loss=turns, metric=distance, clip_norm=0.5)
    for batch in batches:
        for optimizer, name, loss in zip(pair, ("critic", "generator"), turns, strict=True):
            by_hand.zero_grad()
            optimizer.param_groups[0]["lr"] = 4e-3 if name == "critic" else 1e-3
            loss(by_hand, batch).backward()
            nn.utils.clip_grad_norm_(by_hand[name].parameters(), 0.5)
            optimizer.step()
        job.step(4e-3)
    assert same(model, by_hand)
    gs.check_job(job, lr=4e-3)
    with pytest.raises(gs.JobError, match="give metric="):
        job_of(*gan(), batches, batches, batch_loss=turns)


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
    assert not list(tmp_path.iterdir())  # its name is gone at once, its bytes with the last tensor
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
    assert not list(tmp_path.iterdir())


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
    result = gs.race(job, ["linear", "cosine"], [0.1], 12, seeds=3)
    assert job.taken == 1
    assert result == gs.race(make(), ["linear", "cosine"], [0.1], 12, seeds=3)
    runs = [run for standing in result.standings for run in standing.runs]
    assert len({run.losses[0] for run in runs}) == 3  # the first batch, in each data order


def test_a_race_maximizes_a_metric():
    job = job_of(network(), train=DataLoader(DATA, 8, shuffle=True), metric=accuracy, maximize=True)
    result = gs.race(job, ["constant"], [1e-6, 0.05], 60)
    assert result.constant.contestant.peak == 0.05
    assert -1 <= result.constant.mean < -0.6


def test_the_job_in_the_documentation_is_short_and_is_a_job():
    text = (Path(__file__).parents[2] / "docs/frameworks.md").read_text()
    code = re.search(r"### A torch training\n.*?```python\n(.*?)```", text, re.DOTALL)[1]

    class Classifier(Named):
        def forward(self, x, labels):
            return SimpleNamespace(loss=cross_entropy(self.inner(x), labels))

    train = [{"x": x, "labels": y} for x, y in DATA]
    loader = DataLoader(train, 8, shuffle=True)
    names = {"torch": torch, "gs": gs, "network": Classifier, "train_loader": loader, "validation_loader": loader}
    exec(code, names)
    gs.check_job(names["job"](0), lr=0.01)
    assert len(code.splitlines()) <= 12
