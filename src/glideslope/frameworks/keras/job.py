"""A Keras training that a search may drive."""

from __future__ import annotations

import math
import random
from typing import Any

import keras
import numpy as np

from glideslope.documents import check_kind, shown
from glideslope.errors import JobError
from glideslope.frameworks.estimates import evenly, fewest
from glideslope.frameworks.keras import data
from glideslope.frameworks.numbered_job import NumberedJob
from glideslope.schedules.numbers import is_count
from glideslope.search.jobs.calls import calling

_MOST_BATCHES = 1000


class Job(NumberedJob):
    """A training made from what a Keras user has: a compiled model and arrays. On the torch and JAX backends.

    Args:
        model: compiled, with a number as its optimizer's rate.
        train: the batches of each update, `gs.keras.Batches((inputs, targets), batch_size)`, or any function of the
            number of batches taken, such as `lambda i: dataset[i % len(dataset)]` of a PyDataset. A batch is
            (inputs,), (inputs, targets) or (inputs, targets, weights), of arrays, however nested.
        validation: the same, of all examples.
        batch_size: the examples in a batch of the validation, whose loss doesn't depend on it.

    Raises:
        JobError: it is no model or isn't compiled, its rate is a schedule, or what is given isn't data.

    >>> import numpy as np, glideslope as gs
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(0.1), "mse")
    >>> x, y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")
    >>> job = gs.keras.Job(model, gs.keras.Batches((x, y), batch_size=4), (x, y))
    >>> state = job.state()
    >>> before, _ = job.evaluate(), job.step(lr=0.1)
    >>> job.evaluate() < before
    True
    >>> job.restore(state)
    >>> job.evaluate() == before
    True
    """

    counts = ("batches",)
    fixed = "Keras compiles the rest into the update"
    batches: int

    def __init__(self, model: Any, train: Any, validation: tuple[Any, ...], *, batch_size: int = 256) -> None:
        check_kind(JobError, keras.Model, "a compiled Keras model", model=model)
        optimizer = getattr(model, "optimizer", None)
        if optimizer is None:
            raise JobError("the model isn't compiled: model.compile(optimizer, loss)")
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        if not isinstance(inner._learning_rate, keras.Variable):
            raise JobError("the optimizer's rate is a schedule, which a search can't set: compile with a number")
        if not callable(train):
            raise JobError(f"train is a {type(train).__name__}: give gs.keras.Batches((inputs, targets), batch_size), "
                           "or a function of a batch's number, lambda i: dataset[i % len(dataset)]")  # fmt: skip
        self.model = model
        self._check_data("validation=", validation)
        data.check_lengths(validation)
        if not is_count(batch_size, math.inf) or batch_size < 1:
            raise JobError(f"batch_size={shown(batch_size, 80)}: give a whole number of examples, at least 1")
        super().__init__(train)
        self._validation = validation
        self._batch_size = int(batch_size)
        with calling("train", "at the first batch"):
            batch = self._next_batch()
            _build(model, batch[0])
        self._examples = (inner.gradient_accumulation_steps or 1) * data.length(batch)  # of an update
        _give_as_fit(model)

    def step(self, lr: float, **controls: float) -> float:
        """Makes one update at rate `lr`, of as many batches as the optimizer accumulates; returns the mean of their
        losses. Raises a JobError for a control, since none can be set, or if many batches in a row gave no update."""
        self._refuse(controls)
        optimizer = self.model.optimizer
        optimizer.learning_rate = lr
        before = int(optimizer.iterations)
        losses: list[float] = []
        while int(optimizer.iterations) == before:  # a batch may only accumulate, or its gradients be skipped
            if len(losses) == _MOST_BATCHES:
                raise JobError(f"{_MOST_BATCHES} batches in a row gave no update of model.optimizer: the gradients are "
                               "never finite, or train_step uses another optimizer")  # fmt: skip
            batch = self._next_batch()
            self.batches += 1
            losses.append(_loss("train_step", self.model.train_on_batch(*batch, return_dict=True)))
        return float(np.mean(losses))

    def _next_batch(self) -> Any:
        batch = super()._next_batch()
        self._check_data("train gave ", batch)
        data.check_batch(batch)
        return batch

    def _check_data(self, source: str, given: Any) -> None:
        if not data.are_data(given):
            raise JobError(f"{source}{shown(given, 80)}: {data.NEED}")
        if len(given) == 1 and not _trains_itself(self.model) and self.model.loss is not None:
            raise JobError(f"{source}{shown(given, 80)}: give (inputs, targets), since the model's loss needs targets")

    def evaluate(self) -> float:
        """The mean loss over the validation data; the training goes on as if it had not been. An optimizer with
        `use_ema` ends a `fit` with its averages, so they are measured; `finalize_variable_values` writes them."""
        return self._measured(self._validation)

    def estimate(self, updates: float) -> float:
        """The same over examples spread evenly over the validation data, for about the cost of `updates` updates, each
        of three forward passes of a batch: over about 512 at least."""
        size = data.length(self._validation)
        wanted = fewest(min(3 * updates * self._examples, size))
        if wanted >= size:
            return self.evaluate()
        return self._measured(data.taken(self._validation, evenly(wanted, size)))

    def _measured(self, examples: tuple[Any, ...]) -> float:
        before = _random_state()  # Keras's data loader draws from torch's generator
        model, optimizer = self.model, self.model.optimizer
        averaged = getattr(optimizer, "inner_optimizer", optimizer).use_ema and int(optimizer.iterations) > 0
        # A layer may draw here too, as an LSTM with recurrent dropout does on JAX.
        changed = model.variables if averaged else model.non_trainable_variables
        kept = _values(changed)
        if averaged:
            optimizer.finalize_variable_values(model.trainable_variables)
            # Copies: on JAX these are the optimizer's own arrays, and `evaluate` gives its model's away.
            _assign(model.trainable_variables, _values(model.trainable_variables))
        inputs, targets, weights = (*examples, None, None)[:3]
        measured = model.evaluate(
            inputs, targets, sample_weight=weights, batch_size=self._batch_size, verbose=0, return_dict=True
        )
        _assign(changed, kept)
        _set_random_state(before)
        return _loss("test_step", measured)

    def state(self) -> dict[str, Any]:
        """A snapshot of all that the next step depends on: lists of NumPy arrays, and plain data."""
        return {
            "variables": _values(self._variables()),
            **self._position(),
            "random": _random_state(),
        }

    def restore(self, state: Any) -> None:
        """Goes back to exactly where `state` was taken; raises JobError if it isn't a state of such a job."""
        self._check(state)
        _assign(self._variables(), state["variables"])
        self._go_to(state)
        _set_random_state(state["random"])

    def _check(self, state: Any) -> None:
        self._check_position(state, "variables", "random")
        values, here = state["variables"], self._variables()
        if not isinstance(values, list | tuple) or len(values) != len(here):
            raise JobError(f"the state doesn't have the {len(here)} variables of the job")
        for variable, value in zip(here, values, strict=True):
            if not isinstance(value, np.ndarray) or value.shape != tuple(variable.shape):
                raise JobError(f"{variable.path} has the shape {tuple(variable.shape)}, and in the state it is "
                               f"{shown(value)}")  # fmt: skip
        before = _random_state()
        try:
            _set_random_state(state["random"])
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            _set_random_state(before)
            raise JobError(f"the random generators in the state can't be restored: {error}") from None

    def _variables(self) -> list[Any]:
        """The model's, the states of its random generators among them, its metrics', and the optimizer's."""
        return [*self.model.variables, *self.model.optimizer.variables]


def _values(variables: list[Any]) -> list[np.ndarray]:
    """Copies of what variables hold."""
    return [np.array(keras.ops.convert_to_numpy(variable.value)) for variable in variables]


def _assign(variables: list[Any], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value.copy())  # on torch it may take the memory as it is


def _loss(call: str, measured: Any) -> float:
    """The loss among what a model's `train_step` or `test_step` gave."""
    if not isinstance(measured, dict) or "loss" not in measured:
        raise JobError(f"the model's {call} gave {shown(measured, 80)}: give a dict of numbers with 'loss'")
    return float(measured["loss"])


def _build(model: Any, inputs: Any) -> None:
    """Makes the variables of a model and its optimizer, as `fit` does. Raises a JobError if none can be trained."""
    if not all(layer.built for layer in model._flatten_layers()):
        given = keras.tree.map_structure(lambda array: keras.KerasTensor(np.shape(array), str(array.dtype)), inputs)
        if model(given) is None:
            raise JobError("the model's call gave None: let it return its outputs")
    if not model.trainable_variables:
        raise JobError("the model has no trainable variable: there is nothing to train")
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)


def _trains_itself(model: Any) -> bool:
    """Whether a model has a `train_step` of the user's."""
    return type(model).train_step is not keras.Model.train_step


def _give_as_fit(model: Any) -> None:
    """Makes `train_on_batch` give a `train_step`, and a loss of the user's, what `fit` does: tensors, and no None."""
    if "train_step" in vars(model):
        return
    train_step = model.train_step

    def given_as_fit(*arguments: Any) -> Any:
        *state, batch = arguments  # on JAX there is a state
        packed = keras.utils.pack_x_y_sample_weight(*batch)
        return train_step(*state, keras.tree.map_structure(data.tensor, packed))

    model.train_step = given_as_fit


def _random_state() -> dict[str, Any]:
    """The state of the global generators. Layers have their own in variables, but not torch for dropout."""
    if keras.backend.backend() == "torch":
        from glideslope.frameworks.torch.job import randomness

        return randomness.save()
    return {"numpy": np.random.get_state(), "python": random.getstate()}


def _set_random_state(state: dict[str, Any]) -> None:
    if keras.backend.backend() == "torch":
        from glideslope.frameworks.torch.job import randomness

        randomness.load(state)
    else:
        np.random.set_state(state["numpy"])
        random.setstate(state["python"])
