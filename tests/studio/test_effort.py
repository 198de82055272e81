"""What a page asks for is computed in a bounded number of steps, and says where that is less than all."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import glideslope as gs
from glideslope import laws
from glideslope.errors import ScheduleError
from glideslope.schedules import Schedule
from glideslope.studio import course
from glideslope.studio.descent.paths import Driven
from glideslope.studio.draw import Drawing, drawn
from glideslope.studio.effort import COARSE, FINE_PARTS, MOST_PARTS, parts
from glideslope.studio.exchange import quiet
from glideslope.studio.library import Library
from glideslope.studio.plan import Plan
from glideslope.studio.predict import Prediction, predicted

EXAMPLES = Path(__file__).parents[2] / "examples"
LONG = " * ".join(["triangular(3)"] * 200)


@given(st.lists(st.sampled_from(["linear", "triangular(3)", "wsd", "0.5 * cosine"]), min_size=1, max_size=9))
def test_a_product_has_the_parts_of_its_factors_and_one_more(texts):
    alone = sum(parts(gs.parse(text)) for text in texts)
    assert alone - len(texts) <= parts(gs.parse(" * ".join(texts))) <= alone + 2  # numbers are multiplied


@pytest.mark.parametrize("steps", [6_000, 100_000, 10**7])
def test_a_prediction_of_a_very_long_product_evaluates_some_thousands_of_updates(monkeypatch, steps):
    """Of the schedules that are drawn, of the curves of their losses, and of the what-ifs."""
    library, texts = Library(EXAMPLES), (LONG, "linear")
    evaluated, call = [], Schedule.__call__
    for cache in (course.course, course._factors):
        cache.cache_clear()
    quiet(predicted, library, Prediction(Plan(("linear",), steps, 0.003), law="law.json"))  # the design is kept
    monkeypatch.setattr(Schedule, "__call__", lambda self, t: (evaluated.append(np.size(t)), call(self, t))[1])
    answer = quiet(predicted, library, Prediction(Plan(texts, steps, 0.003), law="law.json"))
    assert 0 < sum(evaluated) <= 10 * COARSE
    assert f"computed at {COARSE:,} of its updates" in answer["note"]
    assert all(row["half"] and row["twice"] for row in answer["what_if"])


def test_the_usual_schedules_are_taken_where_they_turn():
    texts = ("wsd",) * 8
    assert 0 < Plan(texts).parts <= FINE_PARTS
    answer = drawn(Drawing(Plan(texts, steps=1000)))
    assert answer["note"] == ""
    assert len(answer["chart"]["xs"][0]) == 1000


def test_a_coarse_prediction_is_near_that_of_each_update():
    text = " + ".join(f"0.08 * triangular({n}%)" for n in range(2, 14))
    law = laws.load(EXAMPLES / "law.json")
    assert Plan((text,)).parts > FINE_PARTS
    answer = quiet(predicted, Library(EXAMPLES), Prediction(Plan((text,), 20_000, 0.003), law="law.json"))
    exact = law.predict(laws.Rates(0.003 * gs.parse(text).sample(20_000)), 20_000)[0]
    assert answer["final"]["loss"] == pytest.approx(exact, rel=1e-3)


def test_a_batch_that_grows_is_planned_over_fewer_updates_of_a_longer_schedule():
    assert Driven("linear * growth(10, 20)", 50_000).updates > 10_000
    with pytest.raises(ScheduleError, match=r"grows over at most \d{3} updates here"):
        Driven(f"{LONG} * growth(10, 20)", 1_000)


def test_of_still_more_parts_the_page_says_how_many_it_takes():
    plan = Plan((LONG, LONG))
    assert plan.parts > MOST_PARTS
    with pytest.raises(ScheduleError, match=f"up to {MOST_PARTS:,} are computed here"):
        plan.curve(LONG)
    assert all("leave some out" in state["message"] for state in drawn(Drawing(plan))["schedules"])
