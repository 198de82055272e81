"""Functions that a user gives to a job: what they return is taken, or refused by an error that says what to give."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
import torch

import glideslope as gs

INPUTS = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
TARGETS = INPUTS.sum(1, keepdims=True)
RETURNED = {
    "None": None, "text": "x", "bytes": b"x", "vector": np.ones(3, "float32"), "tensor": torch.ones(3), "empty": (),
    "triple": (1.0, 2.0, 3.0, 4.0), "mapping": {}, "complex": 1j, "object": object(), "text pair": ("x", "y"),
}  # fmt: skip


def mean(model, batch):
    return (model(batch[0]) - batch[1]).square().mean()


def of_torch(model=None, **options):
    model = torch.nn.Linear(4, 1) if model is None else model
    data = torch.utils.data.TensorDataset(torch.tensor(INPUTS), torch.tensor(TARGETS))
    loader = torch.utils.data.DataLoader(data, batch_size=8)
    if "batch_loss" not in options:
        options.setdefault("loss", torch.nn.MSELoss())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return gs.torch.Job(model, optimizer, train_loader=loader, validation_loader=loader, **options)


def update(params, opt_state, batch, lr):
    loss, gradient = jax.value_and_grad(lambda w: jnp.mean((batch[0] @ w - batch[1]) ** 2))(params)
    return params - lr * gradient, opt_state, loss


def of_jax(**options):
    given = {"update": update, "data": gs.jax.Batches((INPUTS, TARGETS), 8), "evaluate": jnp.mean} | options
    return gs.jax.Job(jnp.zeros((4, 1)), (), **given)


def of_keras(**options):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    given = {"train": gs.keras.Batches((INPUTS, TARGETS), 8), "validation": (INPUTS, TARGETS)} | options
    return gs.keras.Job(model, **given)


class Metric:
    def __init__(self, compute):
        self.compute = compute

    def update(self, outputs, targets):
        pass


def error(outputs, targets):
    return (outputs - targets).abs().mean()


MADE = {
    "loss": lambda give: of_torch(loss=give),
    "batch_loss": lambda give: of_torch(batch_loss=give),
    "the metric": lambda give: of_torch(metric=give),
    "compute()": lambda give: of_torch(metric=Metric(give)),
    "predict": lambda give: of_torch(batch_loss=mean, metric=error, predict=give),
    "weight": lambda give: of_torch(weight=give),
    "weight of a batch": lambda give: of_torch(batch_loss=mean, weight=give),
    "weight of a metric": lambda give: of_torch(batch_loss=mean, metric=mean, weight=give),
    "evaluate": lambda give: of_jax(evaluate=give),
    "train": lambda give: of_keras(train=give),
    "a later train": lambda give: of_keras(train=lambda t: give(t) if t else (INPUTS[:8], TARGETS[:8])),
}


def driven(make, give):
    job = make(give)
    for _ in range(2):
        job.step(lr=0.01)
    job.evaluate()


@pytest.mark.parametrize(
    ("which", "returned"),
    [(which, what) for which in MADE for what in RETURNED if (which, what) != ("predict", "text pair")],  # is a pair
)
def test_what_a_function_returns_is_refused_with_what_to_give(which, returned):
    with pytest.raises(gs.JobError, match=r": (give|return) |must give a number") as refused:
        driven(MADE[which], lambda *_: RETURNED[returned])
    assert "\n" not in str(refused.value)
    assert which.removeprefix("a later ").partition(" of")[0] in str(refused.value)


@pytest.mark.parametrize(
    ("give", "says"),
    [
        (lambda params, opt_state, batch, lr: (params, opt_state), r"update gave .*: give \(params, opt_state, loss\)"),
        (lambda params, opt_state, batch, lr: params, r"update gave .*: give \(params, opt_state, loss\)"),
        (lambda params, opt_state, batch, lr: (params[:2], opt_state, 1.0), r"params unlike those .*\(4, 1\)"),
        (lambda params, opt_state, batch, lr: ([params], opt_state, 1.0), "params unlike those it got"),
        (lambda params, opt_state, batch, lr: (params, (1.0,), 1.0), "opt_state unlike that it got"),
    ],
)
def test_an_update_of_jax_returns_what_it_is_given_and_a_loss(give, says):
    with pytest.raises(gs.JobError, match=says):
        of_jax(update=give).step(lr=0.1)


class Giving(torch.nn.Linear):
    """A linear layer that gives something else."""

    def __init__(self, given):
        super().__init__(4, 1)
        self.given = given

    def forward(self, x):
        return self.given


@pytest.mark.parametrize("given", [None, 1, 2.0, "x", True])
def test_a_model_gives_outputs(given):
    for measured in (lambda job: job.step(lr=0.1), lambda job: job.evaluate()):
        for options in ({}, {"metric": error}, {"accumulate": 2}):
            with pytest.raises(gs.JobError, match=r"the model gave .*: let its forward return the outputs"):
                measured(of_torch(Giving(given), **options))


@pytest.mark.parametrize("count", [-1, float("inf"), float("nan"), torch.ones(1, requires_grad=True)])
def test_the_second_of_a_pair_is_a_number_of_units(count):
    for which in ("loss", "batch_loss"):
        job = of_torch(**{which: lambda *_: (torch.ones(1, requires_grad=True), count)})
        with pytest.raises(gs.JobError, match=f"{which}, as the second of a pair, gave .*: give the number of units"):
            job.step(lr=0.1)


@pytest.mark.parametrize("given", [None, 3, "f", [1]])
def test_what_is_no_function_is_refused(given):
    made = [lambda: of_jax(update=given), lambda: of_jax(data=given), lambda: of_jax(evaluate=given),
            lambda: of_keras(train=given)]  # fmt: skip
    if given is not None:  # which stands for none
        made += [lambda: of_torch(batch_loss=mean, metric=error, predict=given), lambda: of_torch(weight=given)]
    for make in made:
        with pytest.raises(gs.JobError, match=r": (give|train is)|give "):
            make()


def test_what_a_function_raises_while_a_job_of_keras_is_made_is_named():
    def train(number):
        raise KeyError("no such file")

    with pytest.raises(gs.JobError, match="train failed at the first batch: KeyError: 'no such file'"):
        of_keras(train=train)


@pytest.mark.parametrize("validation", [None, (INPUTS,), (INPUTS, None), (INPUTS, "x"), (INPUTS, 1.0), ((), ()), "xy"])
def test_validation_data_of_keras_are_arrays(validation):
    with pytest.raises(gs.JobError, match=r"validation=.*: give .*\(inputs, targets\)"):
        of_keras(validation=validation)


@pytest.mark.parametrize("size", [0, -1, 2.5, "8", None])
def test_a_batch_of_a_validation_of_keras_has_examples(size):
    with pytest.raises(gs.JobError, match=r"batch_size=.*: give "):
        of_keras(batch_size=size)


@pytest.mark.parametrize("loss", [np.float32(2), np.array(2.0), torch.tensor([2.0]), 2])
def test_a_number_of_any_kind_is_a_metric(loss):
    assert of_torch(metric=lambda outputs, targets: loss).evaluate() == 2
    assert of_torch(metric=lambda outputs, targets: (2 * loss, loss)).evaluate() == 2
    assert of_torch(metric=Metric(lambda: loss)).evaluate() == 2


def test_weights_and_batches_of_keras_in_either_form():
    weights = np.ones(8, "float32")
    for form in (tuple, list):
        for rest in ([], [weights], [None]):
            batch = form([INPUTS[:8], TARGETS[:8], *rest])
            assert np.isfinite(of_keras(train=lambda t, batch=batch: batch).step(lr=0.01))


@pytest.mark.parametrize(
    "model",
    [torch.nn.Linear(3, 1), keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])],
    ids=["torch", "keras"],
)
@pytest.mark.parametrize("search", [lambda job: gs.tune(job, 100, overhead=1), gs.find, gs.check_job])
def test_a_model_in_the_place_of_a_job_is_named(model, search):
    with pytest.raises(gs.JobError, match=r"the job is (Linear\(|<Sequential).*, without step, .*: a job has step"):
        search(model)
