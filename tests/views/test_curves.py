"""What is drawn: where phases begin, and that every schedule has its place in the gallery."""

import numpy as np

import glideslope as gs
from glideslope.schedules.names import NAMES
from glideslope.views.charts import Chart, Series
from glideslope.views.curves import Curve
from glideslope.views.gallery import entries
from glideslope.views.plots import picture


def test_boundaries():
    curve = Curve.of(gs.parse("warmup(5%) >> 0.5 * one_cycle().clip(0.1) >> hold(100)"), 1000, 1.0, gs.Clock())
    assert curve.boundaries == [50, 50 + 850 * 0.45, 50 + 850 * 0.9, 900]


def test_the_gallery_has_every_schedule():
    assert {entry.call.partition("(")[0] for entry in entries()} == set(NAMES)
    assert all(entry.summary for entry in entries())


def test_what_multiplies_a_schedule_is_shown():
    grown = Curve.of(gs.parse("cosine * growth(base=10, largest=40)"), 50, 0.3, gs.Clock())
    plan = gs.batches.growth(gs.cosine(), 10, 40).plan(50)
    assert len(grown.rates) == len(grown.sizes) == 50
    assert f"{len(plan.sizes)} updates" in grown.text
    np.testing.assert_allclose(grown.rates / grown.sizes, 0.03 * gs.cosine().over(50).sample(50), atol=3e-3)
    measured = Curve.of(gs.parse("cosine * plateau"), 50, 0.3, gs.Clock())
    np.testing.assert_array_equal(measured.rates, 0.3 * gs.cosine().over(50).sample(50))
    assert measured.text == "cosine() * plateau(), before any measurement"


def test_measured_points_have_the_colour_of_their_fitted_curve():
    at = np.arange(1.0, 6.0)
    named = [("a", "line"), ("b", "line"), ("a, measured", "points"), ("b, measured", "points")]
    series = [Series(name, at, at * i, style) for i, (name, style) in enumerate(named)]
    drawn = picture(Chart("", "", "update", "loss", series, [])).axes[0].lines
    first, second, of_first, of_second = [line.get_color() for line in drawn]
    assert (of_first, of_second) == (first, second)
    assert first != second
