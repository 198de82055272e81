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
    return gs.torch.Job(model, optimizer, torch.nn.MSELoss(), loader, loader, **options)


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


def test_the_text_of_a_number_is_read_where_a_search_takes_a_rate():
    """As YAML reads 1e-2: without a point it is a text."""
    assert gs.race(job, ["linear"], 20, ["1e-1"]) == gs.race(job, ["linear"], 20, [0.1])
    assert gs.find(job, low="1e-4", high="1e1") == gs.find(job, low=1e-4, high=10.0)
