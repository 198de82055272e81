"""Searches on a job whose answers are known: gradient descent on a quadratic."""

import math

import numpy as np
import pytest

import glideslope as gs
from glideslope.search.jobs.start import start as usual_peak
from glideslope.search.race import standings
from glideslope.search.runs.contestant import Contestant, Run
from glideslope.search.strategy.outcomes import beyond


class Quadratic:
    """Loss w²/2 with gradient noise: stable for rates under 2, and a falling rate beats any constant one."""

    def __init__(self, seed=0, noise=0.3, start=10.0):
        self.w, self.noise, self.made = np.full(50, start), noise, 0
        self.generator = np.random.default_rng(seed)

    def step(self, lr, **controls):
        loss = self.evaluate()
        self.w = self.w - lr * (self.w + self.noise * self.generator.normal(size=50))
        self.made += 1
        return loss

    def evaluate(self):
        return float(np.mean(self.w**2) / 2)

    def state(self):
        return self.w, self.generator.bit_generator.state

    def restore(self, state):
        self.w, self.generator.bit_generator.state = state

    def reseed(self, seed):
        self.generator = np.random.default_rng(seed)


def test_the_range_test_finds_the_edge_of_stability_and_puts_the_job_back():
    job = Quadratic()
    before = job.state()
    seen = []
    found = gs.find(job, low=1e-3, high=100, steps=100, watch=seen.append)
    after = job.state()
    assert np.array_equal(after[0], before[0])
    assert after[1] == before[1]
    assert 0.05 < found.suggestion < 2
    assert 1 < found.largest_stable < 6  # some updates pass before growth shows in the smoothed loss
    assert found.spread[0] <= found.suggestion <= found.spread[1]
    assert found.problem is None
    assert job.made == found.updates == seen[-1].made


@pytest.mark.parametrize(("low", "high", "says"), [(1e-9, 1e-6, "hardly moved"), (10, 1e4, "rose from the start")])
def test_a_sweep_that_says_nothing_says_so(low, high, says):
    found = gs.find(Quadratic(), low=low, high=high)
    assert says in found.problem
    assert "try a range from {:.0e} to {:.0e}".format(*found.instead) in found.problem


def test_a_loss_may_be_negative():
    class Shifted(Quadratic):
        def evaluate(self):
            return super().evaluate() - 100

    assert gs.find(Shifted(), low=1e-3, high=100).problem is None


def test_a_race_of_seeds_that_the_job_ignores_says_that_it_has_no_noise():
    with pytest.warns(gs.GlideslopeWarning, match=r"all 3 seeds gave the same losses.*let job\(seed\) draw"):
        race = gs.race(lambda seed: Quadratic(), ["linear"], 20, [0.1], seeds=3)
    assert race.standings[0].standard_error == 0


def test_a_race_ranks_by_final_loss_and_has_the_constant_reference():
    race = gs.race(Quadratic, ["linear", gs.cosine()], 200, [0.1, 0.5], seeds=4)
    means = [standing.mean for standing in race.standings]
    assert means == sorted(means)
    assert len(means) == 6
    assert race.constant.mean == min(s.mean for s in race.standings if s.contestant.schedule == gs.constant())
    assert race.tied[0] == race.standings[0].contestant
    assert race.updates == 6 * 4 * 200 + 6
    for standing in race.standings:
        finals = [run.final_loss for run in standing.runs]
        assert standing.standard_error == pytest.approx(np.std(finals, ddof=1) / 2)


def test_a_schedule_times_a_feedback_races_and_is_cut_where_the_loss_stays():
    plateau = gs.constant() * gs.plateau(0.1, patience=1, threshold=0.05)
    memory = {}
    raced = gs.race(
        Quadratic, [plateau, "constant() * greedy(patience=100)"], 400, [0.5], evaluations=20, memory=memory
    )
    cut = next(s.runs[0] for s in raced.standings if s.contestant.schedule == plateau)
    rates, losses = cut.curve
    assert rates[0] == 0.5
    assert rates[-1] < 0.06
    assert len(losses) == 400
    constants = [s.mean for s in raced.standings if s.contestant.schedule != plateau]
    assert cut.final_loss < min(constants)
    assert constants[0] == constants[1]  # no improvement is as long in a row as greedy waits for
    assert gs.race(Quadratic, ["plateau()"], 40, [0.5]).standings[0].mean > 0
    again = gs.race(Quadratic, [plateau], 400, [0.5], evaluations=20, memory=memory)
    np.testing.assert_array_equal(again.standings[0].runs[0].curve[0], rates)


def test_updates_to_target():
    race = gs.race(Quadratic(noise=0), ["constant"], 100, [0.1], target=1.0, evaluations=100)
    # w_t = 10·0.9^t, so w²/2 ≤ 1 from t = 18.6 on.
    assert race.standings[0].updates_to_target == math.ceil(math.log(math.sqrt(2) / 10) / math.log(0.9))


def test_tune_keeps_to_its_budget_and_trains():
    job = Quadratic()
    tuned = gs.tune(job, 1000, overhead=2, against_constant=True)
    assert tuned.search_updates <= 2000
    assert tuned.job.evaluate() == tuned.final_loss
    assert tuned.final_loss < tuned.constant.final_loss
    assert all(len(run.losses) in (run.steps, 1) or run.final_loss == math.inf for run in tuned.candidates)


@pytest.mark.parametrize(
    ("steps", "overhead"),
    [(200, 2.0), (240, 1.7), (400, 1.0), (1000, 0.4), (400, 5.0), (30, 1.0), (1000, 0.03), (11, 30 / 11)],
)
def test_the_overhead_bounds_the_search_however_short(steps, overhead):
    job = Quadratic()
    tuned = gs.tune(job, steps, overhead=overhead)
    assert tuned.search_updates <= round(overhead * steps, 6)  # 30 / 11 of 11 updates are 30
    assert job.made == tuned.search_updates + steps


def test_where_all_diverge_a_lower_peak_is_next():
    runs = [Run(Contestant(gs.constant(), peak), 9, 0, np.zeros(9), (), math.inf) for peak in (0.4, 0.2)]
    assert beyond(runs) == 0.1


def test_peaks_go_on_while_the_best_is_at_an_end():
    class Narrow(Quadratic):
        """The rates that it needs are thousands of times the usual ones."""

        def step(self, lr, **controls):
            loss = super().step(1e-3 * lr, **controls)
            return loss * (1 + 1e-4 * lr)

    job = Narrow()
    assert gs.tune(job, 400, overhead=5).peak > 1000 * usual_peak(job)


def test_an_interrupted_tune_goes_on_where_it_was():
    whole = gs.tune(Quadratic(), 600)
    memory, calls = {}, []

    def interrupt(progress):
        calls.append(progress)
        if len(calls) == 60:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gs.tune(Quadratic(), 600, memory=memory, watch=interrupt)
    remembered = len(memory)
    assert remembered > 1
    job = Quadratic()
    resumed = gs.tune(job, 600, memory=memory)
    assert (resumed.schedule, resumed.peak, resumed.final_loss) == (whole.schedule, whole.peak, whole.final_loss)
    assert job.made < whole.search_updates + 600


@pytest.mark.parametrize(
    ("search", "error", "says"),
    [
        (lambda: gs.tune(Quadratic(), 0), gs.SearchError, "steps=0"),
        (lambda: gs.tune(Quadratic(), 10), gs.SearchError, "20 updates for the search: give at least 30"),
        (lambda: gs.tune(object(), 1000), gs.JobError, "step, evaluate, state, restore"),
        (lambda: gs.race(Quadratic(), [], 10, [0.1]), gs.SearchError, "at least one schedule"),
        (lambda: gs.race(Quadratic(), ["cosine"], 10, [-1.0]), gs.SearchError, "peak rate of -1"),
        (lambda: gs.find(Quadratic(start=math.nan)), gs.JobError, "nan at the first update"),
        (lambda: gs.find(Quadratic(), low=1, high=0.1), gs.SearchError, "low < high"),
    ],
)
def test_bad_requests(search, error, says):
    with pytest.raises(error) as raised:
        search()
    assert says in str(raised.value)


def test_a_run_that_almost_diverged_ties_with_none_and_noise_ties():
    def runs(contestant, *losses):
        return [Run(contestant, 10, seed, np.ones(10), ((10, loss),), loss) for seed, loss in enumerate(losses)]

    peaks = {0.1: (1.0, 1.2), 0.2: (1.05, 1.18), 0.3: (1.4, 1.5), 3.0: (1.5, 1e300), 9.0: (1.0, math.inf)}
    raced = standings([runs(Contestant(gs.constant(), peak), *losses) for peak, losses in peaks.items()], None, 0)
    assert [contestant.peak for contestant in raced.tied] == [0.1, 0.2]
    alone = standings([runs(Contestant(gs.constant(), peak), losses[0]) for peak, losses in peaks.items()], None, 0)
    assert [contestant.peak for contestant in alone.tied] == [0.1, 9.0]  # exactly as low; the noise isn't known
