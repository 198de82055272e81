"""A designed rate as people would write it: against the rate itself, point by point."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glideslope as gs
from glideslope.laws.phases import MERGED, NAMED, written

STEPS = 10_000
TIMES = np.concatenate([[0.0], 100 - 98 * (1 - np.linspace(0, 1, 24)) ** 1.5])


def points(schedule):
    """A schedule at the places at which a design has values."""
    return np.array([gs.parse(schedule).over(STEPS)(t) for t in TIMES / 100 * STEPS])


def distance(schedule, factors):
    """How far a schedule is from the points, at most."""
    return max(abs(schedule.over(STEPS)(t) - factor) for t, factor in zip(TIMES / 100 * STEPS, factors, strict=True))


@pytest.mark.parametrize("shape", ["linear", "cosine", "power", "exponential", "rex"])
@pytest.mark.parametrize(("held", "final"), [(0, 0.0), (43.7, 0.1), (70, 0.0)])
def test_a_shape_is_named(shape, held, final):
    cooled = f"cooldown({98 - held:g}%, shape={shape}, final={final})"
    factors = points(f"warmup(2%) >> hold({held}%) >> {cooled}" if held else f"warmup(2%) >> {cooled}")
    plainest = next(written(TIMES, factors))
    assert distance(plainest, factors) <= NAMED + 1e-3  # times have two decimals
    names = [phase.name for phase in plainest.phases]
    assert names == (["warmup", "hold", "cooldown"] if held else ["warmup", "cooldown"])
    assert str(plainest).startswith("warmup(2%) >> ")


def test_what_a_shape_ends_in_and_what_never_falls():
    factors = points("warmup(2%) >> hold(60%) >> cooldown(28%, final=0.1) >> hold()")
    phases = next(written(TIMES, factors)).phases
    assert [phase.name for phase in phases] == ["warmup", "hold", "cooldown", "hold"]
    lengths = [dict(phase.arguments)["duration"].value for phase in phases]
    assert lengths == pytest.approx([2, 60, 28, 10], abs=0.5)
    assert str(next(written(TIMES, points("warmup(2%) >> hold")))) == "warmup(2%) >> hold(98%)"
    assert str(next(written(TIMES[1:] - [2, *[0] * 23], np.ones(24)))) == "hold(100%)"


def test_collinear_points_are_left_out():
    factors = np.interp(TIMES, [0, 2, TIMES[10], TIMES[17], 100], [0, 1, 1, 0.3, 0.1])
    texts = [str(form) for form in written(TIMES, factors)]
    assert texts[0].startswith("warmup(2%) >> hold(")
    begin, turn = np.round(TIMES[10], 2), np.round(TIMES[17], 2)
    expected = gs.warmup("2%") >> gs.hold(f"{begin - 2:.5g}%")
    expected >>= gs.interpolate(["0%", f"{turn - begin:.5g}%", f"{100 - begin:.5g}%"], [1, 0.3, 0.1])
    merged = gs.parse(texts[0])
    t = np.arange(STEPS)
    np.testing.assert_allclose(merged.over(STEPS)(t), expected.over(STEPS)(t), atol=1e-3)
    assert texts[0].count("%") == str(expected).count("%") == 5


falling = st.lists(st.floats(0, 1), min_size=23, max_size=23).map(lambda own: [0.0, 1.0, *sorted(own, reverse=True)])


@settings(deadline=None, max_examples=60)
@given(falling, st.sampled_from([1.0, 2.0, 0.001]))
def test_each_form_is_the_rate_within_what_is_stated(factors, warmup):
    times = np.concatenate([[0.0], 100 - (100 - warmup) * (1 - np.linspace(0, 1, 24)) ** 1.5])
    factors = np.round(factors, 5)
    forms = list(written(times, factors))
    steepest = np.abs(np.diff(factors) / np.diff(times)).max(initial=0, where=np.arange(24) > 0)
    rounding = 0.02 * steepest + 2e-3  # times have two decimals; one more point of the first stretch may be held
    bounds = [*MERGED, 0.0] if len(forms) == 3 else [NAMED, *MERGED, 0.0]
    for form, bound in zip(forms, bounds, strict=True):
        assert gs.parse(str(form)) == form
        t = times / 100 * STEPS if bound == NAMED else np.arange(int(warmup * STEPS / 100) + 1, STEPS)
        gap = np.abs(form.over(STEPS)(t) - np.interp(t, times / 100 * STEPS, factors)).max()
        assert gap <= bound + rounding
