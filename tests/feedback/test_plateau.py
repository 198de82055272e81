"""Plateau's and greedy's decisions against torch's, transformers' and Optax's on random sequences."""

import math
import random

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau
from transformers.optimization import GreedyLR

import glideslope as gs


def optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)


def factors(feedback, metrics):
    state, found = feedback.init(), []
    for metric in metrics:
        state = feedback.update(state, metric)
        found.append(feedback.factor(state))
    return found


def their_factors(scheduler, metrics):
    found = []
    for metric in metrics:
        scheduler.step(metric)
        found.append(scheduler.optimizer.param_groups[0]["lr"])
    return found


def metrics_of(chance, length=40):
    """Positive: a walk that falls, flattens and jumps."""
    level, found = chance.uniform(0.1, 10), []
    for _ in range(length):
        level *= chance.choice([0.5, 0.9, 0.99, 0.9999, 1.0, 1.0, 1.01, 1.5])
        found.append(level)
    return found


def test_ten_thousand_sequences_decide_as_torch_does():
    chance = random.Random(0)
    for _ in range(10_000):
        mode, threshold_mode = chance.choice(["min", "max"]), chance.choice(["relative", "absolute"])
        shared = {
            "factor": chance.choice([0.1, 0.5, 0.9]), "patience": chance.randint(0, 5),
            "threshold": chance.choice([0.0, 1e-4, 0.01, 0.3]), "cooldown": chance.randint(0, 4), "mode": mode,
        }  # fmt: skip
        floor, metrics = chance.choice([0.0, 0.02]), metrics_of(chance)
        theirs = ReduceLROnPlateau(optimizer(), threshold_mode=threshold_mode[:3], min_lr=floor, eps=0, **shared)
        ours = gs.plateau(threshold_mode=threshold_mode, floor=floor, **shared)
        assert factors(ours, metrics) == their_factors(theirs, metrics)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_constant_metric_of_either_sign_is_cut(sign, mode):
    assert factors(gs.plateau(patience=3, mode=mode), [sign] * 6)[-1] == 0.1


def test_their_plateau_never_cuts_a_negative_constant():
    """pytorch #38622: the reference; it fails when they mend it."""
    assert their_factors(ReduceLROnPlateau(optimizer(), patience=3, eps=0), [-1.0] * 100)[-1] == 1.0


def test_two_thousand_sequences_decide_as_greedy_does():
    chance = random.Random(1)
    for _ in range(2_000):
        mode, threshold_mode = chance.choice(["min", "max"]), chance.choice(["relative", "absolute"])
        shared = {
            "factor": chance.choice([0.5, 0.9]), "patience": chance.randint(0, 4), "cooldown": chance.randint(0, 3),
            "warmup": chance.randint(0, 3), "mode": mode,
            "threshold": chance.choice([0.0, 0.01]),
        }  # fmt: skip
        theirs = GreedyLR(
            optimizer(), threshold_mode=threshold_mode[:3], min_lr=0.05, max_lr=4.0, eps=0, reset_start=10**9, **shared
        )
        ours = gs.greedy(threshold_mode=threshold_mode, floor=0.05, ceiling=4.0, **shared)
        metrics = metrics_of(chance)
        assert factors(ours, metrics) == pytest.approx(their_factors(theirs, metrics), rel=1e-12)


def test_optax_decides_the_same_where_its_meaning_is():
    """It cuts at the patience-th bad measurement, torch and we at the next: its patience is ours plus one."""
    chance = random.Random(2)
    for _ in range(20):
        patience, cooldown = chance.randint(1, 4), 0
        theirs = optax.contrib.reduce_on_plateau(0.5, patience=patience, rtol=0.013, cooldown=cooldown)
        state, found, metrics = theirs.init(jnp.zeros(1)), [], metrics_of(chance)
        update = jax.jit(lambda state, value, theirs=theirs: theirs.update(jnp.ones(1), state, value=value)[1])
        for metric in metrics:
            state = update(state, metric)
            found.append(float(state.scale))
        ours = gs.plateau(
            0.5, patience=patience - 1, threshold=0.013
        )  # no metric is just there, where theirs is single
        assert factors(ours, [float(jnp.float32(metric)) for metric in metrics]) == pytest.approx(found)


@pytest.mark.parametrize("feedback", [gs.plateau(0.5, 2, cooldown=1, smoothing=0.3), gs.greedy(0.5, 1)])
def test_the_same_under_jit(feedback):
    metrics = metrics_of(random.Random(3))
    update, state, found = jax.jit(feedback.update), feedback.init(), []
    with jax.enable_x64(True):
        for metric in metrics:
            state = update(state, jnp.asarray(metric))
            found.append(float(feedback.factor(state)))
    assert found == factors(feedback, metrics)
    assert all(isinstance(value, float) for value in feedback.init().values())


def test_smoothing_is_an_average_with_bias_correction():
    state = gs.plateau(smoothing=0.5).init()
    for metric in (4.0, 2.0):
        state = gs.plateau(smoothing=0.5).update(state, metric)
    assert state["best"] == pytest.approx((0.5 * 4 + 2) / 1.5)


@pytest.mark.parametrize("smoothing", [0.0, 0.5])
def test_an_infinite_measurement_is_forgotten(smoothing):
    falling = [1 / (i + 1) for i in range(30)]
    feedback = gs.plateau(0.5, patience=2, smoothing=smoothing)
    assert factors(feedback, [math.inf, *falling])[-1] == 1.0
    assert factors(feedback, [1.0, math.inf, *falling[1:]])[-1] == 1.0
    theirs = ReduceLROnPlateau(optimizer(), factor=0.5, patience=2, eps=0)
    if not smoothing:
        metrics = [math.inf] * 5 + falling
        assert factors(feedback, metrics) == their_factors(theirs, metrics)


def test_products_in_any_order():
    plateau = gs.plateau()
    assert plateau * gs.cosine() == gs.cosine() * plateau
    assert plateau * 2 == 2 * plateau == gs.parse("2 * plateau")
    assert (plateau * plateau).feedbacks == (plateau, plateau)
    assert (gs.cosine() * plateau) / 2 == gs.parse("cosine * plateau / 2") == 0.5 * (gs.cosine() * plateau)
    assert gs.parse("plateau * cosine") == gs.cosine() * plateau


def test_text_and_products():
    both = gs.cosine() * gs.plateau(0.5, 3) * gs.greedy()
    assert str(both) == "cosine() * plateau(factor=0.5, patience=3) * greedy()"
    assert gs.parse(str(both)) == both
    assert str(0.1 * both) == "0.1 * cosine() * plateau(factor=0.5, patience=3) * greedy()"
    assert gs.parse("(warmup(5%) >> hold()) * plateau") == (gs.warmup("5%") >> gs.hold()) * gs.plateau()
    state = both.init()
    for _ in range(5):
        state = both.update(state, 1.0)
    assert both.factor(state) == 0.5
    assert both.over(10).schedule(5) == 0.5


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: gs.plateau(1.5), "factor=1.5"),
        (lambda: gs.plateau(patience=-1), "patience=-1"),
        (lambda: gs.plateau(mode="least"), "'min' or 'max'"),
        (lambda: gs.plateau(threshold_mode="rel"), "'relative' or 'absolute'"),
        (lambda: gs.greedy(ceiling=math.inf), "finite"),
        (lambda: gs.plateau().update(gs.plateau().init(), math.nan), "NaN"),
        (lambda: gs.plateau().update(gs.plateau().init(), None), "give one number"),
        (lambda: gs.plateau().update(gs.plateau().init(), torch.ones((), requires_grad=True) * 2), "detach"),
        (lambda: gs.parse("cosine * plato"), "did you mean 'plateau'"),
        (lambda: gs.parse("cosine * plateau(factor=3)"), "column 10"),
        (lambda: gs.parse("cosine * plateau >> hold"), "(a >> b) * feedback"),
        (lambda: gs.parse("plateau.clip(0.1)"), "no methods"),
        (lambda: gs.export(gs.cosine() * gs.plateau(), 10, 0.1, "csv"), "take its schedule alone"),
        (lambda: gs.keras.Schedule("cosine * plateau", 0.1), "take its schedule alone"),
        (lambda: gs.keras.Scheduler("cosine * guard"), "gs.keras.Job has one"),
    ],
)
def test_mistakes(make, says):
    with pytest.raises(gs.GlideslopeError) as error:
        make()
    assert says in str(error.value)


@pytest.mark.parametrize("name", ["patience", "cooldown", "warmup"])
@pytest.mark.parametrize("value", [1.5, -1, True, "3", float("inf")])
def test_greedy_counts_in_whole_measurements(name, value):
    with pytest.raises(gs.FeedbackError, match=name):
        gs.greedy(**{name: value})


def test_numbers_of_numpy_are_numbers():
    assert gs.plateau(np.float64(0.5), patience=np.int64(2)) == gs.plateau(0.5, patience=2)
    assert str(gs.guard(every=np.int64(20))) == str(gs.guard(every=20))
    assert str(gs.greedy(np.float64(0.5), np.int32(3))) == "greedy(factor=0.5, patience=3)"
