"""Every schedule of transformers.get_scheduler, stepped, against the schedule of its name."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import get_scheduler

import glideslope as gs

STEPS = 100


def check(name, warm, specific=None, ours=None, rate=0.3):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    scheduler = get_scheduler(name, optimizer, warm, STEPS, scheduler_specific_kwargs=specific)
    theirs = []
    for _ in range(STEPS):
        theirs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    found = gs.from_transformers(name, warm, STEPS, **(specific or {}) | (ours or {}))
    np.testing.assert_allclose(rate * found(np.arange(STEPS)), theirs, rtol=0, atol=1e-12 * max(theirs))


def parity(*strategies):
    return lambda test: settings(deadline=None, max_examples=30)(given(*strategies)(test))


warmups = st.integers(0, 60)


@parity(warmups, st.sampled_from(["linear", "cosine", "cosine_with_restarts", "constant_with_warmup", "inverse_sqrt"]))
def test_plain(warm, name):
    check(name, warm)


def test_constant():
    check("constant", 0)


@parity(warmups, st.integers(1, 5))
def test_restarts(warm, cycles):
    check("cosine_with_restarts", warm, {"num_cycles": cycles})


@parity(warmups, st.sampled_from([0.5, 1.0, 1.5, 2.0, 0.25, 0.7]))
def test_cosine_waves(warm, cycles):
    check("cosine", warm, {"num_cycles": cycles})


@parity(warmups, st.floats(0.5, 3), st.floats(0, 0.2))
def test_polynomial(warm, power, end):
    check("polynomial", warm, {"power": power, "lr_end": end}, {"lr_init": 0.3})


@parity(warmups, st.integers(1, 200))
def test_inverse_sqrt(warm, timescale):
    check("inverse_sqrt", warm, {"timescale": timescale})


@parity(warmups, st.floats(0, 1))
def test_cosine_with_min_lr(warm, low):
    check("cosine_with_min_lr", warm, {"min_lr_rate": low})


def test_cosine_with_min_lr_as_a_rate():
    check("cosine_with_min_lr", 10, {"min_lr": 0.03}, {"lr_init": 0.3})


@parity(st.integers(2, 60), st.floats(0, 1), st.none() | st.floats(0, 1))
def test_cosine_warmup_with_min_lr(warm, low, first):
    specific = {"min_lr_rate": low} | ({} if first is None else {"warmup_lr_rate": first})
    check("cosine_warmup_with_min_lr", warm, specific)


KINDS = st.sampled_from(["linear", "cosine", "1-sqrt"])


@parity(st.integers(1, 40), st.integers(1, 40), KINDS, KINDS, st.floats(0, 1))
def test_warmup_stable_decay(warm, decay, rise, fall, low):
    check(
        "warmup_stable_decay", warm,
        {"num_decay_steps": decay, "warmup_type": rise, "decay_type": fall, "min_lr_ratio": low},
    )  # fmt: skip


def test_schedulers_without_a_schedule_are_refused():
    for name in ("reduce_lr_on_plateau", "greedy", "cosin"):
        with pytest.raises(gs.ConversionError, match="unknown"):
            gs.from_transformers(name)
    with pytest.raises(gs.ConversionError, match="steps"):
        gs.from_transformers("cosine", 10)
