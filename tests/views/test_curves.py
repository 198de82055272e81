"""What is drawn: where phases begin, and that every schedule has its place in the gallery."""

import glideslope as gs
from glideslope.schedules.names import NAMES
from glideslope.views.curves import Curve
from glideslope.views.gallery import entries


def test_boundaries():
    curve = Curve.of(gs.parse("warmup(5%) >> 0.5 * one_cycle().clip(0.1) >> hold(100)"), 1000, 1.0, gs.Clock())
    assert curve.boundaries == [50, 50 + 850 * 0.45, 50 + 850 * 0.9, 900]


def test_the_gallery_has_every_schedule():
    assert {entry.call.partition("(")[0] for entry in entries()} == set(NAMES)
    assert all(entry.summary for entry in entries())
