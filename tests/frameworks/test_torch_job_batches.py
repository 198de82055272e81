"""A torch job takes batches of every kind."""

import dataclasses
import re
from collections import OrderedDict, UserDict, namedtuple
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import glideslope as gs
from glideslope.frameworks.torch.job.batch import examples, moved, split
from tests.frameworks.torch_jobs import DATA, Named, X, Y, job_of, losses, same


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


EXAMPLES = torch.randn(40, 3)


@pytest.mark.parametrize("kind", [list, tuple])
@pytest.mark.parametrize("targets", [torch.zeros(40), torch.zeros(40, 1), torch.zeros(40, 3, dtype=torch.long)])
@pytest.mark.parametrize("which", ["training", "validation"])
def test_inputs_and_targets_in_the_place_of_batches_are_named(kind, targets, which):
    loaders = {"train_loader": [(EXAMPLES, targets)], "validation_loader": [(EXAMPLES, targets)]}
    loaders["train_loader" if which == "training" else "validation_loader"] = kind((EXAMPLES, targets))
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(gs.JobError, match=rf"the {which} loader is inputs and targets, 40 of each"):
        gs.torch.Job(model, optimizer, nn.MSELoss(), **loaders)


@pytest.mark.parametrize("which", ["training", "validation"])
def test_a_data_set_in_the_place_of_a_loader_is_refused(which):
    data = TensorDataset(EXAMPLES, torch.zeros(40, dtype=torch.long))
    loaders = {"train_loader": DataLoader(data, 8), "validation_loader": DataLoader(data, 8)}
    loaders["train_loader" if which == "training" else "validation_loader"] = data
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(gs.JobError, match=rf"the {which} loader is a data set, TensorDataset, of single examples"):
        gs.torch.Job(model, optimizer, cross_entropy, **loaders)


@pytest.mark.parametrize("other", [EXAMPLES, EXAMPLES[:30], torch.randn(40, 5)])
def test_two_batches_of_inputs_are_batches(other):
    model = nn.LazyLinear(1)
    model(EXAMPLES)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    job = gs.torch.Job(
        model, optimizer, batch_loss=lambda model, batch: model(batch[:, :3]).square().mean(),
        train_loader=[EXAMPLES], validation_loader=[EXAMPLES, other],
    )  # fmt: skip
    assert job.evaluate() > 0
