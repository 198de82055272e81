"""One value for what drives a rate, whatever it is written as."""

import pickle

import numpy as np
import pytest

import glideslope as gs
from glideslope.policy import RatePolicy, as_policy

COSINE = gs.warmup("10%") >> gs.cosine()


@pytest.mark.parametrize(
    ("value", "policy"),
    [
        (COSINE, RatePolicy(COSINE)),
        ("warmup(10%) >> cosine", RatePolicy(COSINE)),
        (gs.plateau(0.5), RatePolicy(gs.constant(), (gs.plateau(0.5),))),
        ("plateau(0.5)", RatePolicy(gs.constant(), (gs.plateau(0.5),))),
        (COSINE * gs.plateau() * gs.guard(), RatePolicy(COSINE, (gs.plateau(), gs.guard()))),
        ("0.5 * cosine * guard()", RatePolicy(0.5 * gs.cosine(), (gs.guard(),))),
        (gs.batches.growth(COSINE, 8, 64), RatePolicy(COSINE, growth=gs.batches.Growing(8, 64))),
        (gs.batches.Growing(8, 64), RatePolicy(gs.constant(), growth=gs.batches.Growing(8, 64))),
        ("cosine * growth(base=8, largest=64)", RatePolicy(gs.cosine(), growth=gs.batches.Growing(8, 64))),
    ],
)
def test_the_policy_that_a_value_or_a_text_is(value, policy):
    read = as_policy(value)
    assert read == policy
    assert as_policy(read) is read
    assert as_policy(read.value) == as_policy(str(read)) == pickle.loads(pickle.dumps(read)) == policy
    assert str(read) == str(read.value)


@pytest.mark.parametrize("value", [3, None, [COSINE], lambda t: t, object()])
def test_an_invalid_policy_is_refused_with_the_name_of_the_argument(value):
    with pytest.raises(gs.ScheduleError, match=r"momentum=.*give a schedule or its text"):
        as_policy(value, "momentum")


def test_what_can_not_act_together_is_refused():
    with pytest.raises(gs.BatchError, match="follows its schedule alone"):
        RatePolicy(COSINE, (gs.plateau(),), gs.batches.Growing(8, 64))
    with pytest.raises(gs.FeedbackError, match="two guards"):
        RatePolicy(COSINE, (gs.guard(), gs.guard()))


def test_only_a_schedule_alone_is_a_curve():
    assert as_policy("cosine").curve == gs.cosine()
    with pytest.raises(gs.FeedbackError, match=r"take its schedule alone, cosine\(\)"):
        _ = as_policy("cosine * plateau").curve
    with pytest.raises(gs.BatchError, match=r"take its schedule alone, cosine\(\)"):
        _ = as_policy("cosine * growth(8, 64)").curve
    with pytest.raises(gs.BatchError, match="grows the batch"):
        gs.export("cosine * growth(8, 64)", 100, 0.1, "torch")


def test_rates_and_batches_are_those_of_the_parts():
    t = np.arange(200)
    np.testing.assert_array_equal(as_policy("cosine * plateau").rates(200, 0.3), 0.3 * gs.cosine().over(200)(t))
    assert as_policy("cosine").batch_sizes(200) is None
    plan = gs.batches.growth(gs.cosine().over(200).lasting(200), 8, 64).plan()
    growing = as_policy("cosine * growth(8, 64)")
    np.testing.assert_array_equal(growing.rates(200, 0.3), 0.3 * plan.factors)
    np.testing.assert_array_equal(growing.batch_sizes(200), plan.sizes)
    by_number = gs.from_function(lambda t: 1.0 if t < 3 else 0.5)  # takes no arrays
    assert as_policy(by_number).rates(5).tolist() == [1.0, 1.0, 1.0, 0.5, 0.5]


def test_a_horizon_of_a_policy_is_that_of_its_schedule():
    policy = as_policy("cosine * plateau").within(100)
    assert str(policy) == "cosine().over(100) * plateau()"
    assert policy.within(500) == policy
    assert policy.state() == (gs.cosine() * gs.plateau()).init()
    assert as_policy("cosine").state() == {}


def test_rates_of_too_many_updates_are_refused_at_once():
    with pytest.raises(gs.ScheduleError, match="more than 5e\\+08 factors"):
        as_policy("linear").rates(10**9)
