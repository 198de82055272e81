"""Where the full run is said to end: in the unit of the loss, at most untrained, lower where the loss falls fast."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import glideslope as gs
from glideslope.search import Contestant, Run
from glideslope.search.strategy.odds import NEAR, interval, steepness, unfinished


def short(loss, untrained, losses):
    return Run(
        Contestant(gs.one_cycle(), 0.1), len(losses), 0, losses, ((len(losses), loss),), loss, untrained=untrained
    )


FALLING = st.floats(0, 5).map(lambda fall: np.exp(-fall * np.linspace(0, 1, 100)))


@given(st.floats(0.1, 0.9), FALLING, st.floats(1e-6, 1e6), st.floats(0.25, 4))
def test_the_interval_has_the_unit_of_the_loss(loss, losses, unit, bound):
    expected = [unit * end for end in interval(short(loss, 1.0, losses), bound)]
    assert interval(short(unit * loss, unit, unit * losses), bound) == pytest.approx(expected)


@given(st.floats(-3, 0.9), FALLING, st.floats(0.1, 8))
def test_its_ends_are_in_order_and_not_above_the_untrained_loss(loss, losses, bound):
    low, high = interval(short(loss, 1.0, losses), bound)
    assert low < high <= max(1.0, 1.01 * loss)


@given(st.floats(-30, 30), st.floats(-30, 30), st.floats(0.1, 8))
def test_its_ends_are_in_order_where_a_short_run_ends_above_the_untrained_loss(loss, untrained, bound):
    low, high = interval(short(loss, untrained, np.ones(100)), bound)
    assert low <= high


@given(FALLING, st.floats(0.25, 4))
def test_a_training_loss_that_still_falls_leaves_more_to_gain(losses, bound):
    flat = interval(short(0.5, 1.0, np.ones(100)), bound)
    assert interval(short(0.5, 1.0, losses), bound)[0] <= flat[0]


@given(st.floats(-3, -0.1), st.floats(0.1, 5), st.floats(0.25, 4), st.floats(0.1, 10), st.floats(-10, 10))
def test_of_a_loss_below_zero_it_goes_by_the_shape_of_the_training_loss_alone(loss, fall, bound, unit, zero):
    losses = np.exp(-fall * np.linspace(0, 1, 100))
    expected = [unit * end for end in interval(short(loss, 0.0, losses), bound)]
    assert interval(short(unit * loss, 0.0, unit * losses + zero), bound) == pytest.approx(expected, rel=1e-6)


@given(st.floats(0.25, 4))
def test_of_a_loss_below_zero_a_training_loss_that_fell_early_leaves_less_to_gain(bound):
    late, early = (short(-1.0, 0.0, losses) for losses in (np.linspace(1, 0, 100), np.geomspace(1, 1e-6, 100)))
    assert interval(late, bound)[0] < interval(early, bound)[0] < -1.0


@pytest.mark.parametrize("losses", [np.ones(100), np.linspace(0, 1, 100), np.ones(5), np.append(np.ones(99), np.nan)])
def test_a_training_loss_that_does_not_fall_has_all_to_make(losses):
    assert unfinished(losses) == pytest.approx(1.1)


@pytest.mark.parametrize(
    "losses", [np.full(100, -1.0), np.zeros(100), np.ones(5), np.append(np.ones(60), [np.nan] * 40)]
)
def test_of_losses_that_have_no_ratio_the_fall_is_not_known(losses):
    assert steepness(losses) == steepness(np.ones(100))


@pytest.mark.parametrize(
    ("page", "bounds"),
    [
        ("tuning.md", {"0.25": 0, "0.5": 1, "1": 2, "2": 3, "3": 4, "4": 5}),
        ("start/rate.md", {"half a full run": 1, "one": 2, "two": 3, "four": 5}),
    ],
)
def test_the_pages_say_how_often_no_other_peak_ends_lower(page, bounds):
    text = (Path(__file__).parents[2] / "docs" / page).read_text()
    table = re.split(r"no other peak (?:ends )?lower by more than 1% \|.*\n", text)[1].split("\n\n")[0]
    said = dict(re.findall(r"^\| ([^|]+) \| (?:in )?(\d+%)", table, re.MULTILINE))
    assert said == {bound: f"{NEAR[i]:.0%}" for bound, i in bounds.items()}
