"""Every formula of the base set against its closed form, and the laws that all schedules obey."""

import math
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import glideslope as gs

T = 1000
CLOSED_FORMS = [
    (gs.constant(0.3), lambda t: 0.3),
    (gs.power(50, exponent=0.7), lambda t: 1 / (1 + t / 50) ** 0.7),
    (gs.exponential(200), lambda t: 10 ** (-t / 200)),
    (gs.exponential(200, ratio=0.5, staircase=True), lambda t: 0.5 ** (t // 200)),
    (gs.piecewise([1, 0.5, 0.1], [300, 600]), lambda t: 1 if t < 300 else 0.5 if t < 600 else 0.1),
    (gs.linear(final=0.1), lambda t: 1 - 0.9 * t / T),
    (gs.cosine(final=0.1), lambda t: 0.1 + 0.9 * (1 + math.cos(math.pi * t / T)) / 2),
    (gs.polynomial(power=3), lambda t: (1 - t / T) ** 3),
    (gs.inverse_sqrt(40), lambda t: min(t / 40, math.sqrt(40 / t)) if t else 0),
    (gs.warmup("5%") >> gs.hold() >> gs.cooldown("20%", shape="sqrt"),
     lambda t: t / 50 if t < 50 else 1 if t < 800 else 1 - math.sqrt((t - 800) / 200)),
    (gs.one_cycle(), lambda t: np.interp(t, [0, 450, 900, 1000], [0.1, 1, 0.1, 1e-4])),
]  # fmt: skip


@pytest.mark.parametrize(("schedule", "closed_form"), CLOSED_FORMS, ids=[str(case[0]) for case in CLOSED_FORMS])
def test_closed_form(schedule, closed_form):
    schedule = schedule.over(T)
    expected = [closed_form(t) for t in range(T)]
    assert [schedule(t) for t in range(T)] == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(schedule.sample(T), expected, atol=1e-12)
    tensor = schedule(torch.arange(T))
    assert tensor.dtype == torch.float64
    np.testing.assert_allclose(tensor.numpy(), expected, atol=1e-12)
    assert schedule(T) == schedule(10 * T)


def test_cosine_equals_torch():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 100, eta_min=0.1)
    ours = gs.cosine(final=0.1).over(100)
    for t in range(101):
        assert ours(t) == pytest.approx(theirs.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        theirs.step()


def test_counts_stay_exact_far_from_zero():
    schedule = gs.hold(10**12) >> gs.linear(1000)
    assert schedule(10**12 + 250) == 0.75
    assert schedule(torch.tensor([10**12 + 250])).item() == 0.75
    assert schedule(np.array([10**12 + 250])).item() == 0.75


factors = st.floats(0, 10)
phases = st.one_of(
    st.builds(gs.warmup, st.integers(1, 500), start=factors, peak=factors, shape=st.sampled_from(["linear", "cosine"])),
    st.builds(gs.hold, st.integers(0, 500)),
    st.builds(gs.cooldown, st.floats(0, 30).map(lambda p: f"{p}%"), final=factors),
    st.builds(gs.cosine, st.integers(1, 500), final=factors),
    st.builds(gs.polynomial, st.integers(1, 500), power=st.floats(0.1, 5)),
    st.builds(gs.exponential, st.integers(1, 500), ratio=st.floats(0.01, 1), duration=st.integers(1, 500)),
    st.builds(gs.one_cycle, st.integers(1, 500), last=st.floats(0, 0.9)),
)
sequences = st.lists(phases, min_size=1, max_size=3).map(lambda ps: sum_of(ps)) | st.builds(
    lambda k, s: k * s, st.floats(0.001, 100), phases
)


def sum_of(parts):
    first, *others = parts
    for part in others:
        first = first >> part
    return first


@given(sequences)
@settings(deadline=None, max_examples=300)
def test_laws(schedule):
    assert gs.parse(str(schedule)) == schedule
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert hash(gs.parse(str(schedule))) == hash(schedule)
    whole = schedule.over(5000)
    assert whole == schedule.over(777_777).over(5000)
    assert gs.parse(str(whole)) == whole
    steps = np.array([0, 1, 7, 250, 499, 2500, 4999, 5000, 10**9])
    values = whole(steps)
    assert np.all(np.isfinite(values))
    np.testing.assert_allclose(values, [whole(int(t)) for t in steps], rtol=1e-9, atol=1e-9)


@given(phases, phases, phases)
@settings(deadline=None)
def test_sequencing_is_associative(a, b, c):
    assert (a >> b) >> c == a >> (b >> c)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: gs.cosine()(0), "over(10_000)"),
        (lambda: gs.warmup("5%")(0), "5% is a part of the horizon"),
        (lambda: gs.hold() >> gs.hold(), "no duration"),
        (lambda: gs.warmup("60%") >> gs.cooldown("60%"), "120%"),
        (lambda: (gs.warmup(500) >> gs.cosine()).over(100), "horizon is 100"),
        (lambda: gs.warmup("10ep").over(100), "steps_per_epoch"),
        (lambda: gs.cosine(final=-1), "final=-1"),
        (lambda: gs.constant(math.nan), "factor=nan"),
        (lambda: gs.cooldown("20%", shape="squrt"), "did you mean 'sqrt'"),
        (lambda: gs.piecewise([1, 2, 3], [20, 10]), "must rise"),
        (lambda: gs.cosine().over(0), "positive"),
        (lambda: gs.warmup("5 parsecs"), "not a duration"),
    ],
)
def test_bad_values_say_what_is_wrong(make, says):
    with pytest.raises(gs.ScheduleError) as error:
        make()
    assert isinstance(error.value, ValueError)
    assert says in str(error.value)


def test_clock_turns_epochs_into_updates():
    schedule = (gs.warmup("1ep") >> gs.linear()).over("10ep", gs.Clock(steps_per_epoch=430))
    assert schedule(430) == 1
    assert schedule(4300) == 0
    assert gs.parse(str(schedule)) == schedule


@pytest.mark.parametrize("per_epoch", [49, 98, 103, 107, 161, 187, 1999])
def test_boundaries_in_epochs_and_percent_are_exact(per_epoch):
    schedule = gs.step("1ep", ratio=0.5).over("100ep", gs.Clock(steps_per_epoch=per_epoch))
    for epoch in range(1, 99):
        assert schedule(epoch * per_epoch) == 0.5**epoch
        assert schedule(epoch * per_epoch - 1) == 0.5 ** (epoch - 1)
    for percent, horizon in ((2.2, 1500), (32.2, 500), (7.7, 1000), (0.3, 1000)):
        boundary = round(percent * horizon / 100)
        schedule = gs.piecewise([1, 0.1], [f"{percent}%"]).over(horizon)
        assert (schedule(boundary - 1), schedule(boundary)) == (1.0, 0.1)


@pytest.mark.parametrize("boundary", [20_000_001, 2**31 - 5])
def test_single_precision_counts_change_at_the_boundary(boundary):
    counts = np.array([boundary - 2, boundary - 1, boundary, boundary + 1])
    schedule = gs.piecewise([1, 0.5], [boundary])
    found = jax.jit(schedule)(jnp.asarray(counts, dtype=jnp.int32))
    np.testing.assert_array_equal(np.asarray(found), [1, 1, 0.5, 0.5])
