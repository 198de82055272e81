"""What a search makes of noise, of losses of any zero and unit, and of data that aren't finite."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import glideslope as gs
from glideslope.search.range_test import summary
from glideslope.search.runs.contestant import Contestant, Run
from glideslope.search.strategy.learned import learned, nothing_learned, problem
from glideslope.search.strategy.outcomes import check_finite
from glideslope.search.strategy.sweep import bad_data, batch_noise, blown_up, sudden_end

RATES = np.geomspace(1e-5, 10, 100)


def sweep(seed, fall=1.0, noise=0.3, edge=80, heavy=False):
    """Falls around the middle of the range, explodes from an edge on, with noise."""
    random = np.random.default_rng(seed)
    scatter = random.standard_t(2, size=100) if heavy else random.normal(size=100)
    curve = 3 - fall / (1 + np.exp(-(np.arange(100) - 55) / 6)) + noise * scatter
    return curve + np.where(np.arange(100) > edge, 0.5 * 1.6 ** np.maximum(np.arange(100) - edge, 0), 0)


def cut(losses):
    """Where a sweep of these losses would have ended."""
    end = next((i for i in range(1, len(losses) + 1) if blown_up(list(losses[:i]))), len(losses))
    return losses[:end]


SWEEPS = (
    st.integers(0, 10_000), st.floats(0, 3), st.floats(0.01, 2), st.floats(-1e3, 1e3), st.floats(1e-3, 1e3),
    st.booleans(),
)  # fmt: skip
"""A seed, how far the loss falls, its noise, what is added to it, its unit, and whether its tails are heavy."""


@settings(max_examples=60, deadline=None)
@given(*SWEEPS)
def test_no_decision_depends_on_the_zero_or_the_unit_of_the_loss(seed, fall, noise, shift, unit, heavy):
    losses = [sweep(seed + i, fall, noise, heavy=heavy) for i in range(3)]
    first, other = (summary([cut(one) for one in some], RATES) for some in (losses, [unit * x + shift for x in losses]))
    assert [len(s.losses) for s in first.sweeps] == [len(s.losses) for s in other.sweeps]
    for name in ("suggestion", "steepest", "minimum", "largest_stable", "spread"):
        assert getattr(first, name) == pytest.approx(getattr(other, name), rel=1e-9), name
    assert (first.problem, first.clear, first.instead) == (other.problem, other.clear, other.instead)
    assert other.noise == pytest.approx(unit * first.noise, rel=1e-6)


def test_the_noise_of_a_batch_is_that_of_the_losses():
    random = np.random.default_rng(0)
    measured = batch_noise([2.0 * random.normal(size=400) + np.linspace(50, 10, 400) for _ in range(5)])
    assert measured == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize("heavy", [False, True])
def test_where_nothing_falls_the_suggestion_is_by_the_edge_and_doubted(heavy):
    for seed in range(0, 150, 3):
        found = summary([cut(sweep(seed + i, fall=0.0, noise=1.0, heavy=heavy)) for i in range(3)], RATES)
        assert not found.clear, seed
        assert "noise of its batches" in found.problem
        assert found.suggestion == pytest.approx(found.largest_stable / 10)
        assert RATES[60] < found.largest_stable <= RATES[95]  # the loss explodes from update 80 on


def test_lucky_first_batches_are_no_rise_from_the_start():
    for seed in range(20):
        losses = [cut(np.where(np.arange(100) < 2, 1.0, sweep(seed + i, noise=0.5))) for i in range(3)]
        assert "rose from the start" not in (summary(losses, RATES).problem or "")


def test_a_clear_fall_is_clear():
    for seed in range(20):
        found = summary([cut(sweep(seed + i)) for i in range(3)], RATES)
        assert found.clear
        assert found.problem is None
        assert 1e-3 < found.suggestion < 1


def test_one_hard_batch_ends_no_sweep():
    losses = sweep(0)
    losses[30] = 1e6
    assert len(cut(losses)) > 80


def test_a_loss_of_bad_data_is_not_taken_for_the_edge_of_stability():
    losses = []
    for i, at in enumerate((10, 35, 60)):
        one = sweep(i)[: at + 1]
        one[at] = math.nan
        losses.append(one)
    found = summary(losses, RATES)
    assert f"rates as different as {RATES[9]:.2g} and {RATES[59]:.2g}: look at the data" in found.problem
    assert sudden_end(losses[0])
    assert not sudden_end(np.array([3.0, 2.9, 3.1, 5.0, 40.0, 1e9, math.nan]))
    assert bad_data([(0.1, True), (0.2, True)]) is None
    assert "0.1, where one of 1 is stable" in bad_data([(0.1, True), (1.0, False)])


def density(shift=0.0, unit=1.0):
    torch.manual_seed(0)
    x = torch.randn(256, 3)
    y = 0.02 * torch.randn(256, 1) + 0.02 * x[:, :1]
    model = nn.Linear(3, 2).double()
    nn.init.zeros_(model.weight)
    model.bias.data = torch.tensor([0.0, -3.0]).double()

    def loss(out, target):
        return unit * (out[:, 1:] + 0.5 * ((target - out[:, :1]) / out[:, 1:].exp()) ** 2).mean() + shift

    data = TensorDataset(x.double(), y.double())
    optimizer = torch.optim.Adam(model.parameters(), eps=1e-300)  # so that a factor of the loss changes no update
    return gs.torch.Job(model, optimizer, loss, DataLoader(data, 32, shuffle=True), DataLoader(data, 256))


@pytest.mark.parametrize(("shift", "unit"), [(5.0, 1.0), (-100.0, 1.0), (0.0, 1000.0)])
def test_a_shifted_or_scaled_loss_is_searched_alike(shift, unit):
    one, other = (gs.find(density(*of), steps=60, sweeps=3) for of in ((), (shift, unit)))
    assert other.suggestion == pytest.approx(one.suggestion, rel=1e-6)
    assert other.largest_stable == pytest.approx(one.largest_stable, rel=1e-6)
    assert (one.problem, one.clear) == (other.problem, other.clear)
    tuned, shifted = (gs.tune(density(*of), 300, schedules=["linear", "cosine"]) for of in ((), (shift, unit)))
    assert (tuned.schedule, tuned.peak) == (shifted.schedule, shifted.peak)
    assert shifted.final_loss == pytest.approx(unit * tuned.final_loss + shift, rel=1e-6)


def regression(seed, noise=1.8, signal=1.0):
    """Squared loss with noise above the signal."""
    torch.manual_seed(seed)
    random = np.random.default_rng(0)
    x = random.normal(size=(1200, 8)).astype("float32")
    y = signal * (np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2]) + noise * random.normal(size=1200)
    x, y = torch.tensor(x), torch.tensor(y.astype("float32"))[:, None]
    model = nn.Sequential(nn.Linear(8, 32), nn.GELU(), nn.Linear(32, 1))
    train, held = DataLoader(TensorDataset(x[:1000], y[:1000]), 8, shuffle=True), TensorDataset(x[1000:], y[1000:])
    return gs.torch.Job(model, torch.optim.AdamW(model.parameters()), nn.MSELoss(), train, DataLoader(held, 200))


def test_tune_on_noise_above_the_signal_trains():
    untrained = regression(0).evaluate()
    tuned = gs.tune(regression, 600)
    assert tuned.search_updates <= 1200
    assert tuned.final_loss < 0.93 * untrained  # the best rates, 1e-2 to 3e-2, give 0.85 to 0.9
    assert 3e-3 < tuned.peak < 0.3
    assert tuned.final.untrained == pytest.approx(untrained)
    assert tuned.noise > 0


class LeastSquares:
    """One example at a time: the loss of an update says next to nothing."""

    def __init__(self, seed, dimension=8):
        self.random = np.random.default_rng(seed)
        self.weights = self.random.normal(size=dimension)

    def step(self, lr):
        x = self.random.normal(size=len(self.weights))
        error = self.weights @ x
        self.weights = self.weights - lr * 2 * error * x
        return error * error

    def evaluate(self):
        return float(self.weights @ self.weights) + 0.01

    def state(self):
        return self.weights.copy(), self.random.bit_generator.state

    def restore(self, state):
        self.weights, self.random.bit_generator.state = state[0].copy(), state[1]


@pytest.mark.parametrize("seed", range(4))
def test_tune_one_example_at_a_time_trains(seed):
    tuned = gs.tune(LeastSquares, 500, seed=seed)
    assert tuned.final_loss < 0.05  # any rate from 0.01 to 0.05 gives 0.010
    assert tuned.search_updates <= 1000


class Stubborn(LeastSquares):
    """What it learns is never measured."""

    def evaluate(self):
        return 2.5


def test_a_search_that_learned_nothing_raises():
    with pytest.raises(gs.NothingLearnedError, match=r"nothing learned at any rate tried, from .* to ") as raised:
        gs.tune(Stubborn, 300)
    tuned = raised.value.tuned
    assert not tuned.final_loss < 2.5
    assert tuned.problem
    assert min(run.contestant.peak for run in tuned.candidates) > 1e-4  # it didn't go down and down


def ended(peak, loss, untrained=5.0, losses=(1.0,) * 9):
    return Run(Contestant(gs.constant(), peak), 9, 0, np.array(losses), (), loss, made=9, untrained=untrained)


def test_runs_that_end_suddenly_are_the_data():
    losses = [2.0, 1.9, 2.1, 1.8, 1.9, math.nan]
    with pytest.raises(gs.SearchError, match=r"as different as 0\.001 and 0\.1: look at the data"):
        check_finite([ended(peak, math.inf, losses=losses) for peak in (0.001, 0.1)])
    with pytest.raises(gs.SearchError, match="end suddenly"):
        check_finite([ended(0.1, math.inf, losses=losses)])
    rising = [2.0, 2.1, 8.0, 100.0, 1e5, math.inf]
    with pytest.raises(gs.SearchError, match="too large"):
        check_finite([ended(peak, math.inf, losses=rising) for peak in (0.001, 0.1)])


def run_of(losses, untrained, final):
    losses = np.asarray(losses, dtype=float)
    contestant = Contestant(gs.constant(), 0.1)
    return Run(contestant, len(losses), 0, losses, ((len(losses), final),), final, untrained=untrained)


def test_a_training_that_clearly_fell_has_learned_whatever_the_noise_of_short_runs():
    noise = 0.02 * np.random.default_rng(0).normal(size=200)
    fell = 5 * np.exp(-np.arange(200) / 30) + 0.1 + noise
    assert learned(run_of(fell, untrained=5.9, final=0.01), noise=3.7)
    assert not learned(run_of(5.9 + noise, untrained=5.9, final=5.89), noise=3.7)
    assert not learned(run_of(fell, untrained=5.9, final=6.1), noise=3.7)  # it learned its training data by heart


def test_why_nothing_was_learned_is_said_with_what_to_do():
    """Above the untrained loss in every run, below it by less than the noise, or neither."""

    def said(*losses, noise=0.0):
        runs = [ended(peak, loss) for peak, loss in zip((0.1, 0.2, 0.4), losses, strict=True)]
        return nothing_learned(runs[0], runs[1:], (), noise), problem(runs[0], (), runs[1:], noise)

    assert "let the job give the negative" in said(6.0, 7.0, math.inf)[0]
    assert "train longer, or look at the data" in said(5.0, 5.0, 6.0)[0]
    lower = said(4.0, 4.5, 6.0, noise=0.7)
    assert "lower by less than twice that noise" in lower[0]
    assert lower[1] == "the best run ended at 4, below the untrained loss, 5, by less than twice the noise, 0.7"
    assert said(6.0, 7.0, 8.0)[1] == "the best run ended at 6, no better than the untrained loss, 5"
