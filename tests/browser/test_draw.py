"""The room of schedules in a browser: by mouse, by keyboard and by text."""

import itertools

import pytest

import glideslope as gs
from tests.browser.opened import ADDRESS, STATE, Opened
from tests.browser.watched import until, watched
from tests.studio.colour_vision import nearest


def test_the_first_room_draws_the_schedules_of_its_texts(browser, studio):
    opened = Opened(browser, studio.url, "draw", {"schedules": ["warmup(10%) >> linear"], "steps": 100, "peak": 0.5})
    page = opened.page
    plot = page.locator(".plot")
    plot.focus()
    page.keyboard.press("End")
    factor = gs.parse("warmup(10%) >> linear").sample(100)[99]
    assert float(page.locator(".legend .value").inner_text()) == pytest.approx(0.5 * factor, rel=1e-4)
    assert opened.wrong == []
    assert all(url.startswith(studio.url) for url in opened.asked)


def text_of(opened, i=0):
    return opened.page.locator(f"#schedule-{i}").input_value()


@pytest.mark.parametrize(
    ("typed", "peak"),
    [("0.5", 0.5), (".5", 0.5), ("5e-1", 0.5), ("1,000", 1000), ("1_000", 1000), ("1k", 1000), ("1,000.5", 1000.5)],
)
def test_a_number_is_read_as_people_write_it(browser, studio, typed, peak):
    opened = Opened(browser, studio.url, "draw", {"schedules": ["constant"], "peak": 7})
    opened.page.get_by_label("Peak rate", exact=True).fill(typed)
    opened.page.keyboard.press("Tab")
    until(opened.page, f"{STATE}?.peak === {peak}")
    assert opened.page.locator(".wrong:visible").count() == 0


@pytest.mark.parametrize("typed", ["0,5", "0,500", "1,5", "1 5", "0x10", "1,0000", "", "_", "k", "-1", "0", "2M", "é"])
def test_a_number_that_may_be_misread_is_refused(browser, studio, typed):
    """A decimal comma isn't one of thousands: 0,5 is not 5."""
    opened = Opened(browser, studio.url, "draw", {"schedules": ["constant"], "peak": 7})
    field = opened.page.get_by_label("Peak rate", exact=True)
    field.fill(typed)
    opened.page.keyboard.press("Tab")
    opened.page.get_by_text("Give a number above 0, at most 1,000,000").wait_for()
    assert field.get_attribute("aria-invalid") == "true"
    opened.page.get_by_label("Updates", exact=True).fill("123")
    opened.page.keyboard.press("Tab")
    until(opened.page, f"{STATE}?.steps === 123")
    assert opened.page.evaluate(f"{STATE}.peak") == 7
    assert opened.wrong == []


@pytest.mark.parametrize("room", ["draw", "play"])
def test_each_field_takes_what_the_server_takes(browser, studio, room):
    """The largest number that a field allows is computed, and a larger one isn't sent."""
    opened = Opened(browser, studio.url, room, {"surface": "bowl"} if room == "play" else {"schedules": ["constant"]})
    page = opened.page
    for field in page.locator("fieldset .field input[inputmode=decimal]").all():
        before = field.input_value()
        field.fill("1e99")
        field.press("Tab")
        most = page.locator(".wrong:visible").inner_text().split("at most ")[1].rstrip(".")
        field.fill("9007199254740992" if "e15" in most else most)
        with page.expect_response(lambda response: "/api/" in response.url) as answered:
            field.press("Tab")
        assert answered.value.ok, (field.get_attribute("id"), most)
        assert page.locator(".wrong:visible").count() == 0
        field.fill(before)
        with page.expect_response(lambda response: "/api/" in response.url):
            field.press("Tab")
    assert opened.wrong == []


def test_a_handle_is_dragged_and_the_text_follows(browser, studio):
    opened = Opened(
        browser, studio.url, "draw", {"schedules": ["warmup(10%) >> hold() >> cooldown(20%)"], "steps": 1000}
    )
    page = opened.page
    plot = page.locator(".u-over").bounding_box()
    handle = page.get_by_role("slider", name="end of warmup").bounding_box()
    page.mouse.move(handle["x"] + 11, handle["y"] + 11)
    page.mouse.down()
    page.mouse.move(plot["x"] + 0.4 * plot["width"], handle["y"] + 11, steps=4)
    page.mouse.up()
    until(page, "document.querySelector('#schedule-0').value.match(/^warmup\\((40|39.9|40.1)/)")
    warmup = gs.parse(text_of(opened)).over(1000)
    assert [warmup(t) for t in (200, 400, 800, 900)] == pytest.approx([0.5, 1, 1, 0.5], abs=0.01)
    assert text_of(opened) in opened.page.locator(".legend .name").inner_text()
    assert opened.wrong == []


def test_a_text_is_typed_and_the_handles_follow(browser, studio):
    opened = Opened(browser, studio.url, "draw", {"schedules": ["cosine"], "steps": 1000})
    page = opened.page
    page.locator("#schedule-0").fill("interpolate([0, 500, 1000], [0, 1, 0.5])")
    page.get_by_role("slider", name="point 3").wait_for()
    assert page.locator(".handle:visible").count() == 3
    page.locator("#schedule-0").fill("warmup(5%) >> cosin")
    problem = page.locator(".problem").first
    problem.get_by_text("did you mean 'cosine'").wait_for()
    assert problem.locator("mark").inner_text() == "c"
    assert "column 15" in problem.inner_text()


def test_a_character_of_two_units_is_marked_whole(browser, studio):
    opened = Opened(browser, studio.url, "draw", {"schedules": ["cosine"]})
    opened.page.locator("#schedule-0").fill("cosine 😀")
    opened.page.get_by_text("expected '>>' or the end (column 8)").wait_for()
    assert opened.page.locator(".problem mark").inner_text() == "😀"


def test_a_schedule_more_than_there_is_room_for_is_refused(browser, studio):
    """As one of the gallery, or the design of a law; what is drawn stays."""
    opened = Opened(browser, studio.url, "draw", {"schedules": ["cosine"] * 8})
    opened.page.get_by_text("Gallery").click()
    opened.page.get_by_role("button", name="linear()", exact=True).click()
    opened.page.get_by_text("There is room for 8 schedules").wait_for()
    assert opened.page.locator(".line").count() == 8
    assert opened.page.locator(".trouble:visible").count() == 0
    assert opened.wrong == []


def test_the_axis_of_rates_is_logarithmic_on_demand(browser, studio):
    """A warmup begins at 0, which no logarithmic axis has: it is a gap there."""
    opened = Opened(browser, studio.url, "draw", {"schedules": ["warmup(10%) >> exponential(20%, ratio=0.1)"]})
    button = opened.page.get_by_role("button", name="Log scale")
    before = opened.page.locator(".plot canvas").evaluate("(canvas) => canvas.toDataURL()")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    assert opened.page.locator(".plot canvas").evaluate("(canvas) => canvas.toDataURL()") != before
    until(opened.page, f"{STATE}.log")
    again = browser.new_context().new_page()
    again.goto(opened.page.evaluate(ADDRESS))
    again.locator("main[data-ready=true]").wait_for()
    assert again.get_by_role("button", name="Log scale").get_attribute("aria-pressed") == "true"
    assert opened.wrong == []


WRITTEN = """() => {
  const { fillText: write, clearRect: clear } = CanvasRenderingContext2D.prototype;
  window.written = [];
  CanvasRenderingContext2D.prototype.clearRect = function () {
    window.written = [];
    return clear.apply(this, arguments);
  };
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    if (this.textAlign === 'center') window.written.push([text, x, y, this.measureText(text).width]);
    return write.apply(this, arguments);
  };
}"""
"""What the last drawing of a canvas has written, in the middle of a place, with its width."""


@pytest.mark.parametrize("peak", [1e-30, 1e-40, 1e-3])
def test_the_axis_of_rates_has_numbers_however_small_they_are(browser, studio, peak):
    opened = Opened(browser, studio.url, "draw", {"schedules": ["cosine"], "peak": peak})
    opened.page.evaluate(WRITTEN.replace("'center'", "'right'"))
    opened.page.get_by_role("button", name="Zoom in").click()
    until(opened.page, "window.written.length > 2")
    rates = {float(text) for text, *_ in opened.page.evaluate("window.written")}
    assert len(rates) > 3
    assert peak / 2 < max(rates) <= 1.1 * peak
    assert opened.wrong == []


@pytest.mark.parametrize("axis", ["updates", "epochs", "examples", "tokens"])
@pytest.mark.parametrize("width", [390, 1180])
def test_the_numbers_of_an_axis_of_time_have_room(browser, studio, axis, width):
    plan = {"schedules": ["cosine"], "steps": 100_000, "batch": 256, "tokens": 2048, "epoch": 4000, "axis": axis}
    opened = Opened(browser, studio.url, "draw", plan, viewport={"width": width, "height": 800})
    opened.page.evaluate(WRITTEN)
    for _ in range(4):
        opened.page.get_by_role("button", name="Zoom in").click()
        until(opened.page, "window.written.length > 2")
        written = opened.page.evaluate("window.written")
        row = max(y for _, _, y, _ in written if sum(other == y for _, _, other, _ in written) > 1)
        labels = sorted((x - size / 2, x + size / 2, text) for text, x, y, size in written if y == row and text)
        assert len(labels) > 1
        assert len({text for _, _, text in labels}) == len(labels)
        assert all(before[1] + 4 < after[0] for before, after in itertools.pairwise(labels)), labels
    assert opened.wrong == []


@pytest.mark.parametrize("schedule", ["linear", "constant", "interpolate([0%, 40%, 100%], [0.4, 1, 0.2])"])
@pytest.mark.parametrize("zooms", [0, 2])
def test_no_handle_lies_on_a_number_of_an_axis(browser, studio, schedule, zooms):
    opened = Opened(browser, studio.url, "draw", {"schedules": [schedule], "steps": 1000})
    page = opened.page
    for of in ("'center'", "'right'"):
        page.evaluate(WRITTEN.replace("'center'", of).replace("window.written", f"window[{of}]"))
    for _ in range(zooms):
        page.get_by_role("button", name="Zoom in").click()
    if not zooms:
        page.set_viewport_size({"width": 1000, "height": 900})
    until(page, "(window['center'] ?? []).length && (window['right'] ?? []).length")
    canvas = page.locator(".plot canvas").bounding_box()
    shown = page.evaluate("[...document.querySelectorAll('.handle')].filter((one) => !one.hidden).length")
    for handle in page.locator(".handle:visible").all():
        box = handle.bounding_box()
        x, y = box["x"] + 11 - canvas["x"], box["y"] + 11 - canvas["y"]  # its middle; the circle has a radius of 7
        for of, left in (("center", -0.5), ("right", -1.0)):
            for text, at, height, width in page.evaluate(f"window['{of}']"):
                across = max(at + left * width - x, x - at - (1 + left) * width)
                assert max(across, abs(height - y) - 6) > 7, (text, at, height, width, x, y)
    assert shown or zooms
    assert opened.wrong == []


def test_a_handle_is_moved_by_keys_and_a_point_deleted(browser, studio):
    opened = Opened(
        browser, studio.url, "draw", {"schedules": ["interpolate([0%, 50%, 100%], [0, 1, 0])"], "steps": 1000}
    )
    page = opened.page
    point = page.get_by_role("slider", name="point 2")
    point.focus()
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('#schedule-0').value.includes('51%')")
    point.focus()
    page.keyboard.press("Delete")
    until(page, "document.querySelector('#schedule-0').value.includes('[0%, 100%]')")


def test_a_plan_that_cannot_be_drawn_says_why_until_it_can(browser, studio):
    page, _, _ = watched(browser, f'{studio.url}#draw/{{"steps":0}}')
    page.get_by_text("Expected `int` >= 1").wait_for()
    page.get_by_label("Updates", exact=True).fill("10")
    page.keyboard.press("Tab")
    page.get_by_text("10 updates are").wait_for()
    assert page.locator(".trouble:visible").count() == 0


LOOKS = """import('./report.js').then(({ dashAt }) => Array.from({ length: 32 }, (_, place) => [
  dashAt(place).join(), getComputedStyle(document.documentElement).getPropertyValue(`--c${place % 8}`).trim()]))"""


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_curves_differ_by_colour_for_anyone_or_by_dash(browser, studio, scheme):
    opened = Opened(browser, studio.url, "draw", {"schedules": ["constant"] * 8}, color_scheme=scheme)
    looks = opened.page.evaluate(LOOKS)
    assert len(set(map(tuple, looks))) == 32
    for (dash, colour), (other_dash, other) in itertools.combinations(looks[:16], 2):
        assert dash != other_dash or nearest([colour, other])[0] > 12


def test_the_stroke_beside_a_text_is_that_of_its_curve(browser, studio):
    """Of two texts that are one schedule there is one curve, and of one that can't be read none."""
    texts = ["linear", "linear()", "cosin", "cosine", "wsd", "rex", "constant"]
    opened = Opened(browser, studio.url, "draw", {"schedules": texts})
    strokes = "[...document.querySelectorAll('%s .swatch line')].map((line) => "
    strokes += "[getComputedStyle(line).stroke, line.getAttribute('stroke-dasharray')])"
    curves = opened.page.evaluate(strokes % ".legend")
    beside = opened.page.evaluate(strokes % ".texts")
    assert len(curves) == 5
    assert [beside[i] for i in (0, 3, 4, 5, 6)] == curves
    assert beside[1] == beside[0]
    assert "rgba(0, 0, 0, 0)" in beside[2]
    assert curves[4][1] != "none"
