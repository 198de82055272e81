"""Exported code is run, and its rates are compared at every step."""

import csv
import io
import json
import os

os.environ["KERAS_BACKEND"] = "jax"

import jax
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings

import glideslope as gs
from tests.schedules.strategies import schedules

STEPS, PEAK = 300, 0.3
COMMON = [
    "constant(1)", "linear()", "cosine()", "cosine(final=0.1)", "polynomial(power=3)", "exponential(50%)", "step(100)",
    "exponential(30, ratio=0.5, staircase=true)", "linear(final=0.2)", "warmup(5%) >> cosine()", "wsd(10%, 20%)",
    "warmup(30) >> linear()", "warmup(30) >> hold()", "warmup(7.5) >> hold() >> cooldown(20%, shape=cosine)",
    "warmup(10%) >> cosine(final=0.05)", "one_cycle()", "two_phase_one_cycle()", "multistep([100, 200])", "rex()",
    "0.5 * cosine()", "warmup(10) >> exponential(50)", "cosine_hard_restarts()", "power()", "inverse_sqrt(20)",
    "(warmup(20) >> hold()).delay(1)", "(warmup(20, start=0.1) >> linear(280, final=0.1)).delay(1)",
    "warmup(10) >> hold() >> cooldown(20, shape=sqrt)", "warmup(10, shape=cosine) >> hold() >> cooldown(30)",
    "linear(20) >> exponential(30) >> linear(10)", "exponential(100) >> cooldown(20%)", "exponential(30) >> hold(10%)",
    "warmup(10%) >> 0.5 * hold()", "warmup(10%) >> hold() >> 0.5 * cooldown(20%)", "0.5 * hold() >> cooldown(50%)",
    "warmup(10) >> hold(30) >> cooldown(20)", "(warmup(10) >> hold() >> cooldown(20)).over(60)",
    "hold(100) >> step(30)", "warmup(0)", "cosine(0)", "step(0.5upd, ratio=0.99)",
    "step(2ep, ratio=0.5).over(300, steps_per_epoch=25)", "exponential(100ex).over(300, examples_per_step=2)",
    "(warmup(30) >> cosine()).over(300)", "log_warmup(20).lasting(20).delay(1)", "max(cosine(), constant(0.2))",
]  # fmt: skip


def namespace(code):
    found = {}
    exec(code, found)
    return found


def torch_rates(code):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    scheduler = namespace(code)["make"](optimizer)
    rates = []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def called(code):
    schedule = namespace(code)["schedule"]
    with jax.enable_x64(True):
        return [float(schedule(t)) for t in range(STEPS)]


def rows(code):
    return [float(row["lr"]) for row in csv.DictReader(io.StringIO(code))]


def deepspeed_rates(code):
    if not code.startswith("{"):
        return torch_rates(code)
    section = json.loads(code)["scheduler"]
    return (PEAK if section["type"] == "WarmupCosineLR" else 1) * gs.from_deepspeed(section)(np.arange(STEPS))


READ = {
    "torch": (torch_rates, 1e-12), "transformers": (torch_rates, 1e-12), "optax": (called, 1e-12),
    "keras": (called, 1e-6), "csv": (rows, 1e-15), "deepspeed": (deepspeed_rates, 1e-12),
}  # fmt: skip


def check(schedule, to):
    read, tolerance = READ[to]
    expected = PEAK * schedule.sample(STEPS)
    got = read(gs.export(schedule, STEPS, PEAK, to))
    least = np.finfo(float).tiny  # JAX flushes what is smaller to 0
    np.testing.assert_allclose(got, expected, rtol=0, atol=max(tolerance * expected.max(), least))


@pytest.mark.parametrize("to", [pytest.param(to, marks=pytest.mark.slow) if to == "keras" else to for to in READ])
@pytest.mark.parametrize("text", COMMON)
def test_common_schedules(text, to):
    check(gs.parse(text), to)


@pytest.mark.parametrize("to", ["torch", "optax", "transformers", "deepspeed", "csv"])
@given(schedules)
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.filter_too_much])
def test_any_schedule(to, schedule):
    try:
        schedule.over(STEPS)
    except gs.ScheduleError:
        assume(False)
    check(schedule.over(STEPS), to)


@pytest.mark.parametrize(
    ("text", "to", "says"),
    [
        ("step(100)", "torch", "StepLR(optimizer, step_size=100, gamma=0.1)"),
        ("polynomial()", "torch", "PolynomialLR"),
        ("warmup(30) >> cosine()", "torch", "math.cos"),
        ("warmup(30) >> cosine()", "optax", "optax.join_schedules([optax.linear_schedule(0.0, 0.3, 30)"),
        ("warmup(30) >> cosine()", "keras", "warmup_steps=30"),
        ("warmup(30) >> linear()", "transformers", "get_scheduler('linear', optimizer, num_warmup_steps=30"),
        ("rex()", "torch", "np.interp"),
        ("rex()", "optax", "no function for it: this is a table"),
        ("(warmup(20) >> hold()).delay(1)", "deepspeed", '"WarmupLR"'),
        ("constant(0, 1) >> warmup(20) >> cosine(280).skip(1)", "deepspeed", '"WarmupCosineLR"'),
        ("cosine()", "deepspeed", "deepspeed.initialize"),
    ],
)
def test_what_is_written(text, to, says):
    assert says in gs.export(gs.parse(text), STEPS, PEAK, to)


def test_mistakes():
    with pytest.raises(gs.ConversionError, match="known are torch"):
        gs.export(gs.cosine(), 10, 1.0, "caffe")
    with pytest.raises(gs.ConversionError, match="did you mean 'keras'"):
        gs.export(gs.cosine(), 10, 1.0, "tensorflow")
    with pytest.raises(gs.ConversionError, match="steps=0"):
        gs.export(gs.cosine(), 0, 1.0, "torch")
