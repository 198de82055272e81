"""The peak by runs of equal length: what is run next, and what the runs say."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glideslope as gs
from glideslope.search.jobs.start import chosen_rate, kind, mean_fan_in, optimizer_name, start, usual_peak
from glideslope.search.strategy.equal_runs import at_length, best_of, loss_at, minimum, next_peak, plan

bowls = st.tuples(st.floats(-12, 6), st.floats(0.02, 2), st.floats(1.05, 4), st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
"""The logarithm of the best peak, the bend, the factor above it at which a run diverges, a shift and a unit."""


def search(loss, untrained, first, runs):
    losses = {}
    while len(losses) < runs and (peak := next_peak(losses, untrained, first)):
        assert peak not in losses
        losses[peak] = loss(peak)
    return losses


@settings(deadline=None)
@given(bowls, st.floats(-1.5, 1.5))
def test_the_best_of_a_bowl_is_found_from_anywhere(bowl, away):
    centre, bend, cliff, shift, unit = bowl

    def loss(peak):
        apart = math.log(peak) - centre
        return math.inf if apart > math.log(cliff) * 8 else min(bend * apart**2, 9.0)

    losses = search(loss, 10.0, math.exp(centre + away), 8)
    assert abs(math.log(minimum(losses, 10.0)) - centre) < 0.7
    moved = {peak: unit * one + shift for peak, one in losses.items()}
    known = next_peak(losses, 10.0, 1.0) or 0, minimum(losses, 10.0), best_of(losses)
    again = next_peak(moved, unit * 10 + shift, 1.0) or 0, minimum(moved, unit * 10 + shift), best_of(moved)
    assert again == pytest.approx(known, rel=1e-3)  # neither the zero nor the unit of the loss matters


@given(st.floats(-8, 4), st.integers(3, 6))
def test_an_exact_parabola_has_its_lowest_point(centre, number):
    peaks = np.exp(centre + np.linspace(-2, 1.5, number))
    losses = {float(peak): (math.log(peak) - centre) ** 2 for peak in peaks}
    assert minimum(losses, math.inf) == pytest.approx(math.exp(centre), rel=1e-6)


@given(
    st.dictionaries(st.floats(1e-6, 1e3), st.floats(-100, 100) | st.just(math.inf), min_size=1, max_size=9),
    st.floats(-100, 200),
)
def test_whatever_was_lost_the_next_peak_is_new_and_the_answer_lies_within(losses, untrained):
    peak = next_peak(losses, untrained, 0.1)
    assert peak is None or (0 < peak < math.inf and peak not in losses)
    assert min(losses) * (1 - 1e-12) <= minimum(losses, untrained) <= max(losses) * (1 + 1e-12)
    assert losses[best_of(losses)] == min(losses.values())


def test_all_lost_goes_down_ever_faster_and_what_does_little_up():
    assert next_peak({0.1: math.inf}, 2.0, 0.1) == pytest.approx(0.1 / 4)
    assert next_peak({0.1: math.inf, 0.025: math.inf}, 2.0, 0.1) == pytest.approx(0.025 / 16)
    assert next_peak({0.1: 1.99, 0.4: 1.96}, 2.0, 0.1) == pytest.approx(0.4 * 16)
    assert next_peak({0.1: 1.5, 0.4: 1.2}, 2.0, 0.1) == pytest.approx(0.4 * 4)


@given(st.floats(1 / 63, 0.249))
def test_a_cliff_that_was_jumped_over_is_come_up_to(cliff):
    losses = search(lambda peak: -math.log(peak) if peak <= cliff else math.inf, 10.0, 1.0, 5)
    assert cliff / 4 <= best_of(losses) <= cliff


def test_ties_go_to_the_middle_and_up():
    assert best_of({0.1: 4.0, 0.2: 4.05, 0.4: 4.09, 0.8: 5.0}) == 0.1
    assert best_of({0.1: 4.0, 0.2: 4.0, 0.4: 4.09, 0.8: 5.0}) == 0.2
    assert best_of({0.1: 4.0, 0.2: 4.0, 0.4: 4.0, 0.8: 5.0}) == 0.2
    assert best_of({0.1: math.inf, 0.2: math.inf}) == 0.1


@given(st.integers(30, 10**9), st.integers(1, 10**9), st.integers(0, 20))
def test_the_runs_of_a_plan_are_within_the_budget(budget, steps, others):
    number, length = plan(budget, steps, 10, others)
    assert min(10, steps) <= length <= steps
    assert (number + others) * length <= budget
    assert number >= 3 or length < 105 or length == steps  # two where three would have fewer than 70 updates each


@given(st.integers(240, 10**6), st.integers(0, 5))
def test_runs_are_fewer_where_more_would_tell_little(steps, others):
    number, length = plan(steps, steps, 10, others)
    assert length >= 70 or number == min(max(2, others), 4)
    more = steps // (number + others + 1)
    assert number == 4 or more < 70 or number >= 3


def test_a_loss_between_peaks_is_linear_in_the_logarithm():
    assert loss_at({0.1: 1.0, 10.0: 3.0}, 9.0, 1.0) == pytest.approx(2.0)
    assert loss_at({0.1: 1.0, 0.4: math.inf}, 9.0, 0.4) == 9.0
    assert math.isnan(loss_at({0.1: 1.0}, 9.0, 0.2))
    assert at_length(0.1, 100, 3200) == pytest.approx(0.05)


def test_a_search_begins_at_what_is_usual_and_at_what_the_user_chose():
    torch = pytest.importorskip("torch")

    class Job:
        def __init__(self, optimizer):
            self.optimizer = optimizer

    weights = [torch.nn.Parameter(torch.zeros(2))]
    usual = start(Job(torch.optim.AdamW(weights)))
    assert start(Job(torch.optim.SGD(weights))) > 5 * usual
    assert usual > start(Job(torch.optim.AdamW(weights, lr=3e-4))) > 3e-4
    assert start(Job(torch.optim.AdamW(weights, lr=1e-9))) == usual
    assert chosen_rate(torch.optim.AdamW(weights, lr=3e-4)) == 3e-4
    assert chosen_rate(torch.optim.AdamW(weights)) is chosen_rate(None) is None
    assert start(Job(torch.optim.Adadelta(weights))) == 1.0
    assert [kind(name) for name in ("KerasAdamW", "SOAP", "SignSGD", "ASGD")] == ["adaptive"] * 3 + ["plain"]
    assert start(object()) == start(object(), "mine")

    class Wrapped:
        def __init__(self, optimizer):
            self.optimizer = optimizer

    assert start(Wrapped([torch.optim.AdamW(weights), torch.optim.SGD(weights)])) == usual
    assert start(Wrapped(Wrapped(torch.optim.AdamW(weights)))) == usual


def test_a_search_begins_lower_where_more_comes_into_each_unit():
    torch = pytest.importorskip("torch")

    class Job:
        def __init__(self, width, optimizer=torch.optim.AdamW):
            self.model = torch.nn.Sequential(
                torch.nn.Embedding(7, width), torch.nn.Conv1d(width, width, 3), torch.nn.Linear(width, width)
            )
            self.optimizer = optimizer(self.model.parameters())

    assert mean_fan_in(Job(64)) == pytest.approx((1 * 3 * 64 * 64) ** (1 / 3))
    frozen = Job(64)
    frozen.model[1].requires_grad_(False)
    assert mean_fan_in(frozen) == pytest.approx((1 * 64) ** (1 / 2))
    # The maximal-update rule: of networks that differ in width, the best rates of Adam are inverse to what comes in.
    assert start(Job(64)) / start(Job(128)) == pytest.approx(mean_fan_in(Job(128)) / mean_fan_in(Job(64)))
    assert start(Job(64, torch.optim.SGD)) == start(Job(128, torch.optim.SGD))
    assert start(Job(64), "Muon") == start(Job(128), "Muon") == start(object(), "adam")
    assert mean_fan_in(object()) is None


def test_what_comes_in_is_known_in_every_framework():
    torch = pytest.importorskip("torch")
    jnp = pytest.importorskip("jax.numpy")
    keras = pytest.importorskip("keras")

    class Job:
        def __init__(self, model):
            self.model = model

    model = keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(8)])
    model.build((None, 9))
    assert mean_fan_in(Job(model)) == pytest.approx(6)
    assert mean_fan_in(Job({"a": jnp.ones((9, 4)), "b": jnp.ones((4, 8)), "c": jnp.ones(3)})) == pytest.approx(6)
    optax = pytest.importorskip("optax")
    params = {"a": jnp.ones((9, 4)), "b": jnp.ones((4, 8))}
    found = {name: getattr(optax, name)(0.1).init(params) for name in ("adamw", "adagrad", "sgd", "lion", "adafactor")}
    found["momentum"] = optax.sgd(0.1, momentum=0.9).init(params)
    found["injected"] = optax.inject_hyperparams(optax.adamw)(0.1).init(params)
    kinds = {name: kind(optimizer_name(SimpleNamespace(opt_state=state))) for name, state in found.items()}
    assert kinds == {"adamw": "adaptive", "adagrad": "adagrad", "sgd": None, "lion": "adaptive",
                     "adafactor": "adaptive", "momentum": "plain", "injected": "adaptive"}  # fmt: skip
    of_jax = SimpleNamespace(params=params, opt_state=found["adamw"])
    of_torch = torch.nn.Sequential(torch.nn.Linear(9, 4, bias=False), torch.nn.Linear(4, 8, bias=False))
    job = SimpleNamespace(model=of_torch, optimizer=torch.optim.AdamW(of_torch.parameters()))
    assert start(of_jax) == pytest.approx(start(job)) == pytest.approx(usual_peak("adamw", 6))
    assert mean_fan_in(Job({"c": jnp.ones(3)})) is mean_fan_in(Job("a name")) is None


def test_another_schedule_is_chosen_only_where_it_ends_lower():
    class Bowl:
        """Ends lower by the share of its rates that are small, and by how near their mean is to a tenth."""

        def __init__(self):
            self.rates, self.made = [], 0

        def step(self, lr):
            self.rates, self.made = [*self.rates, lr], self.made + 1
            return 5.0 / (1 + len(self.rates))

        def evaluate(self):
            if not self.rates:
                return 9.0
            return 1 + math.log(np.mean(self.rates) / 0.1) ** 2 + self.rates[-1] + 60 / len(self.rates)

        def state(self):
            return list(self.rates)

        def restore(self, state):
            self.rates = list(state)

    tuned = gs.tune(Bowl(), 300, schedules=["constant", "linear"])
    assert str(tuned.schedule) == "linear()"
    assert {str(run.contestant.schedule) for run in tuned.candidates} == {"constant()", "linear()"}
    assert gs.tune(Bowl(), 400).final.contestant.schedule == gs.one_cycle()
    assert tuned.job.made <= 600 + 300
