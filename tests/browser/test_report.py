"""The report in a browser: it asks for nothing, is used by mouse and by keyboard, and is read by anyone."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

import glideslope as gs
from glideslope.escape import visible
from glideslope.search.race import standings
from glideslope.views import race as race_views
from glideslope.views import range_test, report, tuned
from glideslope.views.charts import Chart, Series
from glideslope.views.curves import Curve, Time, chart
from tests.browser.watched import serious_violations, until, watched
from tests.views.results import Quadratic, run
from tests.views.results import race as a_race
from tests.views.results import tuned as a_tuned

HOSTILE = [
    "</script><script>document.title='x'</script>",
    "<img src=http://a.b/c>",
    "\u202egnp",
    "a\nb",
    "&amp;\"'",
    "__proto__",
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A page of each kind, as files."""
    folder = tmp_path_factory.mktemp("pages")
    curve = Curve.of(gs.parse("warmup(5%) >> cosine"), 300, 0.1, gs.Clock())
    lost = replace(run("constant", 9.0, 1.0, lost=True), untrained=math.nan, losses=np.full(3, math.nan))
    below = [[run("cosine", 0.1, -3.0)], [run("constant", 0.1, -1.0)]]
    series = [Series(name, np.arange(3), np.arange(3.0)) for name in HOSTILE]
    texts = {
        "tune": tuned.page(a_tuned(), "job.py:job", None, ["scheduler = 1 < 2"], ["load()"]),
        "race": race_views.page(a_race(), "job.py:job"),
        "find": range_test.page(gs.find(Quadratic(), high=1e3), "job.py:job"),
        "lost": race_views.page(standings([[lost]], None, 5), "job.py:job"),
        "negative": race_views.page(standings(below, None, 200), "job.py:job"),
        "show": report.page("A schedule", [report.figure(chart([curve], Time("updates"), "300 updates"))]),
        "hostile": report.page(HOSTILE[0], [
            report.figure(Chart(HOSTILE[1], HOSTILE[0], HOSTILE[4], "y", series)),
            report.listing(HOSTILE[0], HOSTILE, [HOSTILE]),
        ]),
    }  # fmt: skip
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in texts}


def opened(browser, file, **options):
    """A page of a file, the requests that it makes, and what goes wrong in it."""
    return watched(browser, file.as_uri(), **{"viewport": {"width": 1200, "height": 900}, **options})


def unfold(page):
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    until(page, "[...document.querySelectorAll('.plot')].every((plot) => plot.querySelector('canvas'))")


def figure(page, title):
    return page.locator("section", has=page.get_by_role("heading", name=title, exact=True))


def entry(section, name):
    return section.get_by_role("button", name=name)


def picture(section):
    return section.locator("canvas").evaluate("(canvas) => canvas.toDataURL()")


@pytest.mark.parametrize("kind", ["tune", "race", "find", "show", "hostile", "lost", "negative"])
def test_a_page_asks_for_nothing_and_nothing_goes_wrong(browser, pages, kind):
    page, asked, wrong = opened(browser, pages[kind])
    unfold(page)
    assert asked == [pages[kind].as_uri()]
    assert wrong == []


def test_the_policy_forbids_requests_and_foreign_code(browser, pages):
    page, asked, wrong = opened(browser, pages["race"])
    page.evaluate("fetch('http://example.invalid/').catch(() => 0)")
    page.evaluate("""document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))""")
    assert page.evaluate("window.ran") is None
    assert len(asked) == 1
    until(page, lambda: len([text for text in wrong if "Content Security Policy" in text]) >= 2)


def test_names_are_shown_and_do_nothing(browser, pages):
    page, _, _ = opened(browser, pages["hostile"])
    assert page.title() == HOSTILE[0]
    shown = page.locator(".legend .name").all_inner_texts()
    assert shown == [visible(name) for name in HOSTILE]
    assert page.locator("img, section script[src]").count() == 0
    assert page.locator("thead th").all_inner_texts() == [visible(name) for name in HOSTILE]


def test_the_keyboard_goes_through_the_points(browser, pages):
    """The values beside the names are those of the race at each peak."""
    page, _, _ = opened(browser, pages["race"])
    section = figure(page, "Loss against the peak")
    section.locator(".plot").focus()
    for key, peak, cosine, constant in (("Home", "0.1", "1", "1.5"), ("ArrowRight", "0.2", "0.5", "1.2")):
        page.keyboard.press(key)
        assert section.locator(".readout").inner_text() == f"peak learning rate {peak}"
        assert entry(section, "cosine()").locator(".value").inner_text() == cosine
        assert entry(section, "constant()").locator(".value").inner_text() == constant
        assert entry(section, "untrained").locator(".value").inner_text() == "4"
    assert "cosine(): 0.5" in section.locator(".plot").get_attribute("aria-description")


def test_the_mouse_reads_a_curve(browser, pages):
    """The losses of the runs fall straight, so half-way they are half-way."""
    page, _, _ = opened(browser, pages["tune"])
    section = figure(page, "Losses of the full runs")
    section.scroll_into_view_if_needed()
    place = section.locator(".u-over").bounding_box()
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    at = int(section.locator(".readout").inner_text().removeprefix("update "))
    assert abs(at - 200) < 10
    train, measured = entry(section, "linear() at 0.25").locator(".value").inner_text().split(" · ")
    assert float(train) == pytest.approx(4 - 3.8 * at / 400, abs=0.3)  # smoothed, so a little behind
    assert float(measured) == pytest.approx(2.1, abs=0.02)


def test_a_curve_is_hidden_and_shown_by_mouse_and_keyboard(browser, pages):
    page, _, _ = opened(browser, pages["race"])
    section = figure(page, "Losses, the best runs first")
    button = entry(section, "cosine() at 0.2")
    before = picture(section)
    button.click()
    page.mouse.move(0, 0)
    assert button.get_attribute("aria-pressed") == "false"
    assert picture(section) != before
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    entry(section, "Hide all").click()
    assert section.locator(".legend button[aria-pressed=true]").count() == 0
    entry(section, "Show all").click()
    page.mouse.move(0, 0)
    assert section.locator(".legend button[aria-pressed=false]").count() == 0


def test_a_chart_is_zoomed_and_back(browser, pages):
    page, _, _ = opened(browser, pages["tune"])
    section = figure(page, "Rates of the full runs")
    section.scroll_into_view_if_needed()

    def leftmost():
        place = section.locator(".u-over").bounding_box()
        page.mouse.move(place["x"] + 1, place["y"] + 40)
        return int(section.locator(".readout").inner_text().removeprefix("update "))

    place = section.locator(".u-over").bounding_box()
    assert leftmost() <= 2
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + 60)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] * 0.75, place["y"] + 65)
    page.mouse.up()
    assert leftmost() == pytest.approx(200, abs=10)
    entry(section, "Reset zoom").click()
    assert leftmost() <= 2
    entry(section, "Zoom in").click()
    assert leftmost() == pytest.approx(100, abs=10)
    section.locator(".plot").focus()
    page.keyboard.press("0")
    assert leftmost() <= 2
    log = entry(section, "Log scale")
    before = log.get_attribute("aria-pressed")
    log.click()
    assert log.get_attribute("aria-pressed") != before


def test_short_runs_are_folded_and_sorted_by_round(browser, pages):
    page, _, _ = opened(browser, pages["tune"])
    assert page.locator("details").get_attribute("open") is None
    assert page.get_by_role("heading", name="Round 1").count() == 0  # not in what is read aloud
    page.locator("summary").focus()
    page.keyboard.press("Enter")
    unfold(page)
    titles = page.locator("details h2").all_inner_texts()
    assert titles == ["Losses of the short runs", "Round 1: peaks of one_cycle()", "Round 2: other schedules"]
    first = page.get_by_role("region", name="Round 1: peaks of one_cycle()").locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[1] for row in first] == ["0.1", "0.4", "1.6"]


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["tune", "race", "find", "show"])
def test_axe_finds_nothing_serious(browser, pages, kind, scheme):
    page, _, _ = opened(browser, pages[kind], color_scheme=scheme)
    unfold(page)
    assert serious_violations(page) == []


def test_a_phone_scrolls_in_one_direction(browser, pages):
    for kind in ("tune", "race", "find"):
        page, _, _ = opened(browser, pages[kind], viewport={"width": 390, "height": 844}, is_mobile=True)
        unfold(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        beside = page.locator(".frame").first.evaluate(
            "(frame) => frame.querySelector('.side').getBoundingClientRect().top"
            " >= frame.querySelector('.plot').getBoundingClientRect().bottom"
        )
        assert beside


def test_dark_and_print(browser, pages):
    """Whatever the screen has, paper is light."""
    page, _, _ = opened(browser, pages["race"], color_scheme="dark")
    brightness = "parseInt(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])"
    assert page.evaluate(brightness) < 64
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(brightness) > 200
    assert page.locator(".tools").first.is_hidden()
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert page.evaluate(brightness) < 64


def test_a_page_is_read_without_its_program(browser, pages):
    page, _, _ = opened(browser, pages["tune"], java_script_enabled=False)
    text = page.locator("main").inner_text()
    assert "Train with linear() at a peak of 0.25" in text
    assert "scheduler = 1 < 2" in text
    assert json.loads(page.locator("figure script").first.inner_text())["groups"]
