"""What a notebook shows: a curve and text, well-formed, names as they stand; and short forms of all results."""

from xml.etree import ElementTree

import numpy as np
import pytest

import glideslope as gs
from glideslope import cli, laws
from tests.views.results import Quadratic, race, run, tuned

DRAWN = [
    gs.parse("warmup(5%) >> hold() >> cooldown(20%, shape=sqrt)"), gs.cosine().over(500), gs.cosine() * gs.plateau(),
    gs.parse("cosine * growth(base=10, largest=40)"), gs.parse("warmup(2000) >> cosine"), gs.cosine().over(3_000_000),
    race(), tuned(), gs.find(Quadratic(), high=1e3),
]  # fmt: skip


def a_law():
    step = np.arange(20, 2001, 20)
    return laws.fit([
        laws.Run.from_schedule(text, peak=peak, steps=2000, step=step, loss=2 + 3 * step**-0.4 / (1 + 9 * peak))
        for text, peak in (("cosine", 0.1), ("constant", 0.1), ("linear", 0.05))
    ])  # fmt: skip


def element(value):
    return ElementTree.fromstring(f"<div>{value._repr_html_()}</div>")


def points(value):
    lines = element(value).iter("{http://www.w3.org/2000/svg}polyline")
    return [[tuple(map(float, pair.split(","))) for pair in line.get("points").split()] for line in lines]


@pytest.mark.parametrize("value", DRAWN, ids=repr)
def test_a_value_is_a_curve_and_text(value):
    assert max(map(len, points(value))) > 1
    assert "".join(element(value).itertext()).strip()
    assert element(value).find(".//{http://www.w3.org/2000/svg}svg").get("role") == "img"


def test_a_law_is_drawn_with_its_band():
    value = a_law()
    assert len(points(value)) == 1
    assert element(value).find(".//{http://www.w3.org/2000/svg}polygon") is not None
    assert "fitted on 3 runs of up to 2,000 updates" in "".join(element(value).itertext())


def test_a_curve_goes_where_the_schedule_goes():
    """Down to the middle for a straight decay: the height of a point is linear in its place."""
    (line,) = points(gs.linear().over(200))
    x, y = np.array(line).T
    np.testing.assert_allclose(y, np.interp(x, x[[0, -1]], y[[0, -1]]), atol=0.11)
    assert y[0] < y[-1]


def test_what_needs_a_clock_is_text_alone():
    value = gs.warmup("2ep") >> gs.hold()
    assert value._repr_html_() == "<p><code>warmup(2ep) &gt;&gt; hold()</code></p>"


def test_a_name_is_escaped():
    assert "<script>" not in race()._repr_html_()
    from glideslope.views.charts import Chart, Series
    from glideslope.views.svg import inline

    chart = Chart("<b>", "]]>", '"x"', "&", [Series("</svg><script>", np.arange(2), np.arange(2.0))])
    assert "</svg><script>" in "".join(ElementTree.fromstring(inline(chart)).itertext())


@pytest.mark.parametrize(
    "value",
    [
        *DRAWN, a_law(), run("cosine", 0.1, 1.0), race().standings[0], gs.find(Quadratic(), high=1e3).sweeps[0],
        laws.Rates.of(np.ones(10_000)), laws.Run(lr=[0.1] * 10_000, step=[2, 9], loss=[3.0, 2.0]),
        laws.design(a_law(), 1000),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_short_form_is_one_to_three_lines(value):
    text = repr(value)
    assert 0 < len(text) <= 240
    assert text.count("\n") < 3
    assert "array(" not in text


def test_short_forms_have_the_numbers():
    assert "best cosine() at 0.2, 0.5; best constant rate 0.2, 1.2" in repr(race())
    assert "linear() at 0.25, validation loss 0.2 after 400 updates" in repr(tuned())


def test_a_schedule_is_plotted_with_its_phases():
    axes = gs.parse("warmup(10%) >> cosine").plot(500, peak=0.3).axes[0]
    curve, boundary = axes.lines
    np.testing.assert_allclose(curve.get_ydata(), 0.3 * gs.parse("warmup(10%) >> cosine").over(500).sample(500))
    assert boundary.get_xdata()[0] == 50
    assert len((gs.cosine() * gs.plateau()).plot(50).axes[0].lines[0].get_ydata()) == 50
    assert len(gs.cosine().over(70).plot().axes[0].lines[0].get_ydata()) == 70
    assert gs.exponential(5, ratio=0.1).plot(50, log=True).axes[0].get_yscale() == "log"


@pytest.mark.parametrize("schedule", [gs.cosine().over(70), gs.cosine() * gs.plateau()])
def test_an_axis_without_a_peak_is_of_factors(schedule, tmp_path):
    label = {peak: schedule.plot(70, peak=peak).axes[0].get_ylabel() for peak in (None, 1.0, 0.3)}
    assert label == {None: "factor", 1.0: "learning rate", 0.3: "learning rate"}
    assert ">factor<" in schedule._repr_html_()
    for peak, name in (((), "factor"), (("--peak", "1"), "learning rate")):
        assert cli.run(["show", "cosine", "--steps", "70", *peak, "--html", str(tmp_path / "a.html")]) == 0
        assert f'"y":"{name}"'.replace(" ", "") in (tmp_path / "a.html").read_text().replace(" ", "")


def test_a_schedule_without_an_end_asks_for_the_updates():
    with pytest.raises(gs.ScheduleError, match=r"no horizon: give the updates, such as \.plot\(1000\)"):
        gs.cosine().plot()
    with pytest.raises(gs.GlideslopeError):
        gs.cosine().plot(10.5)
