"""States of averages, balance, jobs and feedbacks, damaged: refused with nothing changed, or right."""

from __future__ import annotations

import copy
import os
import random
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

import glideslope as gs
from faults.documents import damaged
from faults.tally import Kinds, seeded

Loaded = tuple[Callable[[Any], None], Callable[[], Any]]
"""What loads a state, and all that can be seen of what it was loaded into."""


def tried(seed: int, state: Any, new: Callable[[], Loaded], sealed: bool, ours: type[Exception]) -> str | None:
    """A damaged state, loaded.

    Args:
        seed: of the damage.
        state: before it.
        new: makes what it is loaded into.
        sealed: whether a checksum tells one possible value from another.
        ours: the error that a refusal is.
    """
    changed = damaged(random.Random(seed), copy.deepcopy(state))
    load, observed = new()
    before = observed()
    try:
        load(changed)
    except ours:
        if not _same(observed(), before):
            return f"refused, and changed: {changed!r}"
        load(copy.deepcopy(state))
        return None
    after = observed()
    right, see = new()
    right(copy.deepcopy(state))
    return None if not sealed or _same(after, see()) else f"another state: {changed!r}"


def _same(one: Any, other: Any) -> bool:
    """Whether two are the same to single precision."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, torch.Tensor | np.ndarray | float):
        return np.allclose(one, other, rtol=1e-6, atol=0, equal_nan=True)
    return bool(one == other)


def _network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))


AVERAGES = (("ema(0.9)", None), ("swa(50%)", 8))


def average(seed: int) -> str | None:
    """A state of an average of the weights: of tensors the shapes and types are checked, not each number."""
    kind, steps = AVERAGES[seed % 2]

    def new() -> Loaded:
        held = gs.torch.Average(torch.nn.Linear(3, 5), kind, steps=steps)
        return held.load_state_dict, held.state_dict

    return tried(seed, _average(kind, steps), new, True, gs.FrameworkError)


@cache
def _average(kind: str, steps: int | None) -> dict[str, Any]:
    model = torch.nn.Linear(3, 5)
    held = gs.torch.Average(model, kind, steps=steps)
    for i in range(7):
        torch.nn.init.constant_(model.weight, i)
        held.update()
    return copy.deepcopy(held.state_dict())


def _balanced() -> tuple[torch.optim.Optimizer, Any, Callable[[], None]]:
    model = _network()
    optimizer = torch.optim.SGD(gs.torch.groups(model, lr=0.1, merge=False), lr=0.1)
    balance = gs.torch.Balance(model, optimizer, probe=3, every=5)

    def update() -> None:
        optimizer.zero_grad()
        model(torch.ones(4, 3) * torch.arange(4.0)[:, None]).square().mean().backward()
        optimizer.step()

    return optimizer, balance, update


def balance(seed: int) -> str | None:
    """What balance keeps in an optimizer's state; the rest of that is torch's own to check."""
    whole, draw = _balance(4 + seed % 4), random.Random(seed)
    group = draw.randrange(len(whole["param_groups"]))

    def new() -> Loaded:
        optimizer, held, _ = _balanced()

        def load(kept: Any) -> None:
            state = copy.deepcopy(whole)
            state["param_groups"][group]["balance"] = kept
            optimizer.load_state_dict(state)

        return load, lambda: [held.multipliers, optimizer.state_dict()["param_groups"]]

    return tried(seed, whole["param_groups"][group]["balance"], new, True, gs.LayerError)


@cache
def _balance(updates: int) -> dict[str, Any]:
    optimizer, _, update = _balanced()
    for _ in range(updates):
        update()
    return copy.deepcopy(optimizer.state_dict())


def _job(kind: int) -> gs.torch.Job:
    data = torch.randn(24, 3, generator=torch.Generator().manual_seed(1))
    loader = DataLoader(TensorDataset(data, data.sum(1, keepdim=True)), batch_size=4, shuffle=True)
    model = _network()
    make = (torch.optim.SGD, torch.optim.AdamW, torch.optim.Adagrad)[kind]
    optimizer = make(model.parameters(), lr=0.1, **({"momentum": 0.9} if kind == 0 else {}))
    return gs.torch.Job(model, optimizer, torch.nn.MSELoss(), loader, loader)


def torch_job(seed: int) -> str | None:
    """A state of a torch job: refused with nothing changed, or it trains on."""
    kind = seed % 3

    def new() -> Loaded:
        job = _job(kind)

        def load(state: Any) -> None:
            job.restore(state)
            for _ in range(3):
                job.step(0.05)

        return load, job.state

    return tried(seed, _state(kind), new, False, gs.JobError)


@cache
def _state(kind: int) -> dict[str, Any]:
    job = _job(kind)
    if kind == 1:
        job.average("ema", 0.9)
    for _ in range(8):
        job.step(0.05)
    return job.state()


FEEDBACKS = ("linear(20) * plateau(patience=1, factor=0.5)", "constant(1) * greedy(patience=1) * plateau(patience=2)")


def keras(seed: int) -> str | None:
    """A state of Keras's scheduler: refused with nothing changed, or the right rates."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    feedback = gs.parse(FEEDBACKS[seed % 2])

    def new() -> Loaded:
        scheduler = gs.keras.Scheduler(feedback)
        return scheduler.load_state_dict, lambda: dict(scheduler.feedback_state)

    saved = gs.keras.Scheduler(feedback)
    saved.feedback_state = _measured(feedback)
    return tried(seed, saved.state_dict(), new, True, gs.FeedbackError)


def jax(seed: int) -> str | None:
    """A state of a feedback in Optax, as a checkpoint brings it: refused, or factors that can be."""
    feedback = gs.parse(FEEDBACKS[seed % 2])

    def new() -> Loaded:
        def load(numbers: Any) -> None:
            state = gs.jax.FeedbackState(3, numbers)
            gs.jax.check_feedback((state, ()), feedback)
            factor = float(feedback.factor(numbers))
            if not 0 <= factor < 1e30:
                raise AssertionError(f"a factor of {factor}")

        return load, lambda: None

    return tried(seed, _measured(feedback), new, False, gs.FeedbackError)


def _measured(feedback: Any) -> dict[str, float]:
    state = feedback.init()
    for loss in (1.0, 0.9, 0.95, 0.97, 0.99, 0.98):
        state = feedback.update(state, loss)
    return state


def keras_job(seed: int) -> str | None:
    """A state of a Keras job."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return tried(seed, _keras_job().state(), lambda: (_keras_job().restore, _keras_job().state), False, gs.JobError)


@cache
def _keras_job() -> Any:
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2), keras.layers.Dropout(0.5)])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    data = np.ones((8, 2), "float32"), np.ones((8, 2), "float32")
    return gs.keras.Job(model, gs.keras.Batches(data, batch_size=4), data)


def jax_job(seed: int) -> str | None:
    """A state of a JAX job: refused, or it trains on."""

    def new() -> Loaded:
        job = _jax_job()

        def load(state: Any) -> None:
            job.restore(state)
            job.step(0.1)

        return load, lambda: [job.params, job.opt_state, job.updates, job.skipped]

    return tried(seed, _jax_job().state(), new, False, gs.JobError)


def _jax_job() -> Any:
    def update(params: Any, state: Any, batch: Any, lr: Any) -> Any:
        loss = ((params["w"] * batch - 1) ** 2).mean()
        moved = 0.9 * state["momentum"] + 2 * (params["w"] * batch - 1).mean()
        return {"w": params["w"] - lr * moved}, {"momentum": moved}, loss

    data = gs.jax.Batches((np.ones((8,), "float32"),), batch_size=4)
    start = {"w": np.zeros((), "float32")}, {"momentum": np.zeros((), "float32")}
    return gs.jax.Job(*start, lambda p, s, batch, lr: update(p, s, batch[0], lr), data, lambda params: params["w"])


KINDS: Kinds = {
    "averages": ("states of averages of weights, damaged", seeded(average), 20_000),
    "balances": ("states of balance in an optimizer's, damaged", seeded(balance), 3_000),
    "torch_jobs": (
        "states of torch jobs, damaged: nothing changed, or it trains on",
        seeded(torch_job),
        2_000,
    ),
    "keras_jobs": ("states of Keras jobs, damaged: nothing changed, or taken over", seeded(keras_job), 1_000),
    "jax_jobs": ("states of JAX jobs, damaged: nothing changed, or it trains on", seeded(jax_job), 100),
    "keras_states": ("states of schedulers in Keras, damaged", seeded(keras), 20_000),
    "jax_states": ("states of feedbacks in Optax, damaged: factors that can be, or an error", seeded(jax), 20_000),
}
