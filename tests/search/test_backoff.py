"""A full run whose training loss rises: its rate is capped, and it goes back where it is lost."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glideslope as gs
from glideslope.averages import Average
from glideslope.search import Contestant
from glideslope.search.runs.backoff import ShortEnd
from glideslope.search.runs.trial import Trial
from glideslope.search.trials import Trials

STEPS = 400


class Quartic:
    """Descent on w² / 2 + w⁴ / 4 from 1, its gradient noisy: from a rate of 2 on it doesn't come down."""

    def __init__(self, seed=0, noise=0.01):
        self.w, self.noise, self.rng, self.calls = 1.0, noise, np.random.default_rng(seed), 0

    def step(self, lr):
        self.calls += 1
        loss = self.evaluate()
        self.w -= lr * (self.w + self.w**3 + self.noise * self.rng.standard_normal())
        return loss

    def evaluate(self):
        return self.w**2 / 2 + self.w**4 / 4 + 1e-3 if abs(self.w) < 1e30 else math.inf

    def state(self):
        return self.w, self.rng.bit_generator.state

    def restore(self, state):
        self.w, self.rng.bit_generator.state = state


def made(job, peak, backs_off, schedule=None, steps=STEPS):
    trial = Trial(Contestant(schedule or gs.one_cycle(), peak), steps, 0, 20, backs_off=backs_off)
    return Trials(job, 0).run_all([trial], stage="")[0]


class Dying(Quartic):
    """Above a rate it is lost for good, as a network of dead units; its training loss tells so 25 updates later."""

    dead = 0

    def step(self, lr):
        dead, self.dead = self.dead, 0
        loss = super().step(min(lr, 0.01))
        self.dead = dead + (lr > 0.5 or dead > 0)
        return loss if self.dead < 25 else 1.0

    def evaluate(self):
        return 1.0 if self.dead else super().evaluate()

    def state(self):
        return super().state(), self.dead

    def restore(self, state):
        super().restore(state[0])
        self.dead = state[1]


def test_a_run_goes_back_to_before_what_its_training_loss_tells_late():
    run = made(Dying(), 0.8, True)
    assert [event.back_to for event in run.events] == [120, 80]  # measured after every fourth part of 20
    assert run.final_loss < 0.01 < made(Dying(), 0.8, False).final_loss


@pytest.mark.parametrize("peak", [2.5, 4.0, 8.0])
def test_a_run_at_too_large_a_peak_is_saved(peak):
    plain, job = made(Quartic(), peak, False), Quartic()
    run = made(job, peak, True)
    assert run.events
    assert run.final_loss < 0.01 < plain.final_loss
    assert run.made == len(run.losses) == STEPS


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 30), st.integers(20, 500), st.integers(0, 9))
def test_each_update_is_at_the_rate_that_the_run_says_and_there_are_no_more(peak, steps, seed):
    rates = []

    class Noted(Quartic):
        def step(self, lr):
            rates.append(lr)
            return super().step(lr)

    run = made(Noted(seed, noise=0.1), peak, True, steps=steps)
    rates = rates[-run.made :]  # the first updates of a search are a check
    assert run.made <= steps
    assert rates == run.curve[0][: run.made].tolist()
    plain = run.contestant.rates(steps)[: run.made]
    assert (np.array(rates) <= plain).all()
    if not run.events:
        other = made(Quartic(seed, noise=0.1), peak, False, steps=steps)
        assert (run.final_loss, run.losses.tolist()) == (other.final_loss, other.losses.tolist())


@settings(max_examples=30, deadline=None)
@given(st.floats(1, 30), st.integers(0, 9), st.sampled_from(["%", ".over(800)", "(900)", "(300)"]))
def test_the_schedule_as_made_says_the_caps(peak, seed, end):
    text = "warmup(10%) >> cosine()" if end == "%" else f"warmup(40) >> cosine{end}"
    run = made(Quartic(seed), peak, True, schedule=gs.parse(text))
    schedule = run.made_with.schedule
    assert gs.parse(str(schedule)) == schedule
    if not run.events:
        assert schedule == run.contestant.schedule
        return
    after = max(event.update for event in run.events) + 1
    rates = schedule.over(STEPS).sample(STEPS) * peak
    np.testing.assert_allclose(rates[after:], run.curve[0][after:], rtol=1e-3)
    assert (rates <= run.curve[0] * 1.001).all()


def test_noise_of_batches_lowers_no_rate():
    class Noisy(Quartic):
        def step(self, lr):
            return super().step(lr) + 0.05 + 0.03 * self.rng.standard_exponential()

    assert not any(made(Noisy(seed), 0.3, True).events for seed in range(20))


@pytest.mark.parametrize("outlier", [10.0, 1e3, 1e30])
def test_outliers_of_the_data_lower_no_rate(outlier):
    class Outliers(Quartic):
        def step(self, lr):
            return super().step(lr) + 0.05 + outlier * (self.rng.random() < 0.02)

    assert not any(made(Outliers(seed), 0.3, True).events for seed in range(20))


@pytest.mark.parametrize(("parts", "is_capped"), [(1, False), (2, True)])
def test_one_part_with_hard_batches_is_no_rise(parts, is_capped):
    class Hard(Quartic):
        def step(self, lr):
            hard = 200 <= self.calls < 200 + parts * STEPS // 20
            super().step(lr)
            return (0.1 + super().evaluate()) * (1.9 if hard else 1.0)

        def evaluate(self):
            return super().evaluate() + self.calls / STEPS * (self.calls > 100)

    assert bool([event for event in made(Hard(noise=0.0), 0.3, True).events if event.kind == "growth"]) == is_capped


def test_of_losses_that_are_not_positive_what_is_undone_counts():
    class Negative(Quartic):
        def step(self, lr):
            return min(super().step(lr), 4.0) - 5.0

    run = made(Negative(), 2.5, True)
    assert run.events
    assert run.final_loss < 0.01
    assert not made(Negative(), 0.3, True).events


def test_a_loss_that_never_fell_is_not_undone():
    class Climbing(Quartic):
        def step(self, lr):
            self.w += 1e-3
            return 1.0 + self.w

    assert not made(Climbing(), 0.1, True).events


@settings(max_examples=30, deadline=None)
@given(st.floats(0.1, 30), st.integers(0, 9))
def test_it_never_goes_back_to_a_state_with_a_greater_validation_loss(peak, seed):
    """As a policy's score function does, what is optimized rises while the validation loss falls."""

    class Surrogate(Quartic):
        def step(self, lr):
            super().step(min(lr, 0.01))
            return 0.5 + 4 * abs(self.calls / STEPS - 0.3)

        def state(self):
            return *super().state(), self.calls

        def restore(self, state):
            super().restore(state[:2])
            self.calls = state[2]

    run = made(Surrogate(seed, noise=0.0), peak, True)
    plain = made(Surrogate(seed, noise=0.0), peak, False)
    assert not run.events
    assert run.final_loss == plain.final_loss


class Learner(Quartic):
    """Learns its noise: its validation loss rises from an update on, to a height above the least."""

    def __init__(self, height, level, steps=STEPS):
        super().__init__(noise=0.0)
        self.height, self.level, self.steps = height, level, steps

    def step(self, lr):
        super().step(lr)
        return super().evaluate()

    def evaluate(self):
        return super().evaluate() + self.level + self.height * max(self.calls / self.steps - 0.5, 0) * 2

    def state(self):
        return *super().state(), self.calls

    def restore(self, state):
        super().restore(state[:2])
        self.calls = state[2]


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 0.1), st.sampled_from([0.0, 1.0, -1.0, -0.3]), st.integers(30, STEPS))
def test_a_run_ends_where_its_validation_loss_was_clearly_least(height, level, steps):
    run = made(Learner(height, level, steps), 0.3, True, steps=steps)
    losses = dict(run.evaluations)
    least, last = min(losses.values()), losses[steps]
    clear = 0.01 * (least if least > 0 else run.untrained - least)
    assert run.last_loss == last
    assert run.final_loss == (least if last - least > clear else last)
    assert [(event.kind, losses[event.back_to]) for event in run.events] == (
        [("overfitting", least)] if last - least > clear else []
    )
    rates, end = run.made_with.rates(steps), run.events[0].back_to if run.events else steps
    assert rates[:end] == pytest.approx(run.contestant.rates(steps)[:end])
    assert not rates[end:].any()


class Estimated(Learner):
    """Its estimates are above its validation loss by an amount, and by another at the end."""

    def __init__(self, height, level, above, at_the_end):
        super().__init__(height, level)
        self.errors = above, at_the_end - above
        self.estimated, self.evaluated = [], 0

    def estimate(self, updates):
        self.estimated.append(updates)
        return super().evaluate() + self.errors[0] + self.errors[1] * self.calls / self.steps

    def evaluate(self):
        self.evaluated += 1
        return super().evaluate()


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 0.2), st.sampled_from([0.0, 1.0, -1.0]), st.floats(-0.1, 0.1), st.floats(-0.1, 0.1))
def test_it_goes_back_where_all_the_data_say_what_estimates_on_the_way_do(height, level, above, at_the_end):
    contestant, job = Contestant(gs.one_cycle(), 0.3), Estimated(height, level, above, at_the_end)
    run = Trials(job, 0).run_all([Trial(contestant, STEPS, 0, 20, 1e-3, backs_off=True)], stage="")[0]
    whole = {
        at: loss for at, loss in made(Learner(height, level), 0.3, False).evaluations if at in dict(run.evaluations)
    }
    estimates = {at: loss + above + (at_the_end - above) * at / STEPS for at, loss in whole.items()}
    least, last = min(estimates, key=estimates.__getitem__), STEPS
    clear = 0.01 * (estimates[least] if estimates[least] > 0 else run.untrained - estimates[least])
    says, goes_back = estimates[last] - estimates[least] > clear, whole[least] < whole[last]
    assert run.untrained == pytest.approx(0.751 + level)
    assert run.last_loss == whole[last]
    assert run.final_loss == (whole[least] if says and goes_back else whole[last])
    assert [event.back_to for event in run.events] == ([least] if says and goes_back else [])
    assert dict(run.evaluations[:-1]) == pytest.approx({at: loss for at, loss in estimates.items() if at < last})
    assert job.estimated == [1.0, 1.0, *[1e-3 * STEPS] * len(whole)]  # the first check has two
    of_updates = 6 + STEPS  # their training loss; the first check has six
    assert job.evaluated == of_updates + 2 + says  # untrained, at the end, and where it was least


@pytest.mark.parametrize("at_the_end", [-0.3, 0.3])
def test_a_search_leaves_a_job_where_all_the_data_say_that_it_ended(at_the_end):
    tuned = gs.tune(Estimated(0.1, 1.0, 0.0, at_the_end), STEPS, overhead=1)
    assert tuned.final_loss == tuned.job.evaluate()


class Noisy:
    """Its training loss and its validation loss after each part of 20 updates are given."""

    def __init__(self, training, validation):
        self.training, self.validation, self.calls = training, [9.0, *validation], 0

    def step(self, lr):
        self.calls += 1
        return self.training[(self.calls - 1) // 20]

    def evaluate(self):
        return self.validation[self.calls // 20]

    def state(self):
        return self.calls

    def restore(self, state):
        self.calls = state


def learned(training, validation, short):
    trial = Trial(Contestant(gs.one_cycle(), 0.1), 400, 0, 20, backs_off=True, short=ShortEnd(*short))
    return Trials(Noisy(training, validation), 0).run_all([trial], stage="")[0]


def measured(training, validation):
    """The parts after which the validation loss is measured, of a training loss that never rises: after the first, each
    fourth, and any where it wasn't the least at the last time, or the training loss was a tenth below it."""
    parts: list[int] = []
    for i in range(20):
        seen = [validation[j] for j in parts]
        is_well = seen and seen[-1] < min(seen[:-1], default=math.inf) and training[parts[-1]] >= 0.9 * seen[-1]
        if i in (0, 3, 7, 11, 15, 19) or not is_well:
            parts.append(i)
    return parts


def marks(training, validation, short):
    """The parts that are measured after which each mark of learning noise is there, written in another way."""
    parts = measured(training, validation)
    least = {i: min(validation[j] for j in parts if j <= i) for i in parts}
    return {
        i: validation[i] > 1.05 * least[i] and training[i] < 0.8 * short[0] and least[i] > 0.9 * short[1]
        for i in parts
    }  # fmt: skip


SERIES = st.lists(st.sampled_from([0.5, 0.7, 0.9, 0.95, 1.0, 1.2]), min_size=20, max_size=20)


@settings(max_examples=100, deadline=None)
@given(SERIES.map(lambda levels: sorted(levels, reverse=True)), SERIES, st.floats(0.6, 1.3), st.floats(0.5, 1.3))
def test_a_run_is_given_up_after_three_parts_that_learn_noise(training, validation, trained, validated):
    short = trained, validated
    run, has = learned(training, validation, short), marks(training, validation, short)
    parts = list(has)
    ends = [parts[k] + 1 for k in range(2, len(parts)) if all(has[i] for i in parts[k - 2 : k + 1])][:1] or [20]
    assert [at for at, _ in run.evaluations] == [20 * (i + 1) for i in parts if i < ends[0]]
    assert run.made == 20 * ends[0]
    assert run.is_given_up == (ends[0] < 20)
    if run.is_given_up:
        assert run.final_loss == min(validation[i] for i in parts if i < ends[0])
        assert run.events[-1].kind == "overfitting"
        assert not run.made_with.rates(400)[run.events[-1].back_to :].any()
    assert run == run.remembered(run.plain())


def test_a_run_with_no_short_one_beside_it_and_one_of_losses_below_zero_are_not_given_up():
    falls, rises = np.linspace(1, 0.1, 20).tolist(), np.linspace(1, 3, 20).tolist()
    assert learned(falls, rises, (1.0, 1.0)).made == 160  # the training loss is low enough from the sixth part on
    trial = Trial(Contestant(gs.one_cycle(), 0.1), 400, 0, 20, backs_off=True)
    assert Trials(Noisy(falls, rises), 0).run_all([trial], stage="")[0].made == 400
    below = [loss - 9 for loss in rises]
    assert learned(falls, below, (1.0, -8.0)).made == 400


def test_a_run_whose_last_validation_loss_is_not_finite_ends_at_its_least():
    class Lost(Learner):
        def evaluate(self):
            return super().evaluate() if self.calls < STEPS - 30 else math.nan

    run = made(Lost(0.0, 1.0), 0.3, True)
    assert run.final_loss == min(loss for _, loss in run.evaluations if math.isfinite(loss))
    assert run.last_loss == run.events[-1].loss == math.inf
    assert run == run.remembered(run.plain())


def test_an_average_of_the_weights_is_measured_at_the_end():
    trial = Trial(Contestant(gs.one_cycle(), 0.3, average=Average("ema", 0.5)), STEPS, 0, 20, backs_off=True)
    learner = Learner(0.1, 1.0)
    learner.average = lambda kind, amount: None
    learner.evaluate_average = learner.evaluate
    run = Trials(learner, 0).run_all([trial], stage="")[0]
    assert run.final_loss == run.last_loss > 1.05


def test_a_training_that_is_lost_at_any_rate_is_left():
    class Lost(Quartic):
        def step(self, lr):
            return super().step(lr) if self.calls < 100 else math.nan

    run = made(Lost(), 0.3, True)
    assert run.final_loss == math.inf
    assert run.made < STEPS


class Steepening(Quartic):
    """Its gradient grows tenfold after more updates than a short run has."""

    made = 0

    def step(self, lr):
        self.made += 1
        return super().step(lr if self.made < 150 else 10 * lr)

    def evaluate(self):
        return super().evaluate() + (1e-4 if self.made < 150 else 0.0)

    def state(self):
        return *super().state(), self.made

    def restore(self, state):
        super().restore(state[:2])
        self.made = state[2]


def test_a_search_says_the_caps_of_its_answer():
    job, memory = Steepening(), {}
    tuned = gs.tune(job, STEPS, overhead=0.6, memory=memory)
    [full] = tuned.full
    assert full.events
    assert tuned.schedule == full.made_with.schedule == gs.parse(str(tuned.schedule)) != full.contestant.schedule
    assert tuned.final_loss == full.final_loss == job.evaluate() < 0.01
    assert job.calls == tuned.search_updates + STEPS
    again = gs.tune(Steepening(), STEPS, overhead=0.6, memory=memory)
    assert (again.schedule, again.final) == (tuned.schedule, tuned.final)


def test_a_rate_of_zero_is_no_cause_and_the_last_update_has_no_cap_after_it():
    class Late(Quartic):
        def step(self, lr):
            super().step(lr)
            return 1.0 if self.calls < 270 else 1.8 if lr else 5.0

    stopped = gs.parse("constant(1).lasting(50%) >> constant(0)")
    assert not made(Late(), 0.1, True, schedule=stopped).events
    late = made(Late(), 0.1, True, schedule=gs.constant())
    assert all(event.update < STEPS - 1 for event in late.events)
