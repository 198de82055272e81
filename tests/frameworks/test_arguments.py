"""Arguments of another type than they should be, as a configuration file has them: an error of ours that names them."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import glideslope as gs
from tests.search.quadratic_jobs import job

NO_NUMBERS = ("x", "", [], [1, 2], (0.1,), {}, object(), 2 + 1j, np.ones(2), torch.ones(2), float("nan"), abs)
NO_OBJECTS = ("x", 1, True, object(), np.ones(2))


def scheduled(**options):
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(2))], lr=0.1)
    return gs.torch.Scheduler(optimizer, "cosine", steps=10, **options)


def guarded(**options):
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return gs.torch.Guard(model, gs.torch.Scheduler(optimizer, gs.cosine() * gs.guard(), steps=10), **options)


def torch_job(**options):
    model, data = torch.nn.Linear(2, 1), TensorDataset(torch.ones(8, 2), torch.ones(8, 1))
    optimizer, loader = torch.optim.SGD(model.parameters(), lr=0.1), DataLoader(data, batch_size=4)
    given = {"loss": torch.nn.MSELoss(), "train_loader": loader, "validation_loader": loader}
    return gs.torch.Job(model, optimizer, **given | options)


class Accuracy:
    """A metric of which a class is given in the place of an object."""

    def update(self, outputs, targets):
        pass

    def compute(self):
        return 1.0


def one(outputs, targets):
    return 1.0


def batches(**options):
    return gs.jax.Batches(**{"arrays": (np.ones(4), np.ones(4)), "batch_size": 2} | options)


def jax_job(**options):
    given = {"params": np.ones(2), "opt_state": (), "update": one, "data": batches(), "evaluate": one}
    return gs.jax.Job(**given | options)


NUMBERS = {
    "race peak": lambda value: gs.race(job, ["linear"], 10, [value]),
    "race target": lambda value: gs.race(job, ["linear"], 10, [0.1], target=value),
    "race seeds": lambda value: gs.race(job, ["linear"], 10, [0.1], seeds=value),
    "tune steps": lambda value: gs.tune(job, value),
    "tune overhead": lambda value: gs.tune(job, 40, overhead=value),
    "tune constant_peaks": lambda value: gs.tune(job, 40, constant_peaks=[value]),
    "find low": lambda value: gs.find(job, low=value),
    "find high": lambda value: gs.find(job, high=value),
    "optuna": lambda value: gs.optuna.objective(job, 10, peaks=(value, 1.0)),
    "torch peak": lambda value: scheduled(peak=value),
    "keras peak": lambda value: gs.keras.Scheduler("cosine", peak=value),
    "keras schedule": lambda value: gs.keras.Schedule(gs.cosine().over(10), value),
    "keras accumulation": lambda value: gs.keras.Schedule(gs.cosine().over(10), 0.1, gradient_accumulation_steps=value),
}
OBJECTS = {
    "betas": lambda value: scheduled(betas=value),
    "guard scaler": lambda value: guarded(scaler=value),
    "guard beside": lambda value: guarded(beside=value),
    "guard beside, not in a list": lambda value: guarded(
        beside=torch.optim.swa_utils.AveragedModel(torch.nn.Linear(1, 1))
    ),
    "job scaler": lambda value: torch_job(scaler=value),
    "job weight": lambda value: torch_job(weight=value),
}
FUNCTIONS = {
    "loss": lambda value: torch_job(loss=value),
    "batch_loss": lambda value: torch_job(loss=None, batch_loss=value),
    "batch_loss in a list": lambda value: torch_job(loss=None, batch_loss=[value]),
    "metric": lambda value: torch_job(metric=value),
    "predict": lambda value: torch_job(loss=None, batch_loss=one, metric=one, predict=value),
    "weight": lambda value: torch_job(weight=value),
}
OTHERS = {
    "memory": (lambda value: torch_job(memory=value), [None, [1]]),
    "maximize": (lambda value: torch_job(metric=one, maximize=value), [0, 1, None, "True"]),
    "autocast": (lambda value: torch_job(autocast=value), [torch.float32, "float16"]),
    "seed": (lambda value: batches(seed=value), [-1, 2.5, None, True]),
    "shuffle": (lambda value: batches(shuffle=value), [0, None, "False"]),
    "params": (lambda value: jax_job(params=value), [torch.nn.Linear, [one], {"weight": "x"}]),
    "opt_state": (lambda value: jax_job(opt_state=value), [torch.nn.Linear, [one], (each for each in ())]),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_no_number_is_named(name):
    for value in NO_NUMBERS:
        with pytest.raises(gs.GlideslopeError):
            NUMBERS[name](value)


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_of_another_kind_is_named(name):
    for value in NO_OBJECTS:
        with pytest.raises(gs.GlideslopeError):
            OBJECTS[name](value)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_called_is_a_function_or_an_object_and_no_class(name):
    for value in ("x", 1, [], {}, np.ones(2), torch.ones(2), torch.nn.MSELoss, Accuracy):
        with pytest.raises(gs.JobError, match=rf"^{name.partition(' ')[0]}(=| is a list of 0).*: give "):
            FUNCTIONS[name](value)


@pytest.mark.parametrize("name", OTHERS)
def test_an_argument_of_a_job_is_refused_where_it_is_given(name):
    make, values = OTHERS[name]
    for value in [*values, "x", object(), torch.nn.Linear]:
        with pytest.raises(gs.JobError, match=f"^{name}=.*: give "):
            make(value)


def test_sizes_of_numpy_and_infinite_ones_are_taken():
    for memory in (0, 1.5, np.int64(3), float("inf")):
        assert torch_job(memory=memory).state()
    assert batches(seed=np.int64(3)) == batches(seed=3) != batches(seed=4)


def test_the_text_of_a_number_is_read_where_a_search_takes_a_rate():
    """As YAML reads 1e-2: without a point it is a text."""
    assert gs.race(job, ["linear"], 20, ["1e-1"]) == gs.race(job, ["linear"], 20, [0.1])
    assert gs.find(job, low="1e-4", high="1e1") == gs.find(job, low=1e-4, high=10.0)
