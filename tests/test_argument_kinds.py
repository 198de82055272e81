"""Arguments of what is public for torch, JAX, Keras and layers: taken, or refused with an error of Glideslope."""

import inspect
import math
import re
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from functools import cache

import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest
import torch

import glideslope as gs
from glideslope import laws
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
NUMBERS = [1e300, 1e-300, 5e-324, 10**400, -(10**400), -math.inf, np.float64(1e300), np.array([1.0, 2.0]),
           np.array(2.0), np.bool_(True), Decimal("1e400"), Fraction(10**400), 1j, b"3", float, np.datetime64("2020"),
           set()]  # fmt: skip
GUARDED = {"merge", "maximize", "shuffle"}  # their truth is taken


@pytest.mark.parametrize(
    ("called", "name"),
    [pytest.param(called, name, id=f"{called.__module__}.{called.__qualname__}-{name}")
     for called in BASE for name in inspect.signature(called).parameters if name not in GUARDED | {"options"}],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_an_argument_of_any_kind_is_taken_or_refused(called, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for value in [*VALUES, *NUMBERS]:
        with suppress(gs.GlideslopeError):
            called(**BASE[called]() | {name: value})


@pytest.mark.parametrize("called", BASE, ids=lambda called: f"{called.__module__}.{called.__qualname__}")
def test_what_is_no_number_is_refused_by_the_error_that_is_documented(called):
    for name, parameter in inspect.signature(called).parameters.items():
        if re.search(r"\b(float|int)\b", str(parameter.annotation)) and name != "most_rows":
            with pytest.raises(gs.GlideslopeError) as refused:
                called(**BASE[called]() | {name: object()})
            assert type(refused.value).__name__ in inspect.getdoc(called), name


@pytest.mark.parametrize(("name", "value"), [("steps_per_epoch", -1), ("steps_per_epoch", math.nan), ("folder", 3)])
def test_a_number_or_a_folder_that_is_none_is_refused_by_the_guard(name, value):
    with pytest.raises(gs.GlideslopeError, match=f"{name}={value}|{value} isn't the path"):
        gs.torch.Guard(MODEL, guarded(), **{name: value})


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("name", ["steps", "low", "sweeps", "seed"])
def test_a_truth_value_is_no_number_of_a_search(name, value):
    with pytest.raises(gs.SearchError, match=f"{name}={value}: give a"):
        gs.find(Quadratic(), **{name: value})


def run(place, peak=0.1, schedule="cosine", **options):
    step = np.arange(10, 201, 10)
    loss = 2 + 3 / np.sqrt(1 + step * peak / 10) + place / 100
    return laws.Run.from_schedule(schedule, steps=200, peak=peak, step=step, loss=loss, name=f"run {place}", **options)


@cache
def runs():
    schedules = ("cosine", "hold() >> cooldown(20%)", "constant")
    return [run(i, 0.1 * (1 + i % 2), schedules[i], batch_size=8 << i) for i in range(3)]


@cache
def law():
    values = (2.7, 0.8, 0.5, 0.1, 0.7, 0.2, 0.5, 90.0, 0.3, 0.4, 0.9, 0.3)
    fitted = (laws.Fitted("a", 1e-3, 20_000, 100),)
    theta = dict(zip(laws.NAMES, values, strict=True))
    return laws.Law(theta, np.zeros((12, 12)), 1e-3, 1000.0, 0.001, 0.0, fitted, batch_size=128.0, batches=(32, 512))


@cache
def of_sizes():
    return laws.fit_sizes(laws.sized(runs(), [{"run": one.name, "params": 1e6 * 4**i} for i, one in enumerate(runs())]))


def rows():
    return [
        {"params": n, "tokens": d, "batch": b, "peak_lr": p,
         "loss": 2 + (1e6 / n) ** 0.3 + (1e8 / d) ** 0.3 + math.log(p / 3e-3) ** 2 / 10 + math.log(b / 2e4) ** 2 / 50}
        for n in (1e6, 4e6) for d in (1e8, 4e8) for b in (1e4, 4e4) for p in (1e-3, 2e-3, 4e-3, 8e-3)
    ]  # fmt: skip


@cache
def of_losses():
    return laws.fit_table(rows())


RATES = np.full(200, 1e-3)
OF_LAWS = {
    laws.suggest: lambda: {"params": 1e8, "tokens": 1e10, "batch": 1e5},
    laws.Run: lambda: {"lr": [0.1] * 9, "step": [2, 5], "loss": [2.0, 1.0], "final_loss": 2.0, "batch_size": 8},
    laws.Run.from_schedule: lambda: {"schedule": "cosine", "steps": 9, "peak": 0.1, "step": [2], "loss": [2.0]},
    laws.SizedRun: lambda: {"run": runs()[0], "params": 1e6, "weight_decay": 0.1},
    laws.fit: lambda: {"runs": runs()[:1]},
    laws.fit_sizes: lambda: {"runs": runs()[:1]},
    laws.fit_table: lambda: {"rows": rows()[:1]},
    laws.sized: lambda: {"runs": runs(), "table": [{"run": "run 0", "params": 1e6}]},
    laws.forecast: lambda: {"run": runs()[0]},
    laws.design: lambda: {"law": law(), "steps": 99, "peak": 1e-3, "floor": 0.1, "warmup": 0.1, "batch": 64},
    laws.design_sizes: lambda: {"law": of_sizes(), "params": 1e6, "tokens": 9e4, "batch": 1000},
    laws.critical_batch: lambda: {"law": law(), "steps": 100, "batch": 64, "batches": (32, 512), "peaks": [1e-3]},
    laws.batch_growth: lambda: {"law": law(), "schedule": gs.cosine(), "steps": 100, "peak": 1e-3, "batch": 32,
                                "critical": laws.CriticalBatch(300.0, 3.0, 100.0), "batches": (32, 512)},
    laws.predict_average: lambda: {"law": law(), "lr": RATES, "step": [100], "window": 10, "batch_size": 8},
    laws.read: lambda: {"paths": "none.csv", "schedule": "cosine", "peak": 0.1, "steps": 10, "warmup": 2},
    laws.load: lambda: {"path": "none.json"},
    laws.load_sizes: lambda: {"path": "none.json"},
    laws.load_table: lambda: {"path": "none.json"},
    laws.is_of_sizes: lambda: {"path": "none.json"},
    laws.Rates.of_schedule: lambda: {"schedule": "cosine", "steps": 10, "peak": 0.1},
    gs.find: lambda: {"job": Quadratic(), "low": 1e-4, "high": 1.0, "steps": 10, "sweeps": 1},
    gs.race: lambda: {"job": Quadratic(), "schedules": ["cosine"], "steps": 10, "peaks": [0.1], "evaluations": 2},
    gs.tune: lambda: {"job": Quadratic(), "steps": 30, "overhead": 1.0},
    gs.check_job: lambda: {"job": Quadratic(), "lr": 1e-3, "steps": 2},
    gs.load_checkpoint: lambda: {"job": Quadratic(), "folder": "none"},
}  # fmt: skip
METHODS = {
    ("predict", law): {"lr": RATES, "step": [100], "batch_size": 8},
    ("interval", law): {"lr": RATES, "step": [100], "level": 0.9, "batch_size": 8},
    ("at_batch", law): {"batch": 8},
    ("design", law): {"steps": 99, "peak": 1e-3, "floor": 0.1},
    ("steps_for", law): {"target": 3.5, "schedule": "cosine", "peak": 1e-3, "most": 1000, "batch_size": 8},
    ("warnings", law): {"steps": 100, "peak": 1e-3},
    ("at", of_sizes): {"params": 1e6},
    ("warnings", of_sizes): {"params": 1e6, "batch": 8},
    ("predict", of_losses): {"params": 1e6, "tokens": 1e8, "batch": 1e4, "peak": 1e-3},
    ("interval", of_losses): {"params": 1e6, "tokens": 1e8, "batch": 1e4, "peak": 1e-3},
    ("largest_peak", of_losses): {"params": 1e6, "tokens": 1e8, "batch": 1e4},
    ("best", of_losses): {"params": 1e6, "tokens": 1e8, "batch": 1e4},
    ("best_size", of_losses): {"flops": 1e15, "params": 1e6},
    ("warnings", of_losses): {"params": 1e6, "tokens": 1e8},
}


@pytest.mark.parametrize(
    ("called", "name"),
    [pytest.param(called, name, id=f"{called.__qualname__}-{name}")
     for called in OF_LAWS for name in inspect.signature(called).parameters if name not in {"options", "paths", "say"}],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_an_argument_of_laws_and_searches_of_any_kind_is_taken_or_refused(called, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for value in [*VALUES, *NUMBERS]:
        if not (name == "watch" and callable(value)):  # is called with a Progress
            with suppress(gs.GlideslopeError):
                called(**OF_LAWS[called]() | {name: value})


@pytest.mark.parametrize(("method", "made"), METHODS)
@pytest.mark.filterwarnings("ignore")
def test_an_argument_of_a_method_of_a_law_of_any_kind_is_taken_or_refused(method, made):
    given = METHODS[method, made]
    for name in given:
        for value in [*VALUES, *NUMBERS]:
            with suppress(gs.GlideslopeError):
                getattr(made(), method)(**given | {name: value})


def test_numbers_of_any_library_are_those_of_python():
    plain = laws.suggest(params=1e9, tokens=2e10)
    for number in (np.float64, np.int64, Fraction, Decimal, np.array, torch.tensor):
        assert laws.suggest(params=number(10**9), tokens=number(2 * 10**10)) == plain
    assert law().steps_for(np.array(3.5), "cosine", Fraction(1, 1000)) == law().steps_for(3.5, "cosine", 1e-3)


@pytest.mark.parametrize("least", [1e300, 10**400, 1e31, 1e-31])
def test_a_number_beyond_all_networks_is_refused_with_the_range(least):
    with pytest.raises(gs.LawError, match=r"params=.*(1e-30 to 1e\+30|give a number above 0)"):
        laws.suggest(params=least)
