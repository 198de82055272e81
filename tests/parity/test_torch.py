"""Every scheduler of torch.optim.lr_scheduler, stepped, against the schedule that is read from it."""

import contextlib
import warnings

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
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
    with pytest.warns(gs.GlideslopeWarning, match=r"momentum=schedule.momentum\(0.95, 0.85\)"):
        momentum = gs.from_torch(scheduler).momentum(0.95, 0.85)
    for t in range(total):
        assert momentum(t) == pytest.approx(scheduler.optimizer.param_groups[0]["momentum"], abs=1e-12)
        scheduler.optimizer.step()
        if t < total - 1:
            scheduler.step()


@pytest.mark.parametrize("moves", [True, False])
def test_a_momentum_that_torch_moves_beside_the_rate_is_said(moves):
    scheduler = lr_scheduler.CyclicLR(optimizer(), 0.01, 0.1, base_momentum=0.7, cycle_momentum=moves)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gs.from_torch(scheduler)
    said = [str(one.message) for one in caught if "momentum" in str(one.message)]
    assert ["from 0.9 to 0.7 and back" in one for one in said] == [True] * moves


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
def test_schedulers_without_a_schedule_are_refused(make):
    with pytest.raises(gs.ConversionError):
        gs.from_torch(make(optimizer()))


def leaf(draw, own, within):
    """Any scheduler of torch that converts; one that ends takes at least `within` updates, where torch raises after."""
    rates = [group["lr"] for group in own.param_groups]
    total, ratio = draw(st.integers(0, 30)), draw(st.floats(0.05, 1))
    some = max(total, 1)
    makers = {
        "step": lambda: lr_scheduler.StepLR(own, some, ratio),
        "multistep": lambda: lr_scheduler.MultiStepLR(own, draw(st.lists(st.integers(0, 40), max_size=4)), ratio),
        "constant": lambda: lr_scheduler.ConstantLR(own, ratio, total),
        "linear": lambda: lr_scheduler.LinearLR(own, ratio, draw(st.floats(0, 1)), total),
        "exponential": lambda: lr_scheduler.ExponentialLR(own, ratio),
        "polynomial": lambda: lr_scheduler.PolynomialLR(own, total, draw(st.floats(0.3, 3))),
        "cosine": lambda: lr_scheduler.CosineAnnealingLR(own, some),
        "lambda": lambda: lr_scheduler.LambdaLR(own, ratio.__pow__),
        "low": lambda: lr_scheduler.CosineAnnealingLR(own, some, eta_min=draw(st.floats(0, 0.5))),
        "restarts": lambda: lr_scheduler.CosineAnnealingWarmRestarts(own, some, draw(st.integers(1, 3))),
        "cyclic": lambda: lr_scheduler.CyclicLR(
            own, [ratio * rate for rate in rates], [2 * rate for rate in rates], some,
            draw(st.none() | st.integers(1, 9)), draw(st.sampled_from(["triangular", "triangular2", "exp_range"])),
            0.99, cycle_momentum=False,
        ),
        "one": lambda: lr_scheduler.OneCycleLR(
            own, [3 * rate for rate in rates], within + some + 4, pct_start=draw(st.floats(0.25, 0.4)),
            three_phase=draw(st.booleans()), cycle_momentum=False,
        ),
    }  # fmt: skip
    return makers[draw(st.sampled_from(sorted(makers)))]()


@st.composite
def random_schedulers(draw):
    """A scheduler or nest of some, its optimizer's groups at the same rate or not, with `initial_lr` set or not."""
    first = draw(st.floats(0.01, 2))
    lrs = draw(st.sampled_from([[first], [first, first], [first, 3 * first]]))
    own = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in lrs])
    if draw(st.booleans()):
        by = draw(st.sampled_from([0.5, 1, 4]))
        for group in own.param_groups:
            group["initial_lr"] = by * group["lr"]
    match draw(st.sampled_from(["leaf", "leaf", "sequence", "sequence", "chain", "chain first"])):
        case "leaf":
            return leaf(draw, own, STEPS)
        case "sequence":
            milestones = sorted(draw(st.lists(st.integers(0, 40), min_size=1, max_size=3)))
            parts = [leaf(draw, own, STEPS) for _ in range(len(milestones) + 1)]
            return lr_scheduler.SequentialLR(own, parts, milestones)
        case "chain":
            return lr_scheduler.ChainedScheduler([leaf(draw, own, STEPS) for _ in range(draw(st.integers(1, 3)))])
        case _:
            chained = lr_scheduler.ChainedScheduler([leaf(draw, own, STEPS) for _ in range(2)])
            parts = [chained, leaf(draw, own, STEPS)]
            try:
                return lr_scheduler.SequentialLR(own, parts, [draw(st.integers(1, 20))])
            except ZeroDivisionError:  # a PolynomialLR of no updates
                assume(False)


def cosines(scheduler):
    inner = getattr(scheduler, "_schedulers", [scheduler])
    return [one.T_max for part in inner for one in getattr(part, "_schedulers", [part]) if hasattr(one, "T_max")]


@pytest.mark.filterwarnings("ignore:.*began at a rate of")
@given(random_schedulers(), st.integers(0, 60))
@settings(deadline=None, max_examples=400)
def test_what_converts_gives_torch_s_rates_at_every_update_of_every_group(scheduler, before):
    """Converted before the training and after some steps; what doesn't convert says so."""
    groups = scheduler.optimizer.param_groups
    theirs, schedules = [], []
    for t in range(STEPS):
        if t in (0, before):
            with warnings.catch_warnings(record=True) as said, contextlib.suppress(gs.ConversionError):
                warnings.simplefilter("always")
                schedule = gs.from_torch(scheduler)
                # Its end doesn't tell how a cosine began.
                schedules.append((schedule, t if any("says nothing of where" in str(w.message) for w in said) else 0))
        theirs.append([group["lr"] for group in groups])
        scheduler.optimizer.step()
        try:
            scheduler.step()
        except (ZeroDivisionError, NotImplementedError):  # a factor or total_iters of 0
            break
    for schedule, known_from in schedules:
        last = len(theirs)
        if cosines(scheduler):  # a last cosine holds its end, and torch's climbs (docs/parity.md)
            begins = max([0, *getattr(scheduler, "_milestones", [])])
            last = min(last, begins + min(cosines(scheduler)) + 1)
        for i, group in enumerate(groups):
            ours = [group["initial_lr"] * schedule(t) for t in range(known_from, last)]
            bounds = {"rtol": 1e-9, "atol": 1e-11 * group["initial_lr"]}
            np.testing.assert_allclose(ours, np.array(theirs)[known_from:last, i], **bounds)


def rates_of(scheduler, steps):
    """The converted schedule in rates, beside torch's."""
    initial, schedule = scheduler.optimizer.param_groups[0]["initial_lr"], gs.from_torch(scheduler)
    return [initial * schedule(t) for t in range(steps)], stepped(scheduler, steps)


def test_a_cyclic_after_another_scheduler_and_in_a_sequence():
    own = optimizer(0.5)
    lr_scheduler.CosineAnnealingLR(own, 20)
    cyclic = lr_scheduler.CyclicLR(own, 0.01, 0.1, step_size_up=4, cycle_momentum=False)
    ours, theirs = rates_of(cyclic, 12)
    assert ours[4] == pytest.approx(0.1)
    np.testing.assert_allclose(ours, theirs)  # the first is 0.5: the constructor leaves it
    own = optimizer(1.0)
    parts = [lr_scheduler.LinearLR(own, 0.1, 1.0, 5), lr_scheduler.CyclicLR(own, 0.01, 0.5, 4, cycle_momentum=False)]
    ours, theirs = rates_of(lr_scheduler.SequentialLR(own, parts, [5]), 10)
    assert ours == pytest.approx([0.1, 0.28, 0.46, 0.64, 0.82, 0.01, 0.1325, 0.255, 0.3775, 0.5])
    np.testing.assert_allclose(ours, theirs)


@pytest.mark.parametrize("milestones", [[2, 5], [0, 5], [0, 0], [3, 3]])
def test_a_sequence_of_parts_that_last_longer(milestones):
    own = optimizer(1.0)
    parts = [lr_scheduler.ConstantLR(own, factor, total_iters=99) for factor in (1.0, 0.1, 0.5)]
    ours, theirs = rates_of(lr_scheduler.SequentialLR(own, parts, milestones), 20)
    np.testing.assert_allclose(ours, theirs)
    assert theirs[-1] == pytest.approx(0.5)


def test_a_cosine_that_goes_on_past_its_end_climbs_again():
    own = optimizer(1.0)
    parts = [lr_scheduler.CosineAnnealingLR(own, 5, eta_min=0.1), lr_scheduler.ConstantLR(own, 0.5, 9)]
    ours, theirs = rates_of(lr_scheduler.SequentialLR(own, parts, [23]), 40)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    alone = lr_scheduler.CosineAnnealingLR(optimizer(), 5)
    theirs = stepped(alone, 30)
    np.testing.assert_allclose([0.1 * gs.from_torch(alone)(t) for t in range(30)], theirs, atol=1e-12)


def test_a_scheduler_that_begins_at_another_rate_says_so():
    own = optimizer(0.1)
    own.param_groups[0]["initial_lr"] = 0.5
    scheduler = lr_scheduler.StepLR(own, 10)
    with pytest.warns(UserWarning, match=r"began at a rate of 0.1, not at the group's initial_lr of 0.5"):
        assert gs.from_torch(scheduler) == 0.2 * gs.step(10)


def stepped_before(scheduler):
    stepped(scheduler, 4)
    return scheduler


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda own: lr_scheduler.ConstantLR(own, 0.5, 2.5), "whole number"),
        (lambda own: lr_scheduler.MultiStepLR(own, [2.5]), "whole numbers"),
        (lambda own: lr_scheduler.ChainedScheduler([lr_scheduler.LambdaLR(own, lambda t: 1 / (1 + t)),
                                                    lr_scheduler.ExponentialLR(own, 0.9)]), "overwrites"),
        (lambda own: lr_scheduler.SequentialLR(own, [lr_scheduler.ChainedScheduler(
            [lr_scheduler.LinearLR(own), lr_scheduler.ExponentialLR(own, 0.9)]), lr_scheduler.StepLR(own, 3)], [4]),
            "once too often"),
        (lambda own: lr_scheduler.SequentialLR(own, [lr_scheduler.SequentialLR(own, [lr_scheduler.LinearLR(own),
            lr_scheduler.StepLR(own, 3)], [4]), lr_scheduler.StepLR(own, 3)], [9]), "ahead"),
        (lambda own: lr_scheduler.SequentialLR(own, [lr_scheduler.LinearLR(own), lr_scheduler.ConstantLR(own, 0.5, 0)],
            [4]), "at a milestone"),
        (lambda own: lr_scheduler.SequentialLR(own, [stepped_before(lr_scheduler.StepLR(own, 3)),
            lr_scheduler.StepLR(own, 4)], [9]), "stepped before"),
        (lambda own: lr_scheduler.SequentialLR(own, [lr_scheduler.StepLR(own, 4),
            stepped_before(lr_scheduler.CosineAnnealingWarmRestarts(own, 9))], [9]), "stepped before"),
        (lambda own: type("StepLR", (lr_scheduler.StepLR,), {})(own, 3), "isn't one of torch's"),
    ],
)  # fmt: skip
def test_what_torch_does_otherwise_than_it_says_is_refused(make, says):
    with pytest.raises(gs.ConversionError, match=says):
        gs.from_torch(make(optimizer()))
