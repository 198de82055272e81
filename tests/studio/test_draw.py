"""What the room of schedules draws, and what a drag makes of a text."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import glideslope as gs
from glideslope.studio.draw import Copy, Drawing, Edit, copied, drawn
from glideslope.studio.handles import handles, in_points
from glideslope.studio.plan import Plan
from tests.studio.asking import client


def drawn_of(plan, edit=None):
    return drawn(Drawing(plan, edit))


@pytest.mark.parametrize(
    "text",
    [
        "warmup(5%) >> hold() >> cooldown(20%, shape=sqrt)",
        "one_cycle",
        "cosine",
        "step(20%, ratio=0.6)",
        "triangular(7%)",
    ],
)
@pytest.mark.parametrize("steps", [7, 1000, 20_000])
def test_a_curve_is_that_of_sample(text, steps):
    curve = Plan(schedules=[text], steps=steps, peak=0.3).curve(text)
    assert np.array_equal(curve.rates, 0.3 * gs.parse(text).sample(steps))
    chart = drawn_of(Plan(schedules=[text], steps=steps, peak=0.3))["chart"]
    (series,) = chart["series"]
    every = 0.3 * gs.parse(text).sample(steps)
    assert np.allclose(series["y"], every[np.array(chart["xs"][series["x"]], dtype=int)], rtol=1e-4, atol=1e-12)


@pytest.mark.parametrize("steps", [10**7, 10**12])
def test_very_many_updates_are_thinned_and_not_refused(steps):
    (series,) = drawn_of(Plan(schedules=["warmup(3) >> cosine"], steps=steps, peak=1.0))["chart"]["series"]
    assert len(series["y"]) < 5000
    assert max(series["y"]) == 1.0


@given(
    part=st.floats(1, 90), to=st.floats(0, 1), peak=st.floats(1e-6, 1e3), steps=st.sampled_from([100, 5000, 10**6]),
)  # fmt: skip
def test_a_handle_comes_to_lie_where_it_is_dragged(part, to, peak, steps):
    """As far as the text has digits: a thousandth of the horizon, and three digits of the factor."""
    plan = Plan(schedules=["warmup(5%) >> hold() >> cooldown(5%)"], steps=steps, peak=peak)
    moved = drawn_of(plan, Edit("move", 1, x=part / 100 * steps, y=to * peak))
    handle = next(each for each in moved["handles"] if each["name"] == "end of warmup")
    assert handle["x"] == pytest.approx(part / 100 * steps, abs=1.001e-3 * steps)
    assert handle["y"] == pytest.approx(to * peak, rel=0.006, abs=1e-9 * peak)


@pytest.mark.parametrize("axis", ["epochs", "examples", "tokens"])
def test_a_drag_is_along_the_axis_that_is_shown(axis):
    plan = Plan(schedules=["warmup(5%) >> hold() >> cooldown(20%)"], steps=1000, axis=axis)
    end = drawn_of(plan)["end"]
    assert drawn_of(plan, Edit("move", 2, x=end / 2))["text"] == "warmup(5%) >> hold() >> cooldown(50%)"


def test_points_are_moved_added_and_removed():
    plan = Plan(schedules=["interpolate([0%, 40%, 100%], [0, 1, 0])"], steps=1000, peak=1.0)
    assert drawn_of(plan, Edit("move", 1, x=300.0, y=0.5))["text"] == "interpolate([0%, 30%, 100%], [0, 0.5, 0])"
    assert drawn_of(plan, Edit("add"))["text"] == "interpolate([0%, 40%, 70%, 100%], [0, 1, 0.5, 0])"
    assert drawn_of(plan, Edit("remove", 1))["text"] == "interpolate([0%, 100%], [0, 0])"


@pytest.mark.parametrize(
    "text", ["cosine", "wsd", "one_cycle", "piecewise", "warmup(5%) >> cosine_restarts(20%)", "rex", "power(20%)"]
)
def test_points_stand_for_nearly_the_same_schedule(text):
    schedule = gs.parse(text)
    points = in_points(schedule, 10_000, gs.Clock())
    off = np.abs(points.sample(10_000) - schedule.sample(10_000))
    assert np.mean(off) < 0.006
    assert handles(points, 10_000, gs.Clock())
    assert gs.parse(str(points)) == points


@pytest.mark.parametrize(("text", "column"), [("warmp(5%)", 0), ("cosine >> ", 10), ("warmup(5%) >> cosine(x=1)", 21)])
def test_a_bad_text_has_the_message_of_the_parser_at_its_column(text, column):
    with pytest.raises(gs.ScheduleError) as raised:
        gs.parse(text)
    (state,) = drawn_of(Plan(schedules=[text]))["schedules"]
    assert state == {"message": str(raised.value), "column": column}


def test_a_bad_text_leaves_the_others_drawn():
    answer = drawn_of(Plan(schedules=["cosine", "nonsense", "linear"]))
    assert [group["name"] for group in answer["chart"]["groups"]] == ["cosine()", "linear()"]
    assert "message" in answer["schedules"][1]


@pytest.mark.parametrize("to", ["text", "torch", "optax", "keras", "transformers", "deepspeed", "json", "csv"])
def test_a_schedule_is_copied_in_every_form(tmp_path, to):
    text = "warmup(10%) >> linear()"
    answer = client(tmp_path).post(
        "api/copy", json={"plan": {"schedules": [text], "steps": 100, "peak": 0.1}, "to": to}
    )
    assert answer.status_code == 200, answer.text
    code = answer.json()["code"]
    if to == "text":
        assert code == text
    elif to == "json":
        assert gs.from_json(code) == gs.parse(text)
        assert json.loads(code)["schedule"]
    else:
        assert code == gs.export(gs.parse(text), 100, 0.1, to)


@pytest.mark.parametrize("text", ["cosine * plateau", "linear * growth(10, 20)", "wsd * guard * plateau"])
def test_what_else_moves_a_schedule_is_copied_as_text_and_json(tmp_path, text):
    def code(to):
        return client(tmp_path).post("api/copy", json={"plan": {"schedules": [text]}, "to": to}).json()

    assert gs.parse(code("text")["code"]) == gs.parse(text) == gs.from_json(code("json")["code"])
    assert "schedule alone" in code("torch")["message"]


@pytest.mark.parametrize("steps", [50_000, 100_000, 10**6, 10**7])
def test_the_rows_of_many_updates_are_thinned_and_not_refused(steps):
    answer = copied(Copy(Plan(schedules=["warmup(5%) >> rex"], steps=steps, peak=0.1), "csv"))
    at, rates = np.loadtxt(answer["code"].splitlines(), delimiter=",", skiprows=1, unpack=True)
    assert len(answer["code"]) < 2_000_000
    assert answer.get("note", "").startswith(f"{len(at):,} of {steps:,} updates") == (len(at) < steps)
    every = np.unique(np.linspace(0, steps - 1, 999).astype(int))
    assert np.allclose(np.interp(every, at, rates), 0.1 * gs.parse("warmup(5%) >> rex").within(steps)(every), atol=1e-5)
    assert 0.1 in rates


@pytest.mark.parametrize("to", ["torch", "optax", "keras", "transformers", "deepspeed"])
def test_the_tables_of_many_updates_are_thinned_too(to):
    code = copied(Copy(Plan(schedules=["cosine_restarts(7%)"], steps=10**6, peak=0.1), to))["code"]
    assert "TIMES = [0, " in code
    assert len(code) < 500_000


def test_the_gallery_has_every_schedule(tmp_path):
    entries = client(tmp_path).post("api/gallery", content="null").json()
    assert len(entries) >= 35
    assert all(gs.parse(entry["example"]) and len(entry["curve"]) == 50 for entry in entries)
