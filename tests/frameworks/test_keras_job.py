"""Keras trainings as their users write them, driven by a search; the last test runs them all on torch."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import glideslope as gs

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


class Autoencoder(keras.Model):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean((y_pred - x) ** 2)


def test_a_model_whose_loss_is_its_own_needs_no_targets():
    job = gs.keras.Job(model(loss=None, kind=Autoencoder), gs.keras.Batches((INPUTS,), 16), (INPUTS,))
    gs.check_job(job, lr=0.01)


class Untold(keras.Model):
    def train_step(self, *arguments):
        return ({}, arguments[0]) if len(arguments) > 1 else {}


def step_of(made, train=BATCHES):
    return gs.keras.Job(made, train, (INPUTS, TARGETS)).step(0.1)


MISTAKES = {
    "no model": (lambda: gs.keras.Job("adam", BATCHES, (INPUTS, TARGETS)), "model='adam': give a compiled Keras model"),
    "inputs only": (lambda: gs.keras.Job(model(), BATCHES, (INPUTS,)), r"give \(inputs, targets\), since the model's"),
    "a generator": (lambda: step_of(model(), iter([])), r"a function of a batch's number, lambda i: dataset\[i %"),
    "no loss": (lambda: step_of(model(kind=Untold)), "the model's train_step gave {}: give a dict .* with 'loss'"),
    "data that end": (lambda: step_of(model(), [].__getitem__), r"no batch 0.*IndexError.*begin again"),
    "a dict": (lambda: gs.keras.Batches({"a": INPUTS}, 16), "give a tuple of arrays"),
    "numbers": (lambda: gs.keras.Batches(([1, 2], [3, 4]), 2), "arrays=1: give a tuple of arrays"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(mistake):
    call, says = MISTAKES[mistake]
    with pytest.raises(gs.JobError, match=says):
        call()


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
