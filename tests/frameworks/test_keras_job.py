"""Keras trainings as their users write them, driven by a search; the last test runs them all on torch."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from scipy import sparse

import glideslope as gs
from glideslope.search.runs import checkpoints

INPUTS = np.random.default_rng(0).normal(size=(80, 4)).astype("float32")
TARGETS = INPUTS.sum(1, keepdims=True)
WEIGHTS = np.linspace(0, 2, 80).astype("float32")
BATCHES = gs.keras.Batches((INPUTS, TARGETS), 16, shuffle=False)


def model(optimizer="sgd", loss="mse", seed=0, kind=keras.Model):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((4,))
    made = kind(inputs, keras.layers.Dense(1)(keras.layers.BatchNormalization()(inputs)))
    made.compile(optimizer, loss)
    return made


class Noisy(keras.layers.Layer):
    """A layer that draws in a validation too, as an LSTM with recurrent dropout does on JAX."""

    def __init__(self):
        super().__init__()
        self.seeds = keras.random.SeedGenerator(0)

    def call(self, x, training=False):
        noise = keras.random.normal(keras.ops.shape(x), seed=self.seeds)
        return x + 0.1 * noise if training else x + 0.0 * noise


def test_a_validation_in_which_a_layer_draws_changes_no_training():
    def losses(evaluate):
        keras.utils.set_random_seed(0)
        made = keras.Sequential([keras.Input((4,)), Noisy(), keras.layers.Dense(1)])
        made.compile("sgd", "mse")
        job = gs.keras.Job(made, BATCHES, (INPUTS, TARGETS))
        return [(job.evaluate() if evaluate else None, job.step(0.1))[1] for _ in range(4)]

    assert losses(evaluate=True) == losses(evaluate=False)


def test_averaged_weights_are_measured_as_a_fit_ends_with_them():
    def averaging():
        return model(keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9))

    fitted, job = averaging(), gs.keras.Job(averaging(), BATCHES, (INPUTS, TARGETS))
    job.evaluate()  # before the first update there is no average
    fitted.fit(INPUTS, TARGETS, batch_size=16, shuffle=False, epochs=2, verbose=0)
    for _ in range(10):
        job.step(0.01)
    assert job.evaluate() == pytest.approx(fitted.evaluate(INPUTS, TARGETS, verbose=0), rel=1e-5)
    gs.check_job(job, lr=0.01)


def test_a_validation_has_weights():
    job = gs.keras.Job(model(), BATCHES, (INPUTS, TARGETS, WEIGHTS))
    errors = (keras.ops.convert_to_numpy(job.model(INPUTS)) - TARGETS)[:, 0] ** 2
    assert job.evaluate() == pytest.approx(np.mean(WEIGHTS * errors), rel=1e-5)


def test_several_inputs_and_outputs_are_dicts():
    keras.utils.set_random_seed(0)
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    hidden = keras.layers.Concatenate()([left, right])
    outputs = {name: keras.layers.Dense(1, name=name)(hidden) for name in ("sum", "first")}
    made = keras.Model({"left": left, "right": right}, outputs)
    made.compile("sgd", {"sum": "mse", "first": "mae"})
    data = {"left": INPUTS, "right": -INPUTS}, {"sum": TARGETS, "first": INPUTS[:, :1]}
    batches = gs.keras.Batches(data, 16)
    inputs, targets = batches(3)
    np.testing.assert_array_equal(inputs["left"], -inputs["right"])
    np.testing.assert_array_equal(targets["sum"], inputs["left"].sum(1, keepdims=True))
    gs.check_job(gs.keras.Job(made, batches, data), lr=0.01)


MANY = np.linspace(-1, 1, 4 * 2000).reshape(2000, 4).astype("float32")  # sorted
SUMS = MANY.sum(1, keepdims=True)
PART = ((np.arange(512) + 0.5) * 2000 / 512).astype(int)


def estimating(part=slice(None), dropout=0.0, optimizer="sgd"):
    """A job of nested inputs and targets and of weights, whose validation is a part of the examples."""
    keras.utils.set_random_seed(0)
    inputs = {name: keras.Input((4,), name=name) for name in ("left", "right")}
    hidden = keras.layers.Dropout(dropout)(Noisy()(keras.layers.Concatenate()(list(inputs.values()))))
    made = keras.Model(inputs, [keras.layers.Dense(1, name="sum")(hidden), keras.layers.Dense(1, name="first")(hidden)])
    made.compile(optimizer, ["mse", "mae"])
    weights = np.linspace(0, 2, 2000).astype("float32")
    data = {"left": MANY, "right": MANY**2}, [SUMS, MANY[:, :1]], [weights, weights[::-1].copy()]
    validation = keras.tree.map_structure(lambda array: array[part], data)
    return gs.keras.Job(made, gs.keras.Batches(data, 16), validation)


def test_an_estimate_is_the_loss_of_examples_spread_evenly_over_the_validation():
    job, of_part = estimating(), estimating(PART)
    for each in (job, of_part):
        each.step(0.1)
    estimate = job.estimate(1)
    assert estimate == job.estimate(1) == of_part.evaluate() == of_part.estimate(1)
    outputs = job.model.predict({"left": MANY, "right": MANY**2}, verbose=0)
    errors = (outputs[0] - SUMS)[:, 0] ** 2, np.abs(outputs[1] - MANY[:, :1])[:, 0]
    losses = np.linspace(0, 2, 2000) * errors[0] + np.linspace(2, 0, 2000) * errors[1]
    assert estimate == pytest.approx(losses[PART].mean(), rel=1e-5)
    assert estimate == pytest.approx(job.evaluate(), rel=0.01)
    assert estimate != job.evaluate() == job.estimate(1000) == job.estimate(float("inf"))


@pytest.mark.parametrize(
    "optimizer",
    [keras.optimizers.SGD, lambda **each: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(**each))],
)
def test_an_estimate_costs_so_many_updates_of_all_their_batches(optimizer):
    job = estimating(optimizer=optimizer(gradient_accumulation_steps=5))  # 240 examples in the passes of an update
    part = estimating(((np.arange(960) + 0.5) * 2000 / 960).astype(int))
    assert job.estimate(4) == pytest.approx(part.evaluate(), rel=1e-6)
    assert job.estimate(2) == pytest.approx(estimating(PART).evaluate(), rel=1e-6)


def test_an_estimate_changes_no_training():
    def losses(estimate):
        job = estimating(dropout=0.5)
        return [(job.estimate(1) if estimate else None, job.step(0.1))[1] for _ in range(4)]

    assert losses(estimate=True) == losses(estimate=False)
    gs.check_job(estimating(dropout=0.5), lr=0.01)


class Frame:
    """What Keras and a job use of a data frame of pandas, which has no dtype, and whose [] takes columns."""

    def __init__(self, rows):
        self.rows, self.shape = rows, rows.shape

    def __array__(self, dtype=None, copy=None):
        return self.rows

    @property
    def iloc(self):
        return type("Rows", (), {"__getitem__": lambda _, places: Frame(self.rows[places])})()


@pytest.mark.parametrize("kind", [Frame, sparse.coo_matrix, keras.ops.convert_to_tensor])
def test_an_estimate_is_of_whatever_fit_takes(kind):
    of_arrays, of_kind = (gs.keras.Job(model(), BATCHES, (given, SUMS)) for given in (MANY, kind(MANY)))
    assert of_kind.evaluate() == pytest.approx(of_arrays.evaluate(), rel=1e-6)
    assert of_kind.estimate(1) == pytest.approx(of_arrays.estimate(1), rel=1e-6)


def test_a_search_by_estimates_ends_the_same_after_an_interrupt(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(checkpoints, "LEAST_SPACING", 0.0)
    estimates = []

    class Counted(gs.keras.Job):
        def estimate(self, updates):
            estimates.append(super().estimate(updates))
            return estimates[-1]

    def job(seed, last):
        made = Counted(model(seed=seed), gs.keras.Batches((MANY, SUMS), 16, seed=seed), (MANY, SUMS))
        step, left = made.step, iter(range(last))

        def interrupted(lr):
            if next(left, None) is None:
                raise KeyboardInterrupt
            return step(lr)

        made.step = interrupted
        return made

    def tuned(folder, last=10**9, **resumed):
        memory = gs.search.RunDirectory(folder, {"steps": 60}, checkpoint_every=0.0, **resumed)
        return gs.tune(lambda seed: job(seed, last), 60, memory=memory)

    whole = tuned(tmp_path / "whole")
    measured = list(dict.fromkeys(estimates))
    assert measured
    estimates.clear()
    for i, last in enumerate((50, 70)):  # in two runs
        with pytest.raises(KeyboardInterrupt):
            tuned(tmp_path / "parts", last, **({"resume": True} if i else {}))
    again = tuned(tmp_path / "parts", resume=True)
    assert list(dict.fromkeys(estimates)) == measured
    assert again.final_loss == whole.final_loss
    assert (again.candidates, again.full) == (whole.candidates, whole.full)


class Autoencoder(keras.Model):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean((y_pred - x) ** 2)


def test_a_model_whose_loss_is_its_own_needs_no_targets():
    job = gs.keras.Job(model(loss=None, kind=Autoencoder), gs.keras.Batches((INPUTS,), 16), (INPUTS,))
    gs.check_job(job, lr=0.01)


class Untold(keras.Model):
    def train_step(self, *arguments):
        return ({}, arguments[0]) if len(arguments) > 1 else {}


class Elsewhere(keras.Model):
    """Its own optimizer makes its updates, of which model.optimizer knows nothing."""

    def train_step(self, *arguments):
        return ({"loss": 1.0}, arguments[0]) if len(arguments) > 1 else {"loss": 1.0}


def step_of(made, train=BATCHES):
    return gs.keras.Job(made, train, (INPUTS, TARGETS)).step(0.1)


MISTAKES = {
    "no model": (lambda: gs.keras.Job("adam", BATCHES, (INPUTS, TARGETS)), "model='adam': give a compiled Keras model"),
    "inputs only": (lambda: gs.keras.Job(model(), BATCHES, (INPUTS,)), r"give \(inputs, targets\), since the model's"),
    "a generator": (lambda: step_of(model(), iter([])), r"a function of a batch's number, lambda i: dataset\[i %"),
    "no loss": (lambda: step_of(model(kind=Untold)), "the model's train_step gave {}: give a dict .* with 'loss'"),
    "data that end": (lambda: step_of(model(), [].__getitem__), r"no batch 0.*IndexError.*begin again"),
    "another optimizer": (
        lambda: step_of(model(kind=Elsewhere)),
        r"^1000 batches in a row gave no update of model\.optimizer: .* or train_step uses another optimizer$",
    ),
    "frames": (lambda: gs.keras.Batches((Frame(INPUTS), TARGETS), 16), r"\(inputs,\); of a DataFrame, its to_numpy"),
    "frames of jax": (lambda: gs.jax.Batches((INPUTS, Frame(TARGETS)), 16), "of a DataFrame, its to_numpy"),
    "batches of frames": (
        lambda: step_of(model(), lambda i: (Frame(INPUTS[:16]), TARGETS[:16])),
        r"train gave .*Frame.*: give arrays; of a DataFrame, its to_numpy\(\)",
    ),
    "a dict": (lambda: gs.keras.Batches({"a": INPUTS}, 16), "give a tuple of arrays"),
    "other targets": (lambda: gs.keras.Job(model(), BATCHES, (MANY, TARGETS)), r"arrays of lengths \[80, 2000\]: give"),
    "no validation": (lambda: gs.keras.Job(model(), BATCHES, (MANY[:0], TARGETS[:0])), "validation= is empty"),
    "numbers": (lambda: gs.keras.Batches(([1, 2], [3, 4]), 2), "arrays=1: give a tuple of arrays"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(mistake):
    call, says = MISTAKES[mistake]
    with pytest.raises(gs.JobError, match=says):
        call()


def with_a_bad_row(seed, kind="inputs"):
    data = {"inputs": MANY.copy(), "validation": MANY.copy()}
    data[kind][7, 2] = np.nan
    return gs.keras.Job(
        model(seed=seed), gs.keras.Batches((data["inputs"][:80], TARGETS), 16), (data["validation"], SUMS)
    )


def test_one_bad_row_of_the_data_is_all_that_is_said():
    with pytest.raises(gs.SearchError, match=r"isn't finite at rates as different as .*: look at the data, and at .*$"):
        gs.tune(with_a_bad_row, 60)
    for kind, says in (
        ("inputs", "step makes an update: the loss of update 5 is nan at a rate of 0.01; .* or look for bad data"),
        ("validation", "evaluate changes nothing: it gave nan: look at the validation data"),
    ):
        with pytest.raises(gs.JobError, match=rf"doesn't keep a promise of a job:\n{says}$"):
            gs.check_job(with_a_bad_row(0, kind), lr=0.01)


def test_a_model_that_returns_none():
    class Nothing(keras.Model):
        def call(self, x):
            return None

    made = Nothing()
    made.compile("sgd", "mse")
    with pytest.raises(gs.JobError, match="the model's call gave None"):
        step_of(made)


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() == "torch", reason="this is that run")
def test_all_of_this_on_torch():
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", __file__]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stdout[-3000:]
