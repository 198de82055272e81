"""Schedules in Keras, on the backend that KERAS_BACKEND names; the last test runs them all on torch."""

import contextlib
import os
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

import glideslope as gs

STEPS = 40
INPUTS = np.random.default_rng(0).normal(size=(80, 4)).astype("float32")
TARGETS = INPUTS.sum(1, keepdims=True)


def model(optimizer, seed=0):
    keras.utils.set_random_seed(seed)
    made = keras.Sequential([
        keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.2), keras.layers.Dense(1),
    ])  # fmt: skip
    made.compile(optimizer, "mse")
    return made


class Moved(keras.callbacks.Callback):
    """How far each batch of plain SGD moved a weight whose gradient is 1: the rates."""

    def __init__(self):
        super().__init__()
        self.weights = []

    def on_train_batch_end(self, batch, logs=None):
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()
        self.weights.append(float(self.model.get_weights()[0][0, 0]))

    @property
    def rates(self):
        return -np.diff([0.0, *self.weights])


def moved_by(optimizer, callbacks=(), epochs=4, **options):
    """The rates of a fit of ten batches an epoch."""
    made = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    made.compile(optimizer, loss=lambda y, prediction: keras.ops.mean(prediction))
    moved = Moved()
    ones = np.ones((10, 1), "float32")
    made.fit(ones, ones, batch_size=1, epochs=epochs, verbose=0, callbacks=[*callbacks, moved], **options)
    return moved.rates, made


SCHEDULE = (gs.warmup(10) >> gs.cosine()).over(STEPS)
EXPECTED = 0.3 * np.array([SCHEDULE(t) for t in range(STEPS)])


def test_a_schedule_in_an_optimizer():
    rates, _ = moved_by(keras.optimizers.SGD(gs.keras.Schedule(SCHEDULE, 0.3)))
    np.testing.assert_allclose(rates, EXPECTED, atol=2e-6)


def test_batches_that_only_accumulate_do_not_count():
    schedule = gs.keras.Schedule(SCHEDULE, 0.3, gradient_accumulation_steps=4)
    rates, _ = moved_by(keras.optimizers.SGD(schedule, gradient_accumulation_steps=4), epochs=16)
    np.testing.assert_allclose(rates[3::4], EXPECTED, atol=5e-6)
    callback = gs.keras.Scheduler("warmup(25%) >> cosine()", peak=0.3)
    rates, _ = moved_by(keras.optimizers.SGD(0.1, gradient_accumulation_steps=4), [callback], epochs=16)
    np.testing.assert_allclose(rates[3::4], EXPECTED, atol=5e-6)


def test_saved_and_loaded_with_the_model(tmp_path):
    made = model(keras.optimizers.Adam(gs.keras.Schedule(SCHEDULE, 0.3)))
    made.fit(INPUTS, TARGETS, epochs=1, verbose=0)
    made.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    schedule = loaded.optimizer._learning_rate
    assert isinstance(schedule, gs.keras.Schedule)
    assert schedule.schedule == SCHEDULE
    assert int(loaded.optimizer.iterations) == 3
    assert float(loaded.optimizer.learning_rate) == pytest.approx(EXPECTED[3])


def test_the_callback_knows_the_length_of_the_fit_and_logs_the_rate_of_the_last_update():
    callback = gs.keras.Scheduler("warmup(25%) >> cosine()")
    rates, made = moved_by(keras.optimizers.SGD(0.3), [callback])
    np.testing.assert_allclose(rates, EXPECTED, atol=2e-6)
    np.testing.assert_allclose(made.history.history["learning_rate"], EXPECTED[9::10], atol=1e-7)


def test_a_feedback_gets_the_metric_of_each_epoch():
    class Worse(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_loss"] = [1.0, 1.0, 0.5, 0.5][epoch]

    lr = gs.linear() * gs.plateau(0.5, patience=0)
    rates, _ = moved_by(keras.optimizers.SGD(0.3), [Worse(), gs.keras.Scheduler(lr)])
    cuts = np.repeat([1, 1, 0.5, 0.5], 10)
    np.testing.assert_allclose(rates, 0.3 * cuts * (1 - np.arange(40) / 40), rtol=1e-3)
    with pytest.warns(UserWarning, match="no epoch's logs had 'val_loss'"):
        moved_by(keras.optimizers.SGD(0.3), [gs.keras.Scheduler(lr)])


def test_a_second_fit_begins_anew_and_a_later_epoch_goes_on():
    callback = gs.keras.Scheduler("linear()", peak=0.4)
    rates, made = moved_by(keras.optimizers.SGD(0.4), [callback], epochs=2)
    moved, ones = Moved(), np.ones((10, 1), "float32")
    moved.weights = [float(made.get_weights()[0][0, 0])]
    made.fit(ones, ones, batch_size=1, epochs=1, verbose=0, callbacks=[callback, moved])
    np.testing.assert_allclose(moved.rates[1:], 0.4 * (1 - np.arange(10) / 10), atol=1e-5)
    # A training of four epochs that was stopped after two and goes on.
    callback = gs.keras.Scheduler("linear()", peak=0.4, steps=40)
    rates, made = moved_by(keras.optimizers.SGD(0.4), [callback], epochs=2)
    moved.weights = [float(made.get_weights()[0][0, 0])]
    made.fit(ones, ones, batch_size=1, epochs=4, initial_epoch=2, verbose=0, callbacks=[callback, moved])
    np.testing.assert_allclose([*rates, *moved.rates[1:]], 0.4 * (1 - np.arange(40) / 40), atol=1e-5)


def test_a_second_training_that_goes_on_leaves_out_the_updates_of_the_first():
    def fit(callback, epochs, begin=0):
        moved, ones = Moved(), np.ones((10, 1), "float32")
        moved.weights = [float(made.get_weights()[0][0, 0])]
        options = {"epochs": epochs, "initial_epoch": begin, "batch_size": 1, "verbose": 0}
        made.fit(ones, ones, callbacks=[callback, moved], **options)
        return moved.rates[1:]

    expected = 0.4 * (1 - np.arange(40) / 40)
    _, made = moved_by(keras.optimizers.SGD(0.4), [gs.keras.Scheduler("hold")], epochs=2)
    callback = gs.keras.Scheduler("linear", peak=0.4, steps=40)
    rates = [fit(callback, 1), fit(callback, 2, begin=1)]
    np.testing.assert_allclose(np.concatenate(rates), expected[:20], atol=1e-5)
    with pytest.warns(UserWarning, match="at epoch 2, each of 10 batches, and its optimizer has seen 40: .* update 40"):
        rates = fit(gs.keras.Scheduler("linear", peak=0.4, steps=40), 3, begin=2)
    np.testing.assert_allclose(rates, 0, atol=1e-5)
    with pytest.warns(UserWarning, match=r"give schedule.over\(steps\).delay\(updates before\)"):
        rates = fit(gs.keras.Scheduler(gs.linear().over(40).delay(20), peak=0.4), 4, begin=3)
    np.testing.assert_allclose(rates, expected[30:], atol=1e-5)


def test_a_callback_takes_the_rate_of_each_new_optimizer():
    callback = gs.keras.Scheduler("linear")
    for rate in (0.3, 0.1):
        rates, _ = moved_by(keras.optimizers.SGD(rate), [callback], epochs=1)
        np.testing.assert_allclose(rates, rate * (1 - np.arange(10) / 10), atol=2e-6)


def test_updates_that_loss_scaling_skips_do_not_count():
    optimizer = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(gs.keras.Schedule(gs.linear().over(10), 1.0)), initial_scale=2.0
    )
    made = model(optimizer)
    bad, good = np.full((8, 4), np.inf, "float32"), np.ones((8, 4), "float32")
    for inputs in (bad, good, bad, bad, good):
        made.train_on_batch(inputs, np.ones((8, 1), "float32"))
    assert int(optimizer.inner_optimizer.iterations) == 2
    assert float(optimizer.learning_rate) == pytest.approx(0.8)


def test_a_training_that_keras_restores_goes_on(tmp_path):
    class Breaks(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    rates, states = [], []
    for extra in ([Breaks()], []):
        made, moved = model(keras.optimizers.Adam(0.3)), Rates()
        callbacks = [keras.callbacks.BackupAndRestore(tmp_path), gs.keras.Scheduler("linear()"), *extra, moved]
        with contextlib.suppress(KeyboardInterrupt):
            made.fit(INPUTS, TARGETS, batch_size=8, epochs=4, verbose=0, callbacks=callbacks)
        rates += moved.rates
        states.append(int(made.optimizer.iterations))
    assert states == [20, 40]
    np.testing.assert_allclose(rates, 0.3 * (1 - np.arange(40) / 40), atol=1e-7)


class Rates(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.rates = []

    def on_train_batch_end(self, batch, logs=None):
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()
        self.rates.append(float(self.model.optimizer.learning_rate))


def test_a_horizon_and_a_clock_beside_the_schedule():
    schedule = gs.keras.Schedule("warmup(1ep) >> linear", peak=0.5, steps="3ep", clock=gs.Clock(steps_per_epoch=10))
    rates = [float(schedule(t)) for t in range(30)]
    np.testing.assert_allclose(rates, [0.05 * t if t < 10 else 0.5 * (30 - t) / 20 for t in range(30)], rtol=1e-6)
    again = gs.keras.Schedule.from_config(schedule.get_config())
    assert [float(again(t)) for t in range(30)] == rates
    with pytest.raises(gs.ScheduleError, match="needs a horizon, steps="):
        gs.keras.Schedule("linear(10)", 0.5, clock=gs.Clock(steps_per_epoch=10))


def test_epochs_are_known_beside_another_clock_and_a_generator_needs_a_horizon():
    callback = gs.keras.Scheduler("warmup(1ep) >> hold()", steps="40ex", clock=gs.Clock(examples_per_step=1), peak=0.1)
    rates, _ = moved_by(keras.optimizers.SGD(0.1), [callback])
    np.testing.assert_allclose(rates[:12], 0.1 * np.minimum(np.arange(12) / 10, 1), atol=1e-6)
    made = model(keras.optimizers.SGD(0.1))
    made.fit(INPUTS, TARGETS, epochs=1, verbose=0)
    with pytest.raises(gs.ScheduleError, match="peak="):
        made.fit(INPUTS, TARGETS, epochs=1, verbose=0, callbacks=[gs.keras.Scheduler("cosine()")])
    endless = ((INPUTS[:8], TARGETS[:8]) for _ in range(20))
    with pytest.raises(gs.ScheduleError, match="how long this fit is"):
        made.fit(endless, epochs=1, verbose=0, callbacks=[gs.keras.Scheduler("cosine()", peak=0.1)])
    endless = ((INPUTS[:8], TARGETS[:8]) for _ in range(20))
    callback = gs.keras.Scheduler("warmup(1ep) >> cosine", steps=20, peak=0.1)
    with pytest.raises(gs.ScheduleError, match=r"give the callback clock=gs.Clock\(steps_per_epoch="):
        made.fit(endless, epochs=1, verbose=0, callbacks=[callback])


def job(optimizer=None):
    return gs.keras.Job(model(optimizer or keras.optimizers.Adam(0.1)), gs.keras.Batches((INPUTS, TARGETS), 16),
                        (INPUTS, TARGETS))  # fmt: skip


@pytest.mark.parametrize("steps", [3, 7])  # an epoch is 5 updates
def test_the_job_conforms(steps):
    gs.check_job(job(), lr=0.01, steps=steps)


def test_the_job_of_an_accumulating_optimizer_conforms():
    made = job(keras.optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=2))
    gs.check_job(made, lr=0.01, steps=4)
    before = made.batches
    made.step(0.01)
    assert made.batches == before + 2


class Trained(keras.Model):
    """A model whose variables are made at its first batch, and whose `train_step` takes a pair of tensors."""

    def __init__(self):
        super().__init__()
        self.hidden, self.out = keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)
        self.taken = []

    def call(self, x):
        return self.out(self.hidden(x))

    def train_step(self, *arguments):
        *state, (inputs, targets) = arguments
        self.taken.append((keras.ops.is_tensor(inputs), str(keras.backend.standardize_dtype(targets.dtype))))
        return super().train_step(*state, (inputs, targets))


def test_a_train_step_of_the_user_s_is_given_what_fit_gives():
    def make():
        keras.utils.set_random_seed(0)
        made = Trained()
        made.compile(keras.optimizers.SGD(0.1), "mse")
        return made

    fitted, driven = make(), make()
    fitted.fit(INPUTS, TARGETS.astype("float64"), batch_size=16, shuffle=False, verbose=0)
    data = gs.keras.Batches((INPUTS, TARGETS.astype("float64")), 16, shuffle=False)
    of_model = gs.keras.Job(driven, data, (INPUTS, TARGETS))
    for _ in range(5):
        of_model.step(0.1)
    assert set(driven.taken) == set(fitted.taken) == {(True, "float32")}
    for one, other in zip(fitted.get_weights(), driven.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    gs.check_job(of_model, lr=0.01, steps=3)


def test_mistakes():
    with pytest.raises(gs.JobError, match=r"validation=array\(.*: give arrays, \(inputs, targets\)"):
        gs.keras.Job(model("sgd"), gs.keras.Batches((INPUTS, TARGETS), 16), INPUTS)
    frozen = model("sgd")
    frozen.trainable = False
    with pytest.raises(gs.JobError, match="nothing to train"):
        gs.keras.Job(frozen, gs.keras.Batches((INPUTS, TARGETS), 16), (INPUTS, TARGETS))
    with pytest.raises(gs.JobError, match="isn't compiled"):
        gs.keras.Job(keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]), lambda t: None, (INPUTS, TARGETS))
    with pytest.raises(gs.JobError, match="compile with a number"):
        job(keras.optimizers.SGD(gs.keras.Schedule(SCHEDULE, 0.3)))
    with pytest.raises(gs.JobError, match="Batches"):
        gs.keras.Job(model("sgd"), (INPUTS, TARGETS), (INPUTS, TARGETS))
    with pytest.raises(gs.ScheduleError, match="horizon"):
        gs.keras.Schedule("cosine()", 0.1)
    with pytest.raises(gs.ScheduleError, match="no text form"):
        gs.keras.Schedule(gs.from_function(lambda t: 1.0), 0.1)
    theirs = keras.optimizers.schedules.CosineDecay(0.1, 10)
    with pytest.raises(gs.ScheduleError, match="compile with a number"):
        moved_by(keras.optimizers.SGD(theirs), [gs.keras.Scheduler("cosine()")])


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Keras makes one batch at a time on torch")
@pytest.mark.parametrize("executed", [3, 4, 10])
def test_each_batch_of_an_execution_has_its_rate(executed):
    """A weight w with the loss w² moves by -2·rate·w; by hand, over two fits, with and without accumulation."""
    x, y = np.ones((10, 1), "float32"), np.zeros((10, 1), "float32")
    for every in (1, 2):
        made = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
        optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=every if every > 1 else None)
        made.compile(optimizer, "mse", steps_per_execution=executed)
        callback = gs.keras.Scheduler("linear", peak=0.1)
        w, updates = 1.0, 20 // every
        for fit in range(2):
            history = made.fit(x, y, batch_size=1, epochs=2, shuffle=False, verbose=0, callbacks=[callback])
            for t in range(updates):
                w *= 1 - 0.2 * (1 - t / updates)
            assert float(made.get_weights()[0][0, 0]) == pytest.approx(w, rel=1e-5), (every, fit)
            rates = [0.1 * (1 - t / updates) for t in (updates // 2 - 1, updates - 1)]
            assert history.history["learning_rate"] == pytest.approx(rates, rel=1e-5)
        optimizer.learning_rate = 0.3  # what the callback leaves is an optimizer as any other
        made.fit(x, y, batch_size=1, epochs=1, shuffle=False, verbose=0)
        assert float(made.get_weights()[0][0, 0]) == pytest.approx(w * 0.4 ** (10 // every), rel=1e-4)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Keras makes one batch at a time on torch")
def test_a_feedback_and_a_scaled_loss_within_executions():
    class Worse(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_loss"] = 1.0

    x, y = np.ones((8, 1), "float32"), np.zeros((8, 1), "float32")
    made = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=2.0)
    made.compile(optimizer, "mse", steps_per_execution=4)
    callback = gs.keras.Scheduler(gs.linear() * gs.plateau(0.5, patience=0))
    made.fit(x, y, batch_size=1, epochs=3, shuffle=False, verbose=0, callbacks=[Worse(), callback])
    w = 1.0
    for t in range(24):
        w *= 1 - 0.2 * (1 - t / 24) * [1, 1, 0.5][t // 8]
    assert float(made.get_weights()[0][0, 0]) == pytest.approx(w, rel=1e-5)


@pytest.mark.parametrize("first", ["glideslope", pytest.param("keras", marks=pytest.mark.slow)])
def test_a_saved_model_loads_after_importing_glideslope_alone(tmp_path, first):
    made = model(keras.optimizers.Adam(gs.keras.Schedule(SCHEDULE, 0.3)))
    made.fit(INPUTS, TARGETS, epochs=1, verbose=0)
    made.save(tmp_path / "model.keras")
    imports = "import glideslope, sys\nassert 'keras' not in sys.modules\nimport keras\n"
    if first == "keras":
        imports = "import keras\nimport glideslope\n"
    path = str(tmp_path / "model.keras")
    code = f"{imports}print(keras.models.load_model({path!r}).optimizer._learning_rate.schedule)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == str(SCHEDULE), done.stderr


def test_a_new_optimizer_at_a_later_epoch_warns():
    with pytest.warns(UserWarning, match="begins at epoch 2, but its optimizer has made no update"):
        rates, _ = moved_by(keras.optimizers.SGD(0.3), [gs.keras.Scheduler("linear()")], initial_epoch=2)
    np.testing.assert_allclose(rates, 0.3 * (1 - np.arange(20) / 40), atol=2e-6)
    callback = gs.keras.Scheduler(gs.linear().over(40).skip(20))
    with pytest.warns(UserWarning, match="no update"):
        rates, _ = moved_by(keras.optimizers.SGD(0.3), [callback], initial_epoch=2)
    np.testing.assert_allclose(rates, 0.3 * (1 - np.arange(20, 40) / 40), atol=2e-6)


@pytest.mark.parametrize("comes", ["before", "after"])
@pytest.mark.parametrize(
    "other",
    [lambda: keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=0, min_delta=1e9),
     lambda: keras.callbacks.LearningRateScheduler(lambda epoch, lr: 0.01 / (epoch + 1))],
)  # fmt: skip
def test_other_code_that_sets_the_rate_warns_once(other, comes):
    callbacks = [other(), gs.keras.Scheduler("linear()")]
    with pytest.warns(UserWarning, match=r"gs\.keras\.Scheduler had set") as said:
        rates, _ = moved_by(keras.optimizers.SGD(0.3), callbacks if comes == "before" else callbacks[::-1])
    texts = [str(warning.message) for warning in said if "gs.keras.Scheduler" in str(warning.message)]
    assert len(texts) == 1
    assert "ReduceLROnPlateau or LearningRateScheduler" in texts[0]
    np.testing.assert_allclose(rates, 0.3 * (1 - np.arange(40) / 40), atol=2e-6)


@pytest.mark.parametrize(("schedule", "steps"), [("cosine(4)", None), ("cosine", 4)])
def test_a_duration_in_epochs_that_was_written_as_updates_is_said_as_the_fit_begins(schedule, steps):
    with pytest.warns(gs.GlideslopeWarning, match=r"has ended by update 20, .* to 40 train next to nothing") as caught:
        moved_by(keras.optimizers.SGD(0.3), [gs.keras.Scheduler(schedule, steps=steps)])
    assert sum(one.category is gs.GlideslopeWarning for one in caught) == 1


def test_rates_in_the_place_of_factors_are_said():
    with pytest.warns(gs.GlideslopeWarning, match=r"at most 0.001 and multiplies a rate of 0.001, .* is 1e-06"):
        gs.keras.Schedule(1e-3 * gs.cosine(100), 1e-3)
    with pytest.warns(gs.GlideslopeWarning, match=r"at most 0.001 and multiplies a rate of 0.3, .* is 0.0003"):
        moved_by(keras.optimizers.SGD(0.3), [gs.keras.Scheduler(1e-3 * gs.cosine())])


def test_a_callback_alone_gives_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for _ in range(2):
            moved_by(keras.optimizers.SGD(0.3), [gs.keras.Scheduler("linear()")])


def test_a_model_with_other_optimizers_or_none():
    class Two(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)
            self.second = keras.optimizers.SGD(0.1)

        def call(self, x):
            return self.dense(x)

    made = Two()
    made.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="other optimizers too, second"):
        made.fit(INPUTS, TARGETS, verbose=0, callbacks=[gs.keras.Scheduler("linear()")])
    made.optimizer = None
    with pytest.raises(gs.ScheduleError, match="no optimizer of its own"):
        gs.keras.Scheduler("linear()").set_model(made)


def test_fewer_batches_than_an_update_takes():
    optimizer = keras.optimizers.SGD(0.3, gradient_accumulation_steps=16)
    rates, _ = moved_by(optimizer, [gs.keras.Scheduler("linear()")], epochs=1)
    np.testing.assert_array_equal(rates, 0)  # ten batches accumulate, and no update is made


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() == "torch", reason="this is that run")
def test_all_of_this_on_torch():
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", __file__]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stdout[-3000:]
    assert "5 skipped" in done.stdout


def test_a_train_step_that_makes_two_updates_of_a_batch():
    class Twice(keras.Sequential):
        def train_step(self, *args):
            first = super().train_step(*args)
            return super().train_step(*((first[1], args[1]) if len(args) == 2 else args))  # JAX's has a state

    model = Twice([keras.layers.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    x = np.ones((8, 1), "float32")
    model.fit(x, 0 * x, batch_size=1, shuffle=False, verbose=0, callbacks=[gs.keras.Scheduler("linear", steps=16)])
    weight = 1.0
    for batch in range(8):
        weight *= (1 - 0.2 * (1 - 2 * batch / 16)) ** 2
    assert float(model.get_weights()[0][0, 0]) == pytest.approx(weight, rel=1e-5)


def test_other_code_that_sets_the_rate_within_an_epoch_warns():
    class Other(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.model.optimizer.learning_rate = 0.01

    with pytest.warns(UserWarning, match="something else sets it too"):
        moved_by(keras.optimizers.SGD(0.3), [gs.keras.Scheduler("linear"), Other()], epochs=1)
