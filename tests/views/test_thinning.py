"""A thinned curve has what the whole one has: its ends, its peaks and its dips."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from glideslope.views.charts import Chart, Series
from glideslope.views.thinning import PIECES, WHOLE, places, smoothed, thinned


@given(st.integers(1, 40_000), st.floats(0, 1), st.randoms(use_true_random=False))
def test_no_peak_and_no_dip_is_lost(updates, share, random):
    values = np.linspace(5, 1, max(int(share * updates), 1))
    high, low = random.randrange(len(values)), random.randrange(len(values))
    values[high], values[low] = 9.0, -9.0
    at, drawn = places(updates), thinned(values, updates)
    assert len(at) == len(drawn) <= WHOLE
    assert at[0] == 1
    assert at[-1] == updates
    assert np.all(np.diff(at) > 0)
    assert np.nanmin(drawn) == -9.0
    assert high == low or np.nanmax(drawn) == 9.0
    stretch = -(-updates // PIECES) if updates > WHOLE else 1
    assert abs(at[np.nanargmin(drawn)] - (low + 1)) <= stretch
    assert np.all(np.isnan(drawn[at > len(values) + stretch]))


def test_what_is_not_finite_is_a_gap():
    values = np.array([1.0, np.inf, 3.0, np.nan])
    np.testing.assert_array_equal(thinned(values, 5), [1.0, np.nan, 3.0, np.nan, np.nan])
    long = np.full(5000, np.inf)
    long[1234] = 2.0
    assert np.nanmax(thinned(long, 5000)) == 2.0


@given(st.lists(st.floats(-1e3, 1e3), max_size=60), st.integers(0, 60))
def test_smoothed_losses_are_weighted_means_of_the_past(losses, lost):
    """Against the sum that the formula stands for."""
    values = np.array([*losses[:lost], np.nan, *losses[lost:]] if lost < len(losses) else losses)
    end = int(np.argmin(np.isfinite(values))) if not np.isfinite(values).all() else len(values)
    result = smoothed(values)
    for t in range(end):
        weights = 0.9 ** np.arange(t, -1, -1)
        np.testing.assert_allclose(result[t], (weights * values[: t + 1]).sum() / weights.sum(), atol=1e-9)
    assert np.all(np.isinf(result[end:]))


def test_an_axis_is_logarithmic_where_losses_are_far_apart_and_positive():
    def data(y, **options):
        return Chart("", "", "x", "y", [Series("a", np.arange(3), np.array(y))], **options).data()

    assert data([30.0, 2.0, 1.0])["log_y"]
    assert not data([3.0, 2.0, 1.0])["log_y"]
    assert data([3.0, 2.0, 1.0])["can_log"]
    assert not data([30.0, 0.0, 1.0])["can_log"]  # on a logarithmic axis they would be left out
    assert data([30.0, 0.0, 1.0], linear=True)["can_log"]  # rates, whose zeros are gaps there
    assert not data([30.0, -1.0, 1.0], linear=True)["can_log"]
    assert not data([30.0, -2.0, 1.0])["log_y"]
    assert not data([30.0, 2.0, 1.0], linear=True)["log_y"]
    assert not data([1e9, 2.0, 1.0], top=5.0)["log_y"]
