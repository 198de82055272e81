"""Arguments of what is public for torch, JAX, Keras and layers: taken, or refused with an error of Glideslope."""

import inspect
import math
from contextlib import suppress

import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest
import torch

import glideslope as gs
from glideslope.search import load_job
from tests.search.quadratic_jobs import Quadratic

MODEL = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 1))
PARAMS = {"a": {"w": jnp.ones((2, 2))}}
ARRAYS = np.ones((16, 4), np.float32), np.ones((16, 1), np.float32)
LOADER = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*map(torch.tensor, ARRAYS)), batch_size=8)


def sgd(model=MODEL):
    return torch.optim.SGD(model.parameters(), lr=0.1)


def loss(model, batch):
    return (model(batch[0]) - batch[1]).square().mean()


def guarded():
    return gs.torch.Scheduler(sgd(), "cosine * guard()", steps=100)


def compiled():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


MULTIPLIERS = gs.layers.by_name(MODEL, {"0.*": 0.5})
BASE = {
    gs.torch.Scheduler: lambda: {"optimizer": sgd(), "schedule": "cosine", "steps": 100},
    gs.torch.Guard: lambda: {"model": MODEL, "scheduler": guarded()},
    gs.torch.Monitor: lambda: {"model": MODEL, "optimizer": sgd()},
    gs.torch.Average: lambda: {"model": MODEL, "average": "ema(0.9)"},
    gs.torch.Balance: lambda: {"model": MODEL, "optimizer": sgd()},
    gs.torch.GrowingBatches: lambda: {"examples": 999, "growth": gs.batches.growth(gs.cosine().over(99), 8, 64)},
    gs.torch.Forecast: lambda: {"scheduler": gs.torch.Scheduler(sgd(), "cosine", steps=100)},
    gs.torch.Job: lambda: {"model": MODEL, "optimizer": sgd(), "loss": loss, "train_loader": LOADER},
    gs.torch.automatic: lambda: {"name": "adagrad", "params": MODEL.parameters()},
    gs.torch.groups: lambda: {"model": MODEL, "multipliers": MULTIPLIERS, "lr": 0.1},
    gs.torch.rescale: lambda: {"model": MODEL, "multipliers": MULTIPLIERS},
    gs.torch.to_csv: lambda: {"path": "a.csv"},
    gs.torch.trust_ratio: lambda: {"optimizer": sgd(), "rule": "lars"},
    gs.jax.scale_by_feedback: lambda: {"feedback": gs.plateau()},
    gs.jax.scale_by_layer: lambda: {"multipliers": gs.layers.by_name(PARAMS, {"a*": 0.5})},
    gs.jax.labels: lambda: {"params": PARAMS, "multipliers": gs.layers.by_name(PARAMS, {"a*": 0.5})},
    gs.jax.Batches: lambda: {"arrays": ARRAYS, "batch_size": 4},
    gs.keras.Schedule: lambda: {"schedule": "cosine", "peak": 0.1, "steps": 100},
    gs.keras.Scheduler: lambda: {"schedule": "cosine", "peak": 0.1, "steps": 100},
    gs.keras.layerwise: lambda: {"optimizer": keras.optimizers.SGD(0.1),
                                 "multipliers": gs.layers.by_name(compiled(), {"*": 0.5})},
    gs.layers.by_block: lambda: {"model": MODEL, "decay": 0.5, "blocks": "0"},
    gs.layers.by_name: lambda: {"model": MODEL, "patterns": {"0.*": 0.5}},
    gs.layers.by_width: lambda: {"base": MODEL, "model": MODEL},
    gs.layers.discriminative: lambda: {"low": 0.1, "high": 1.0},
    gs.layers.unfreezing: lambda: {"schedule": "cosine", "layers": 3, "every": 10},
    gs.layers.balance: lambda: {"ratios": {"a": 1.0, "b": 2.0}},
    gs.batches.growth: lambda: {"schedule": gs.cosine()},
    gs.batches.noise_scale: lambda: {"small": [1.0, 2.0], "large": [1.0, 1.2], "sizes": (2, 8)},
    gs.batches.rate_for: lambda: {"lr": 0.1, "batch": 8, "other": 16},
    gs.from_optax: lambda: {"schedule": optax.cosine_decay_schedule(0.1, 100), "steps": 100},
    gs.from_keras: lambda: {"config": {"class_name": "CosineDecay", "config": {}}},
    gs.from_deepspeed: lambda: {"config": {"type": "WarmupLR", "params": {}}},
    gs.export: lambda: {"schedule": gs.cosine(), "steps": 100, "peak": 0.1, "to": "torch"},
    gs.check_job: lambda: {"job": None},
    load_job: lambda: {"place": "a.py:job"},
    gs.cosine(100).__call__: lambda: {"t": 1.0},
}  # fmt: skip
VALUES = ["", None, -1, 0, math.nan, math.inf, "x", [], {}, True, "1ep", 1.5, b"x", object(), 2**70, ("x",), [1, "a"]]
GUARDED = {"merge", "maximize", "shuffle"}  # their truth is taken


@pytest.mark.parametrize(
    ("called", "name"),
    [pytest.param(called, name, id=f"{called.__module__}.{called.__qualname__}-{name}")
     for called in BASE for name in inspect.signature(called).parameters if name not in GUARDED | {"options"}],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_an_argument_of_any_kind_is_taken_or_refused(called, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for value in VALUES:
        with suppress(gs.GlideslopeError):
            called(**BASE[called]() | {name: value})


@pytest.mark.parametrize(("name", "value"), [("steps_per_epoch", -1), ("steps_per_epoch", math.nan), ("folder", 3)])
def test_a_number_or_a_folder_that_is_none_is_refused_by_the_guard(name, value):
    with pytest.raises(gs.GlideslopeError, match=f"{name}={value}|{value} isn't the path"):
        gs.torch.Guard(MODEL, guarded(), **{name: value})


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("name", ["steps", "low", "sweeps", "seed"])
def test_a_truth_value_is_no_number_of_a_search(name, value):
    with pytest.raises(gs.SearchError, match=f"{name}={value}: give a"):
        gs.find(Quadratic(), **{name: value})
