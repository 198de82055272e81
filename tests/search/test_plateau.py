"""A search where no short run learns, or where all is learned late."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glideslope as gs
from glideslope.search.runs.contestant import Contestant, Run
from glideslope.search.strategy.choose import blew_up
from glideslope.search.strategy.equal_runs import next_peak
from glideslope.search.strategy.plateau import any_learned, best_undecided, ends_in_a_fall, goes_up, learned_late


def run(peak, final, losses=None, untrained=2.4, steps=120):
    losses = np.full(steps, untrained) if losses is None else losses
    contestant = Contestant(gs.one_cycle(), peak)
    return Run(contestant, steps, 0, np.asarray(losses), ((steps, final),), final, untrained=untrained)


def falling(end, steps=120):
    return np.geomspace(2.4, end, steps)


class Threshold:
    """Learns a bias at once, and all else only after the sum of its rates has passed a threshold."""

    def __init__(self, threshold, noise=0.02):
        self.threshold, self.noise = threshold, noise
        self.calls, self.total = 0, 0.0

    def step(self, lr):
        self.calls, self.total = self.calls + 1, self.total + lr
        return self._loss() + self.noise * math.sin(37.0 * self.calls**2)

    def evaluate(self):
        return self._loss()

    def _loss(self):
        return (2.4 if not self.calls else 2.38) if self.total < self.threshold else 0.3

    def state(self):
        return {"calls": self.calls, "total": self.total}

    def restore(self, state):
        self.calls, self.total = state["calls"], state["total"]


@pytest.mark.parametrize(("steps", "overhead"), [(800, 0.5), (400, 1), (400, 2)])
@pytest.mark.parametrize("threshold", [1.0, 30.0, 100.0])
def test_a_training_that_leaves_its_plateau_at_high_rates_alone_is_learned(threshold, steps, overhead):
    tuned = gs.tune(Threshold(threshold), steps, overhead=overhead)
    assert tuned.final_loss == 0.3


def test_no_short_run_that_learns_is_followed_by_a_larger_peak():
    flat = [run(0.1, 2.385), run(0.4, 2.38)]
    assert goes_up(flat)
    assert goes_up([run(0.1, 2.385)])
    assert not goes_up([])
    assert not goes_up([*flat, run(1.6, math.inf)])
    assert goes_up([run(0.1, 2.42), run(0.4, 2.41)])  # about the untrained loss
    assert not goes_up([*flat, run(1.6, 2.6)])  # above it
    assert not goes_up([*flat, run(1.6, 2.39, np.concatenate([np.full(60, 2.4), np.full(60, 3.2)]))])
    assert not goes_up([*flat, run(1.6, 1.0, falling(1.0))])


def test_a_second_run_that_learns_less_is_followed_by_a_smaller_peak_once():
    """Rates that are all too large lie flat, too: a sign's, as Adam's are usual."""
    behind = [run(0.1, 2.38), run(0.4, 2.385)]
    assert not goes_up(behind)
    assert next_peak({0.1: 2.38, 0.4: 2.385}, 2.4, 0.1) == pytest.approx(0.025)
    assert goes_up([*behind, run(0.025, 2.37)])
    assert goes_up([*behind, run(0.025, 2.39)])


def test_a_rise_within_the_noise_of_batches_does_no_harm():
    random = np.random.default_rng(0)
    noisy = 2.4 + 2.0 * random.normal(size=120)
    assert goes_up([run(0.1, 2.3, noisy)])
    risen = noisy + np.linspace(0, 20, 120)
    assert not goes_up([run(0.1, 2.3, risen)])


@pytest.mark.parametrize(("final", "expected"), [(1.2, True), (2.2, False)])
def test_a_blow_up_hides_what_was_learned_from_the_training_loss_alone(final, expected):
    """A spike's own noise is no reason to call a run unlearned whose validation loss fell by a third."""
    spiked = np.concatenate([np.full(20, 2.4), np.tile([3.0, 90.0], 10), falling(1.2)[:80]])
    assert blew_up(run(0.1, final, spiked)) == expected
    assert not blew_up(run(0.1, final, falling(1.2)))


def test_a_fall_by_less_than_a_twentieth_is_no_learning():
    assert not any_learned([run(0.1, 2.3, falling(2.3))])
    assert any_learned([run(0.1, 2.2)])
    assert any_learned([run(0.1, -2.5, falling(2.3), untrained=-2.4)])  # no ratio: the training loss fell
    assert not any_learned([run(0.1, -2.5, untrained=-2.4)])


@settings(max_examples=100, deadline=None)
@given(st.permutations([(0.1, 2.38), (0.4, 2.383), (1.6, 2.384)]), st.floats(1e-6, 1e6))
def test_the_best_that_has_not_learned_is_the_largest_peak_not_far_behind(outcomes, unit):
    runs = [run(peak, unit * loss, np.full(120, unit * 2.4), untrained=unit * 2.4) for peak, loss in outcomes]
    assert best_undecided(runs, 0.0).contestant.peak == 1.6
    worse = run(6.4, unit * 2.39, np.full(120, unit * 2.4), untrained=unit * 2.4)  # half of what was gained
    assert best_undecided([*runs, worse], 0.0).contestant.peak == 1.6
    assert best_undecided([*runs, worse], unit * 0.02).contestant.peak == 6.4  # but within the noise
    learned = run(0.2, unit * 2.0, np.full(120, unit * 2.4), untrained=unit * 2.4)
    assert best_undecided([*runs, learned], unit * 0.02).contestant.peak == 0.2


def test_about_the_untrained_loss_a_difference_of_a_thousandth_decides_nothing():
    runs = [run(0.1, 2.41), run(0.4, 2.399), run(1.6, 2.402), run(6.4, 2.43)]
    assert best_undecided(runs, 0.0).contestant.peak == 1.6


def test_where_all_did_harm_the_lowest_loss_is_the_best():
    runs = [run(0.1, 3.5), run(0.4, 2.95), run(1.6, math.inf)]
    assert best_undecided(runs, 0.0).contestant.peak == 0.4


@pytest.mark.parametrize(("short", "full", "late"), [(2.0, 0.2, True), (0.5, 0.2, False), (2.0, 2.1, False),
                                                      (2.4, 2.0, True), (2.5, 2.0, True)])  # fmt: skip
def test_late_is_a_larger_factor_after_than_within(short, full, late):
    assert learned_late(run(0.1, full), run(0.1, short)) == late
    moved = replace(run(0.1, full - 10), untrained=-7.6)
    assert not learned_late(moved, run(0.1, short - 10))  # no ratio


def test_a_run_ends_in_a_fall_where_most_of_it_came_last():
    late = np.concatenate([np.full(100, 2.4), np.full(20, 0.3)])
    assert ends_in_a_fall(run(0.1, 0.35, late))
    assert not ends_in_a_fall(run(0.1, 0.2, falling(0.2)))  # it fell all the time
    assert not ends_in_a_fall(run(0.1, 1.5, np.concatenate([np.full(100, 2.4), np.full(20, 1.5)])))  # not e-fold
    assert not ends_in_a_fall(run(0.1, -0.1, late))
