"""Every scheduler of torch.optim.lr_scheduler, stepped, against the schedule that is read from it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler

import glideslope as gs

STEPS = 120
rates = st.floats(1e-5, 10)
ratios = st.floats(0.01, 1)
counts = st.integers(1, 150)


def optimizer(rate=0.1):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate, momentum=0.9)


def stepped(scheduler, steps=STEPS):
    """The rates of the first updates, by stepping the real object."""
    rates = []
    for _ in range(steps):
        rates.append(scheduler.optimizer.param_groups[0]["lr"])
        scheduler.optimizer.step()
        scheduler.step()
    return np.array(rates)


def check(scheduler, steps=STEPS):
    ours = gs.from_torch(scheduler)
    initial = scheduler.optimizer.param_groups[0]["initial_lr"]
    theirs = stepped(scheduler, steps)
    np.testing.assert_allclose(initial * ours(np.arange(steps)), theirs, rtol=0, atol=1e-12 * theirs.max())
    np.testing.assert_allclose([initial * ours(t) for t in range(steps)], theirs, rtol=0, atol=1e-12 * theirs.max())


def parity(*strategies):
    return lambda test: settings(deadline=None, max_examples=30)(given(*strategies)(test))


@parity(rates, counts, ratios)
def test_step(rate, size, gamma):
    check(lr_scheduler.StepLR(optimizer(rate), size, gamma))


@parity(rates, st.lists(counts, min_size=1, max_size=5), ratios)
def test_multistep(rate, milestones, gamma):
    check(lr_scheduler.MultiStepLR(optimizer(rate), milestones, gamma))


@parity(rates, ratios, counts)
def test_constant(rate, factor, total):
    check(lr_scheduler.ConstantLR(optimizer(rate), factor, total))


@parity(rates, ratios, ratios, counts)
def test_linear(rate, start, end, total):
    check(lr_scheduler.LinearLR(optimizer(rate), start, end, total))


@parity(rates, st.floats(0.9, 1))
def test_exponential(rate, gamma):
    check(lr_scheduler.ExponentialLR(optimizer(rate), gamma))


@parity(rates, counts, st.floats(0.3, 4))
def test_polynomial(rate, total, power):
    check(lr_scheduler.PolynomialLR(optimizer(rate), total, power))


@parity(rates, counts, st.floats(0, 1))
def test_cosine_until_its_end(rate, total, low):
    check(lr_scheduler.CosineAnnealingLR(optimizer(rate), total, eta_min=low * rate), min(STEPS, total + 1))


@parity(rates, counts, st.integers(1, 3), st.floats(0, 1))
def test_cosine_restarts(rate, first, growth, low):
    check(lr_scheduler.CosineAnnealingWarmRestarts(optimizer(rate), first, growth, eta_min=low * rate))


@parity(
    rates,
    st.floats(0.01, 0.99),
    counts,
    counts,
    st.sampled_from(["triangular", "triangular2", "exp_range"]),
    st.floats(0.9, 1),
)
def test_cyclic(rate, low, up, down, mode, gamma):
    check(lr_scheduler.CyclicLR(optimizer(), low * rate, rate, up, down, mode, gamma))


@parity(
    rates,
    st.integers(10, STEPS),
    st.floats(0.15, 0.4),
    st.sampled_from(["cos", "linear"]),
    st.booleans(),
    st.floats(1.5, 50),
    st.floats(1.5, 1e4),
)
def test_one_cycle(rate, total, rise, shape, three, start, end):
    scheduler = lr_scheduler.OneCycleLR(
        optimizer(), rate, total, pct_start=rise, anneal_strategy=shape, three_phase=three, div_factor=start,
        final_div_factor=end,
    )  # fmt: skip
    check(scheduler, total)


@parity(st.integers(10, STEPS), st.floats(0.15, 0.4), st.booleans())
def test_one_cycle_momentum(total, rise, three):
    scheduler = lr_scheduler.OneCycleLR(optimizer(), 1.0, total, pct_start=rise, three_phase=three)
    momentum = gs.from_torch(scheduler).momentum(0.95, 0.85)
    for t in range(total):
        assert momentum(t) == pytest.approx(scheduler.optimizer.param_groups[0]["momentum"], abs=1e-12)
        scheduler.optimizer.step()
        if t < total - 1:
            scheduler.step()


@parity(rates, st.floats(0, 0.1))
def test_lambda(rate, slope):
    check(lr_scheduler.LambdaLR(optimizer(rate), lambda t: 1 / (1 + slope * t)))


@parity(rates, st.integers(1, 40), st.integers(1, 40), st.integers(1, 60), ratios)
def test_sequential(rate, warm, stay, total, start):
    own = optimizer(rate)
    parts = [
        lr_scheduler.LinearLR(own, start, 1.0, warm),
        lr_scheduler.ConstantLR(own, 1.0, 1),
        lr_scheduler.CosineAnnealingLR(own, total),
    ]
    milestones = [warm + 3, warm + 3 + stay]
    check(lr_scheduler.SequentialLR(own, parts, milestones), warm + 3 + stay + total)


@parity(rates, st.integers(1, 100), ratios, st.floats(0.9, 1))
def test_chained(rate, warm, start, gamma):
    own = optimizer(rate)
    check(
        lr_scheduler.ChainedScheduler(
            [lr_scheduler.LinearLR(own, start, 1.0, warm), lr_scheduler.ExponentialLR(own, gamma)]
        )
    )


def test_groups_of_one_schedule():
    own = torch.optim.SGD([{"params": [torch.zeros(1)], "lr": 0.1}, {"params": [torch.zeros(1)], "lr": 0.3}])
    assert gs.from_torch(lr_scheduler.StepLR(own, 10)) == gs.step(10)
    with pytest.raises(gs.ConversionError, match="different schedules"):
        gs.from_torch(lr_scheduler.CosineAnnealingLR(own, 10, eta_min=0.01))


@pytest.mark.parametrize(
    "make",
    [
        lambda own: lr_scheduler.ReduceLROnPlateau(own),
        lambda own: lr_scheduler.MultiplicativeLR(own, lambda t: 0.9),
        lambda own: lr_scheduler.CyclicLR(own, 0.1, 1.0, scale_fn=lambda x: x),
        lambda own: lr_scheduler.ChainedScheduler([lr_scheduler.StepLR(own, 3), lr_scheduler.CyclicLR(own, 0.1, 1.0)]),
    ],
)
def test_what_is_no_schedule_is_refused(make):
    with pytest.raises(gs.ConversionError):
        gs.from_torch(make(optimizer()))
