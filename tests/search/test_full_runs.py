"""The full runs that a bound pays for: which is made next, which is the answer, and where the job is left."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glideslope as gs
from glideslope.search.runs.contestant import Contestant, Run
from glideslope.search.strategy.equal_runs import at_length
from glideslope.search.strategy.full_runs import HELD, RAISED, best_run, for_short_runs, next_full
from glideslope.search.strategy.peaks import lowest, peak_of
from glideslope.search.strategy.rise import risen, undone
from glideslope.search.strategy.stopped import as_whole

CYCLE, LINEAR = gs.one_cycle(), gs.linear()


class Bowl:
    """Ends lowest where the sum of its rates is a given one; above a peak it ends high after so many updates."""

    def __init__(self, total, cliff=math.inf, steps=0):
        self.total, self.cliff, self.steps = total, cliff, steps
        self.rates, self.calls, self.evaluations = [], 0, 0

    def step(self, lr):
        self.rates, self.calls = [*self.rates, lr], self.calls + 1
        return 5.0 / (1 + len(self.rates))

    def evaluate(self):
        self.evaluations += 1
        if not self.rates:
            return 9.0
        if len(self.rates) >= self.steps and max(self.rates) > self.cliff:
            return 8.0
        shift = math.log(max(sum(self.rates), 1e-9) / self.total) - math.log(len(self.rates))
        return min(1 + 0.1 * shift**2 + 10 / len(self.rates), 8.5)

    def state(self):
        return list(self.rates)

    def restore(self, state):
        self.rates = list(state)


def run(schedule, peak, loss, steps=100, untrained=9.0):
    return Run(Contestant(schedule, peak), steps, 0, np.ones(steps), ((steps, loss),), loss, untrained=untrained)


SHORT = replace(run(CYCLE, 0.1, 2.0), losses=np.linspace(9.0, 2.0, 100))
"""A short run that learned."""


def test_peaks_go_up_then_down_then_to_the_lowest_point_then_another_schedule_follows():
    runs = [run(CYCLE, 0.1, 1.0)]
    assert next_full(runs, (CYCLE, LINEAR), SHORT) == Contestant(CYCLE, 0.2)
    runs.append(run(CYCLE, 0.2, 1.5))
    assert next_full(runs, (CYCLE, LINEAR), SHORT) == Contestant(CYCLE, 0.05)
    runs.append(run(CYCLE, 0.05, 1.5))
    contestant = next_full(runs, (CYCLE, LINEAR), SHORT)
    assert contestant.schedule == CYCLE
    assert 0.05 < contestant.peak < 0.2
    for _ in range(4):
        if contestant.schedule != CYCLE:
            break
        runs.append(run(CYCLE, contestant.peak, 1.2))
        contestant = next_full(runs, (CYCLE, LINEAR), SHORT)
    assert contestant.schedule == LINEAR
    assert contestant.rates(100).mean() == pytest.approx(Contestant(CYCLE, 0.1).rates(100).mean(), rel=0.05)
    runs.append(run(LINEAR, contestant.peak, 1.3))
    assert next_full(runs, (CYCLE, LINEAR), SHORT) is None


def test_a_full_run_that_ends_above_a_short_one_has_too_large_a_peak():
    assert next_full([run(CYCLE, 0.1, 2.5)], (CYCLE,), SHORT) == Contestant(CYCLE, 0.025)
    lost = [run(CYCLE, 0.1, math.inf), run(CYCLE, 0.04, 2.2)]
    assert next_full(lost, (CYCLE,), SHORT) == Contestant(CYCLE, 0.01)


def test_one_that_ends_above_a_short_one_on_a_plateau_has_too_low_a_peak():
    plateau = replace(SHORT, losses=np.full(100, 2.0))
    assert next_full([run(CYCLE, 0.1, 2.5)], (CYCLE,), plateau) == Contestant(CYCLE, 0.2)


@pytest.mark.parametrize(("end", "peak"), [(0.98, 0.05), (0.9, 0.2)])
def test_one_that_ends_little_lower_than_a_short_one_is_followed_by_a_lower_peak(end, peak):
    assert next_full([run(CYCLE, 0.1, end * SHORT.final_loss)], (CYCLE,), SHORT) == Contestant(CYCLE, peak)


def test_a_loss_with_little_noise_has_a_second_run_that_holds_twice_the_rate():
    first = run(CYCLE, 0.1, 0.08, steps=160)
    assert next_full([first], (CYCLE, LINEAR, HELD), SHORT) == Contestant(HELD, 0.2)
    brief = run(CYCLE, 0.1, 0.08, steps=159)  # its parts are too short for backing off
    assert next_full([brief], (CYCLE, LINEAR, HELD), SHORT).schedule == CYCLE
    assert next_full([first], (CYCLE, LINEAR), SHORT).schedule == CYCLE
    noisy = replace(first, final_loss=0.1)
    assert next_full([noisy], (CYCLE, LINEAR, HELD), SHORT).schedule == CYCLE


ROSE = np.concatenate([np.full(50, 1.0), np.full(50, 1.6)])


@pytest.mark.parametrize(
    ("short", "full", "losses", "made_with"),
    [
        (7.0, 2.0, ROSE, Contestant(HELD, 0.1)),  # 1.3 times lower within the length of a short run, then 3.5 times
        (2.0, 1.5, ROSE, Contestant(CYCLE, 0.05)),  # 4.5 times within, 1.3 times after
        (7.0, 2.0, np.ones(100), Contestant(CYCLE, 0.2)),  # nothing says that the peak is too large
    ],
)
def test_off_a_plateau_the_rate_is_held_where_the_peak_would_be_lowered(short, full, losses, made_with):
    first = replace(run(CYCLE, 0.1, full, steps=400), losses=losses)
    assert next_full([first], (CYCLE, HELD), replace(SHORT, final_loss=short)) == made_with


@pytest.mark.parametrize(("end", "schedule"), [(1.0, HELD), (4.0, CYCLE)])
def test_a_short_run_that_ends_in_a_fall_comes_off_a_plateau(end, schedule):
    losses = np.concatenate([np.full(80, 9.0), np.geomspace(9.0, end, 20)])
    short = replace(SHORT, final_loss=4.0, losses=losses)
    first = replace(run(CYCLE, 0.1, 6.0, steps=400), losses=ROSE)  # no lower than the short run, or little lower
    assert next_full([first], (CYCLE, HELD), short).schedule == schedule


class Plateau(Bowl):
    """Leaves a plateau near the end of a short run."""

    def step(self, lr):
        super().step(lr)
        return 5.0 if len(self.rates) < 70 else 0.5

    def evaluate(self):
        return 5.0 if len(self.rates) < 70 else 0.6


def test_the_only_full_run_off_a_plateau_holds_the_rate_of_the_cycle():
    tuned = gs.tune(Plateau(1.0), 400, overhead=1, seed=3)
    named = gs.tune(Plateau(1.0), 400, overhead=1, seed=3, schedules=["one_cycle", "linear"])
    assert [one.contestant.schedule for one in tuned.full] == [HELD]
    assert [one.contestant.schedule for one in named.full] == [CYCLE]
    assert tuned.peak == pytest.approx(named.peak / RAISED, rel=0.05)


@pytest.mark.parametrize(
    ("steps", "options", "factor"),
    [
        (400, {"schedules": ["one_cycle"]}, 1.4),
        (400, {"schedules": ["one_cycle"], "guard": gs.guard()}, 1.0),  # it doesn't back off
        (100, {"schedules": ["one_cycle"]}, 1.0),  # too short to back off
        (400, {"schedules": ["cosine"]}, 1.0),
    ],
)
def test_the_peak_of_the_only_full_run_is_larger_where_it_is_a_cycle_that_can_back_off(steps, options, factor):
    tuned = gs.tune(Bowl(0.1), steps, overhead=1, **options)
    peak = peak_of({run.contestant.peak: run for run in tuned.candidates})
    of_full_run = at_length(peak, tuned.candidates[0].steps, steps)
    assert tuned.full[0].contestant.peak == pytest.approx(factor * of_full_run, rel=0.05)


@pytest.mark.parametrize(("unit", "zero"), [(1e-6, 0.0), (1e9, 0.0), (1.0, -0.2)])
def test_little_noise_is_a_ratio_of_losses_and_never_one_of_negative_ones(unit, zero):
    first = run(CYCLE, 0.1, unit * 0.08 + zero, steps=400, untrained=unit * 9.0 + zero)
    assert (next_full([first], (CYCLE, HELD), SHORT).schedule == HELD) == (zero == 0)


class Clean(Bowl):
    """Falls in proportion to its updates, to a thousandth."""

    def evaluate(self):
        return super().evaluate() if not self.rates else 0.9 / len(self.rates)


@pytest.mark.parametrize(("overhead", "schedules"), [(1, [HELD]), (2, [CYCLE, HELD])])
def test_the_only_full_run_of_a_loss_with_little_noise_holds_its_rate(overhead, schedules):
    tuned = gs.tune(Clean(1.0), 400, overhead=overhead)
    assert [run.contestant.schedule for run in tuned.full] == schedules
    named = gs.tune(Clean(1.0), 400, overhead=overhead, schedules=["one_cycle"])
    assert {run.contestant.schedule for run in named.full} == {CYCLE}


def test_an_optimizer_that_finds_its_rate_has_one_full_run():
    contestant = Contestant(CYCLE, 1.0, "prodigy")
    made = Run(contestant, 100, 0, np.ones(100), ((100, 1.0),), 1.0, untrained=9.0)
    assert next_full([made], (CYCLE,), SHORT) is None


@settings(max_examples=30, deadline=None)
@given(st.floats(0.3, 6), st.integers(200, 400), st.floats(0.001, 3))
def test_the_bound_holds_and_the_job_is_left_as_the_best_full_run_ended(overhead, steps, rate):
    job = Bowl(rate)
    tuned = gs.tune(job, steps, overhead=overhead)
    checks = job.calls - tuned.search_updates - steps
    assert tuned.search_updates <= round(overhead * steps, 6)
    assert checks == 0
    assert len(tuned.full) >= 1
    assert tuned.final_loss == min(one.final_loss for one in (*tuned.full, *tuned.candidates)) == job.evaluate()
    made = len(job.rates)
    assert made == steps or tuned.final_loss < min(one.last_loss for one in tuned.full)
    rates = tuned.final.made_with.rates(steps).tolist()
    assert job.rates == pytest.approx(rates[:made])
    assert not any(rates[made:])
    assert for_short_runs(int(overhead * steps), steps) <= min(overhead, 2) * steps


class Blown(Bowl):
    """Its training loss leaps at first and falls from there."""

    def step(self, lr):
        super().step(lr)
        return 12.0 if len(self.rates) < 10 else 300.0 / len(self.rates)


@pytest.mark.parametrize("job", [Bowl, Blown])
def test_the_full_run_of_adagrad_has_the_peak_of_the_short_ones_whose_first_steps_tell_nothing(job):
    def first(optimizer):
        made = job(0.1)
        made.optimizer = type(optimizer, (), {})()
        tuned = gs.tune(made, 400, overhead=2, schedules=["one_cycle"])
        runs = {run.contestant.peak: run for run in tuned.candidates}
        return tuned.full[0].contestant.peak / lowest(runs), tuned.candidates[0].steps

    assert first("Adagrad")[0] == pytest.approx(1.0, rel=0.05)
    factor, length = first("SGD")
    assert factor == pytest.approx((400 / length) ** -0.2 / (2 if job is Blown else 1), rel=0.05)


@pytest.mark.parametrize("losses", [[4.0, 2.0, 1.9, 1.8], [4.0, 1.0, 3.0, 1.0]])
def test_no_full_run_of_adagrad_says_that_its_peak_is_too_large(losses):
    first = Run(Contestant(CYCLE, 0.1), 4, 0, np.array(losses), ((4, 2.5),), 2.5, untrained=9.0)
    assert next_full([first], (CYCLE,), SHORT).peak == 0.025
    assert next_full([first], (CYCLE,), SHORT, slows=True).peak == 0.2


@given(st.floats(1e-6, 1e3), st.sampled_from([0.5, 1.93, 1.97]), st.sampled_from([0.4, 0.6]))
def test_where_the_largest_peak_is_the_best_the_next_is_below_unless_it_alone_has_learned(peak, below, best):
    ends = {peak: below, 4 * peak: best}
    runs = {at: Run(Contestant(CYCLE, at), 70, 0, np.full(70, 2.0), ((70, end),), end, untrained=2.0)
            for at, end in ends.items()}  # fmt: skip
    shares = {(0.5, 0.4): 0.7 * 4, (1.93, 0.4): 4, (1.97, 0.4): 4, (0.5, 0.6): 1, (1.93, 0.6): 4, (1.97, 0.6): 4}
    assert peak_of(runs) == pytest.approx(shares[below, best] * peak)


def test_a_cliff_of_the_full_length_is_left_by_the_next_full_run():
    steps = 400
    free = gs.tune(Bowl(0.1), steps, overhead=2)
    cliff = 0.7 * free.full[0].contestant.peak
    caught = gs.tune(Bowl(0.1, cliff, steps), steps, overhead=2)
    assert caught.full[0].last_loss == 8.0
    assert caught.full[1].final_loss < 2
    assert caught.full[1].contestant.peak < cliff
    assert caught.final_loss == min(one.final_loss for one in (*caught.full, *caught.candidates))


class Learner(Bowl):
    """Learns its noise: its validation loss rises with each update past a number, whatever the rate."""

    def __init__(self, most):
        super().__init__(0.1)
        self.most = most

    def evaluate(self):
        return super().evaluate() + 0.1 * max(len(self.rates) - self.most, 0) * (not self.rates or self.rates[0] > 0)


@pytest.mark.parametrize("overhead", [0.5, 1, 2])
def test_a_training_that_learns_its_noise_is_stopped_where_a_full_run_was_lowest(overhead):
    steps, job = 400, Learner(200)
    tuned = gs.tune(job, steps, overhead=overhead)
    assert tuned.problem is None
    assert tuned.final in tuned.full
    assert tuned.final_loss == job.evaluate() == min(loss for _, loss in tuned.final.evaluations)
    assert tuned.final_loss < 0.2 * tuned.final.last_loss
    made = len(job.rates)
    assert str(tuned.schedule) == f"min(one_cycle(), piecewise([1, 0], [{100 * made / steps:g}%]))"
    rates = gs.parse(str(tuned.schedule)).over(steps).sample(steps) * tuned.peak
    assert job.rates == pytest.approx(rates[:made].tolist())
    assert not rates[made:].any()


def test_a_memory_of_a_shorter_search_changes_no_run():
    """When a full run is given up depends on the short run beside it, which another overhead makes longer."""
    memory = {}
    for overhead in (0.7, 1, 2):
        tuned = gs.tune(Learner(100), 400, overhead=overhead, schedules=["one_cycle"], memory=memory)
        fresh = gs.tune(Learner(100), 400, overhead=overhead, schedules=["one_cycle"])
        assert (tuned.full, tuned.final) == (fresh.full, fresh.final)


class Annealed(Learner):
    """A rate adds noise to it as long as it is there, so a short run ends lower than a full one is on its way."""

    def evaluate(self):
        return super().evaluate() + 10 * (self.rates[-1] if self.rates else 0)


@pytest.mark.parametrize("overhead", [0.5, 1, 2])
def test_a_training_that_learns_its_noise_is_stopped_where_a_short_run_ended(overhead):
    steps, job = 400, Annealed(100)
    tuned = gs.tune(job, steps, overhead=overhead)
    best = min(tuned.candidates, key=lambda one: one.final_loss)
    assert tuned.problem is None
    assert tuned.final_loss == best.final_loss == job.evaluate() < min(one.final_loss for one in tuned.full)
    assert str(tuned.schedule) == f"{best.contestant.schedule}.over({best.steps}) >> constant(0)"
    rates = gs.parse(str(tuned.schedule)).over(steps).sample(steps) * tuned.peak
    assert rates[: best.steps] == pytest.approx(best.contestant.rates(best.steps))
    assert not rates[best.steps :].any()
    assert job.calls == tuned.search_updates + min(steps, sum(one.made for one in tuned.full)) <= (1 + overhead) * steps
    assert tuned.search_updates <= overhead * steps
    assert gs.tune(Annealed(100), steps, overhead=overhead, memory={}).final == tuned.final


@pytest.mark.parametrize("text", ["linear(1000)", "linear().over(1000)", "linear(100) >> constant(0.1, 1000)"])
def test_a_schedule_with_an_end_of_its_own_is_the_answer_as_its_run_was_made(text):
    tuned = gs.tune(Learner(40), 400, overhead=1, schedules=[text])
    made = tuned.final.events[-1].back_to
    rates = gs.parse(str(tuned.schedule)).over(400).sample(400) * tuned.peak
    assert rates[:made] == pytest.approx(gs.parse(text).sample(400)[:made] * tuned.peak)
    assert not rates[made:].any()
    short = tuned.candidates[0]
    stopped = as_whole(short, 400).contestant
    assert stopped.rates(400)[: short.steps] == pytest.approx(short.contestant.rates(short.steps))
    assert not stopped.rates(400)[short.steps :].any()


class Early(Bowl):
    """Its validation loss is least where the sum of its rates is 3, and the lower the more updates it takes to there;
    a rate adds noise to it as long as it is there."""

    def step(self, lr):
        super().step(lr)
        return 1 / (1 + sum(self.rates))

    def evaluate(self):
        if not self.rates:
            return 20.0
        return 5 / len(self.rates) + math.log(max(sum(self.rates), 1e-6) / 3) ** 2 + 2 * self.rates[-1]


@pytest.mark.parametrize(("schedules", "schedule"), [(None, LINEAR), (["one_cycle"], CYCLE)])
def test_the_updates_that_a_run_left_which_was_given_up_make_another_at_half_its_peak(schedules, schedule):
    steps, job = 400, Early(3.0)
    tuned = gs.tune(job, steps, overhead=1, schedules=schedules)
    first, rest = tuned.full
    assert first.is_given_up
    assert (rest.steps, rest.contestant.schedule) == (2 * steps - job.calls + rest.made, schedule)
    assert rest.contestant.peak == pytest.approx(first.contestant.peak / 2, rel=0.05)
    assert tuned.final_loss == min(one.final_loss for one in (*tuned.full, *tuned.candidates)) == job.evaluate()
    assert (tuned.final_loss == rest.final_loss) == (schedule == CYCLE)
    assert tuned.search_updates <= steps
    assert job.calls == tuned.search_updates + min(steps, first.made + rest.made)
    rates = gs.parse(str(tuned.schedule)).over(steps).sample(steps) * tuned.peak
    assert job.rates == pytest.approx(rates[: len(job.rates)].tolist())
    assert not rates[len(job.rates) :].any()


class Doubtful(Annealed):
    """Its training loss never falls, and in another data order it ends higher: short runs are tied within that."""

    def __init__(self, most):
        super().__init__(most)
        self.another = 0.0

    def step(self, lr):
        return 0.0 * super().step(lr) + 5.0

    def evaluate(self):
        return super().evaluate() + self.another

    def restore(self, state):
        super().restore(state)
        self.another = 0.0

    def reseed(self, seed):
        self.another = 0.3


@pytest.mark.parametrize("overhead", [0.75, 1, 2])
def test_of_short_runs_that_are_tied_the_lowest_is_the_answer_and_none_is_made_again(overhead):
    steps, job = 400, Doubtful(100)
    tuned = gs.tune(job, steps, overhead=overhead)
    lowest = min(tuned.candidates, key=lambda one: one.final_loss)
    assert tuned.noise == pytest.approx(0.3)
    assert tuned.full[0].contestant.peak != pytest.approx(at_length(lowest.contestant.peak, lowest.steps, steps), 0.1)
    assert tuned.final.contestant.peak == lowest.contestant.peak
    assert tuned.final_loss == lowest.final_loss == job.evaluate()
    assert job.calls == tuned.search_updates + steps <= (1 + overhead) * steps
    assert tuned.wasted == 0


class Estimated(Learner):
    """Its estimates are lower than its losses by less than nothing for a full run, by much for a short one."""

    def estimate(self, updates):
        return self.evaluate() - 50.0


def test_an_estimate_of_a_short_run_that_is_too_low_is_not_believed():
    tuned = gs.tune(Estimated(1000), 400, overhead=1)
    assert tuned.final == best_run(tuned.full)
    assert min(one.final_loss for one in tuned.candidates) < tuned.final_loss


def test_a_training_loss_that_rises_sends_the_next_full_run_down():
    def after(losses):
        made = Run(Contestant(CYCLE, 0.1), 4, 0, np.array(losses), ((4, 1.0),), 1.0, untrained=9.0)
        return next_full([made], (CYCLE,), SHORT).peak

    assert after([4.0, 2.0, 2.1, 1.0]) == 0.2
    assert after([4.0, 2.0, 3.0, 1.0]) == 0.05
    assert after([4.0, 1.0, 3.0, 1.0]) == 0.025
    assert after([-4.0, -6.0, -3.0, -9.0]) == 0.2


def curve(rng, levels):
    """A noisy training loss that goes through some levels."""
    return np.interp(np.arange(480), np.linspace(0, 479, len(levels)), levels) + 0.01 * rng.standard_normal(480)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.sampled_from([0, 1, 50, -5, -50]), st.floats(0.01, 1))
def test_a_rise_to_where_the_loss_began_is_seen_on_any_level_and_in_any_unit(seed, zero, unit):
    rng = np.random.default_rng(seed)
    assert undone(zero + unit * curve(rng, [1.6, 1.4, 1.7, 1.0, 0.4]))
    assert not undone(zero + unit * curve(rng, [1.6, 1.4, 1.5, 1.0, 0.4]))
    assert not undone(zero + unit * curve(rng, [1.6, 1.6, 1.6, 1.6, 1.6]))
    assert not undone(zero + unit * curve(rng, [1.6, 1.7, 1.8, 1.2, 0.4]))


def test_it_sends_the_next_full_run_down():
    losses = curve(np.random.default_rng(0), [1.6, 1.4, 1.7, 1.0, 0.4])
    made = Run(Contestant(CYCLE, 0.1), 480, 0, losses, ((480, 1.0),), 1.0, untrained=9.0)
    assert risen(losses) < 1.25
    assert next_full([made], (CYCLE,), SHORT).peak == 0.05


def test_one_that_was_interrupted_leaves_the_job_where_the_whole_one_does():
    whole, memory = Bowl(0.1), {}
    tuned = gs.tune(whole, 300, overhead=3, memory=memory)
    for kept in range(len(memory)):
        job = Bowl(0.1)
        again = gs.tune(job, 300, overhead=3, memory=dict(list(memory.items())[:kept]))
        assert again.final == tuned.final
        assert job.rates == whole.rates
