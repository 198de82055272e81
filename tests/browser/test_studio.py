"""Every room of the studio in a browser: small, read by anyone, and asking nobody but its own server."""

import os
from pathlib import Path

import pytest

from tests.browser.opened import ADDRESS, STATE, Opened
from tests.browser.watched import serious_violations, until, watched

ROOMS = {
    "draw": None, "predict": {"plan": {"steps": 50_000, "peak": 0.003}, "law": "law.json"},
    "play": {"surface": "himmelblau"}, "watch": None,
    "learn": {"lesson": 3, "language": "ko"},
}  # fmt: skip


SIZES = """performance.getEntriesByType('resource')
  .map((one) => [one.name, one.decodedBodySize, one.renderBlockingStatus])"""


@pytest.mark.parametrize("room", ROOMS)
def test_a_page_is_small_and_asks_its_own_server_alone(browser, studio, room):
    """What makes its first paint early: few files, and of those that it waits for a few kilobytes of styles."""
    opened = Opened(browser, studio.url, room, ROOMS[room])
    files = [each for each in opened.page.evaluate(SIZES) if "/api/" not in each[0] and "/events" not in each[0]]
    assert 50_000 < sum(size for _, size, _ in files) < 400_000
    assert len(files) <= 32
    waited = {name.removeprefix(studio.url): size for name, size, blocking in files if blocking == "blocking"}
    assert set(waited) == {"uplot/uPlot.min.css", "report.css", "studio.css"}
    assert sum(waited.values()) < 30_000
    assert len(opened.asked) <= 45
    assert all(url.startswith(studio.url) for url in opened.asked)
    assert opened.wrong == []


def test_the_policy_forbids_requests_and_foreign_code(browser, studio):
    opened = Opened(browser, studio.url, "draw")
    opened.page.evaluate("fetch('http://example.invalid/').catch(() => 0)")
    opened.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))"
    )
    assert opened.page.evaluate("window.ran") is None
    until(opened.page, lambda: len([text for text in opened.wrong if "Content Security Policy" in text]) >= 2)


def test_a_link_holds_the_whole_state(browser, studio):
    opened = Opened(browser, studio.url, "draw", {"schedules": ["cosine"], "steps": 1000})
    page = opened.page
    page.locator("#schedule-0").fill("warmup(7%) >> linear")
    page.get_by_label("Updates", exact=True).fill("2k")
    page.keyboard.press("Tab")
    until(page, f"{STATE}.steps === 2000")
    again = browser.new_context().new_page()
    again.goto(page.evaluate(ADDRESS))
    again.locator("main[data-ready=true]").wait_for()
    assert again.locator("#schedule-0").input_value() == "warmup(7%) >> linear"
    assert again.get_by_label("Updates", exact=True).input_value() == "2000"


def test_the_link_that_is_copied_has_what_was_typed_last(browser, studio):
    """However soon after: the address follows by a moment."""
    opened = Opened(browser, studio.url, "draw", permissions=["clipboard-read", "clipboard-write"])
    opened.page.get_by_label("Updates", exact=True).fill("2k")
    opened.page.get_by_role("button", name="Copy link").click()
    opened.page.get_by_text("The link holds").wait_for()
    link = opened.page.evaluate("navigator.clipboard.readText()")
    again = Opened(browser, *link.split("#"))
    assert again.page.get_by_label("Updates", exact=True).input_value() == "2000"


def test_a_page_whose_server_has_ended_says_how_its_state_is_opened_again(browser, studio):
    from glideslope.studio.background import Background
    from glideslope.studio.export import read_address

    running = Background(studio.folder)
    opened = Opened(browser, running.url, "draw", {"steps": 77}, permissions=["clipboard-read", "clipboard-write"])
    running.close()
    opened.page.locator("#schedule-0").fill("linear")
    opened.page.get_by_text("glideslope studio --state 'LINK'").wait_for()
    opened.page.get_by_role("link", name="Play").click()
    opened.page.locator("#said", has_text="glideslope studio --state 'LINK'").wait_for()
    assert opened.page.locator("main").get_attribute("class") == "draw"
    opened.page.get_by_role("button", name="Copy link").click()
    opened.page.get_by_text("The link holds").wait_for()
    assert read_address(opened.page.evaluate("navigator.clipboard.readText()")).state["schedules"][0] == "linear"


def test_a_reader_by_keyboard_skips_to_the_room_that_is_open(browser, studio):
    opened = Opened(browser, studio.url, "play", {"surface": "bowl"})
    opened.page.keyboard.press("Tab")
    opened.page.keyboard.press("Enter")
    assert opened.page.evaluate("document.activeElement.id") == "room"
    assert opened.page.locator("main").get_attribute("class") == "play"


def test_a_room_that_was_left_writes_no_more(browser, studio):
    """Its answers come late: those to what was typed just before."""
    opened = Opened(browser, studio.url, "draw", {"steps": 1000})
    opened.page.evaluate("""() => {
      const field = document.querySelector('#schedule-0');
      field.value = 'linear';
      field.dispatchEvent(new Event('input'));
      location.hash = '#learn/{"lesson":2}';
    }""")
    opened.page.locator("main.learn[data-ready=true]").wait_for()
    until(opened.page, f"{STATE}.lesson === 2 && {STATE}.language === 'en'")
    assert opened.page.title().startswith("Learn")


def test_a_link_of_another_version_opens_as_far_as_it_is_known(browser, studio):
    opened = Opened(browser, studio.url, "draw", {"steps": 77, "colour": "blue"})
    assert opened.page.get_by_label("Updates", exact=True).input_value() == "77"
    play = {"surface": "bowl", "speed": 2, "world": {"steps": 7, "gravity": 9.81}, "balls": [{"rate": 0.5, "mass": 1}]}
    assert "update 7" in Opened(browser, studio.url, "play", play).page.locator(".counter").inner_text()


def test_a_page_that_is_open_is_turned_dark(browser, studio):
    opened = Opened(browser, studio.url, "draw")
    stroke = "getComputedStyle(document.querySelector('.legend .swatch line')).stroke"
    drawn = "document.querySelector('.plot canvas').toDataURL()"
    light = opened.page.evaluate(f"[{stroke}, {drawn}]")
    opened.page.emulate_media(color_scheme="dark")
    until(opened.page, lambda: not set(light) & set(opened.page.evaluate(f"[{stroke}, {drawn}]")))


def test_a_link_of_nonsense_opens_a_room(browser, studio):
    for text in ("#draw/%7B", "#nothing", "#play/[1,2]", "#learn/%22x%22", "#watch/{}", ""):
        page = browser.new_context().new_page()
        page.goto(studio.url + text)
        page.locator("main[data-ready=true]").wait_for()


@pytest.mark.parametrize("room", ROOMS)
def test_a_file_of_a_room_opens_without_a_server(browser, studio, tmp_path, room):
    from glideslope.studio.export import Export, exported
    from glideslope.studio.library import Library

    file = tmp_path / "room.html"
    file.write_text(exported(Library(studio.folder), Export(room, ROOMS[room])), encoding="utf-8")
    page, asked, wrong = watched(browser, file.as_uri())
    page.locator("main[data-ready=true]").wait_for()
    assert {url for url in asked if not url.startswith("data:")} == {file.as_uri()}
    assert wrong == []
    assert page.locator("canvas").count() >= 1
    if room == "play":
        page.get_by_role("button", name="Start").click()
        assert page.locator(".counter").inner_text() == "update 0"


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
@pytest.mark.parametrize("room", ROOMS)
def test_axe_finds_nothing_serious(browser, studio, room, scheme):
    opened = Opened(browser, studio.url, room, ROOMS[room], color_scheme=scheme, bypass_csp=True)
    until(opened.page, "document.getAnimations().length === 0")  # a colour on its way has another contrast
    assert serious_violations(opened.page) == []


def test_a_number_has_four_digits_however_small_or_large_it_is(browser, studio):
    """A loss of 0.0004003 was 4e-4 in the table of a search, and 0.0004003 in its report."""
    opened = Opened(browser, studio.url, "draw")
    values = [4.0032e-4, 0.0012344, 1.23456, 12345.6, 7.8912e-12, 3.28e10, 5e-4, 1.5e6 + 0.25]
    shown = "(values) => import('./report.js').then(({ short }) => values.map(short))"
    texts = opened.page.evaluate(shown, values)
    assert [float(text) for text in texts] == [float(f"{value:.4g}") for value in values]
    assert texts[:2] == ["4.003e-4", "0.001234"]


CUT = "[...document.querySelectorAll('%s')].filter((one) => one.scrollWidth > one.clientWidth).length"


@pytest.mark.parametrize("width", [320, 360, 390])
@pytest.mark.parametrize("room", ROOMS)
def test_a_phone_scrolls_in_one_direction(browser, studio, room, width):
    """And shows the names of all rooms: 320 pixels are a page of 1,280 at four times its size."""
    opened = Opened(browser, studio.url, room, ROOMS[room], viewport={"width": width, "height": 844}, is_mobile=True)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.page.evaluate(CUT % "nav") == 0
    assert opened.page.evaluate(CUT % ".scroll") == 0 or width < 360


def test_the_name_of_a_curve_takes_a_few_lines(browser, studio):
    """However long its schedule is."""
    opened = Opened(browser, studio.url, "draw", {"schedules": [" >> ".join(["warmup(1)"] * 200)], "steps": 1000})
    assert len(opened.page.locator(".legend .name").inner_text()) > 2000
    assert opened.page.locator(".legend .name").bounding_box()["height"] < 150


PICTURES = {
    "draw": {
        "schedules": ["interpolate([0%, 8%, 45%, 70%, 100%], [0, 1, 0.85, 0.35, 0])", "warmup(5%) >> cosine()"],
        "steps": 20_000,
    },
    "predict": {"plan": {"steps": 20_000, "peak": 0.003}, "law": "law.json"},
    "play": {
        "surface": "himmelblau", "world": {"steps": 120},
        "balls": [
            {"start": [-0.3, -0.6], "rate": 0.008}, {"start": [-0.3, -0.6], "rate": 0.012, "optimizer": "momentum"},
            {"start": [-0.3, -0.6], "rate": 0.3, "optimizer": "adam"},
        ],
    },
    "watch": {"folder": "tuned"}, "learn": {"lesson": 2, "language": "en"},
}  # fmt: skip
DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("room", PICTURES)
def test_the_documentation_has_a_picture_of_each_room(browser, studio, tmp_path, room):
    """With PICTURES=docs in the environment it is made anew."""
    from PIL import Image

    size = {"width": 1180, "height": 760}
    opened = Opened(browser, studio.url, room, PICTURES[room], viewport=size, reduced_motion="reduce")
    file = tmp_path / f"studio-{room}.png"
    opened.page.screenshot(path=file)
    if folder := os.environ.get("PICTURES"):
        Image.open(file).convert("RGB").quantize(220).save(Path(folder) / file.name, optimize=True)
    assert Image.open(DOCS / file.name).size == (size["width"], size["height"])
    assert sum(picture.stat().st_size for picture in DOCS.glob("studio-*.png")) < 600_000
