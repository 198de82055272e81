"""A search that is watched and lessons that are read, in a browser."""

import re

import pytest

import glideslope as gs
from glideslope.search.directory.run_directory import RunDirectory
from glideslope.studio import watch
from tests.browser.opened import Opened
from tests.browser.watched import until, watched
from tests.views.results import Quadratic


def test_a_search_is_watched_as_it_goes_on(browser, studio):
    folder = studio.folder / "raced"
    memory = RunDirectory(folder, {"command": "race", "job": "job.py:job", "steps": 40})
    gs.race(Quadratic(), ["cosine"], 40, [0.1], memory=memory)
    opened = Opened(browser, studio.url, "watch", {"folder": "raced"})
    page = opened.page
    page.get_by_role("heading", name="race job.py:job, 40 updates").wait_for()
    assert page.locator("tbody tr").count() == 2  # the peak alone and as a constant rate
    hidden = page.get_by_role("button", name=re.compile("cosine.* at 0.1")).first
    hidden.click()
    memory = RunDirectory(folder, {"command": "race", "job": "job.py:job", "steps": 40}, resume=True)
    gs.race(Quadratic(), ["cosine", "linear"], 40, [0.1], memory=memory)
    until(page, "document.querySelectorAll('tbody tr').length === 3")
    assert hidden.get_attribute("aria-pressed") == "false"
    assert page.get_by_role("button", name=re.compile("linear.* at 0.1")).first.get_attribute("aria-pressed") == "true"
    assert opened.wrong == []


def test_a_page_too_many_says_so_and_watches_when_there_is_room(browser, studio, monkeypatch):
    monkeypatch.setattr(watch, "_MOST_WATCHERS", 0)
    opened = Opened(browser, studio.url, "watch", {"folder": "tuned"})
    opened.page.get_by_text("0 pages watch already").wait_for()
    monkeypatch.setattr(watch, "_MOST_WATCHERS", 16)
    opened.page.get_by_role("heading", name="tune job.py:job, 400 updates").wait_for()
    assert not opened.page.get_by_text("pages watch already").is_visible()


def test_a_lesson_is_read_in_both_languages(browser, studio):
    opened = Opened(browser, studio.url, "learn", {"lesson": 2, "language": "en"})
    page = opened.page
    page.get_by_role("heading", name="Too large, too small").wait_for()
    page.get_by_role("button", name="한국어").click()
    page.get_by_role("heading", name="너무 큰 학습률, 너무 작은 학습률").wait_for()
    assert page.locator("article").get_attribute("lang") == "ko"
    page.locator(".contents ol button").nth(6).click()
    page.get_by_role("heading", name="Adagrad").wait_for()
    page.locator("article a").first.click()
    page.locator("main.play[data-ready=true]").wait_for()
    assert page.get_by_label("Slope along y in 1 of").input_value() == "10"
    assert opened.wrong == []


NAMES = {"Adagrad", "Adam", "RMSprop", "Play", "Draw", "Smith", "Dauphin", "arXiv", "Solve", "this", "surface", "Race"}
NAMES |= {"algebra", "against", "descent"}  # the two buttons of Play that the last lesson speaks of
DRAWN = """() => {
  const write = CanvasRenderingContext2D.prototype.fillText;
  window.drawn = new Set();
  CanvasRenderingContext2D.prototype.fillText = function (text) {
    window.drawn.add(text);
    return write.apply(this, arguments);
  };
}"""


@pytest.mark.parametrize("lesson", [4, *(pytest.param(i, marks=pytest.mark.slow) for i in (1, 2, 3, 5, 6, 7, 8))])
def test_a_korean_lesson_is_in_korean(browser, studio, lesson):
    """Its texts, its buttons, the axes of its charts and the names of its curves, other than texts of schedules."""
    opened = Opened(browser, studio.url, "learn", {"lesson": 1 + lesson % 8, "language": "ko"})
    page = opened.page
    page.evaluate(DRAWN)
    page.locator(".contents ol button").nth(lesson - 1).click()
    page.locator("main[data-ready=true]").wait_for()
    texts = [page.locator("article").inner_text(), *page.evaluate("[...window.drawn].map(String)")]
    texts += page.evaluate("[...document.querySelectorAll('article [aria-label]')].map((one) => one.ariaLabel)")
    schedules = {name for name in page.locator(".legend .name").all_inner_texts() if "(" in name}
    words = {word for text in texts for word in re.findall(r"[A-Za-z]{3,}", text)}
    known = NAMES | {word for text in schedules for word in re.findall(r"[A-Za-z]+", text)}
    assert words <= known
    assert any("업데이트" in text or "에포크" in text for text in texts[1:])
    assert opened.wrong == []


@pytest.mark.slow
def test_nothing_in_a_file_leads_where_the_file_has_nothing(browser, studio, tmp_path):
    from glideslope.studio.export import Export, exported
    from glideslope.studio.library import Library

    memory = RunDirectory(studio.folder / "reported", {"command": "race", "job": "job.py:job", "steps": 40})
    gs.race(Quadratic(), ["cosine"], 40, [0.1], memory=memory)
    memory.finish({"steps": 40}, [], "<p>the report</p>")
    assert Opened(browser, studio.url, "watch", {"folder": "reported"}).page.get_by_text("Open the report").count() == 1
    states = {"watch": {"folder": "reported"}, "learn": {"lesson": 8, "language": "en"}, "draw": None}
    for room, state in states.items():
        file = tmp_path / f"{room}.html"
        file.write_text(exported(Library(studio.folder), Export(room, state)), encoding="utf-8")
        page, _, wrong = watched(browser, file.as_uri())
        page.locator("main[data-ready=true]").wait_for()
        links = page.evaluate("[...document.querySelectorAll('a')].map((one) => one.getAttribute('href'))")
        assert sorted(links) == sorted(["#room", f"#{room}"])
        page.goto(f"{file.as_uri()}#play")
        assert page.locator("main").get_attribute("class") == room
        assert wrong == []


@pytest.mark.slow
def test_searches_that_begin_later_are_listed(browser, tmp_path):
    """The first where there was none, and others when the list is opened; a page that is left has no connection."""
    from glideslope.studio.background import Background

    running = Background(tmp_path)
    opened = Opened(browser, running.url, "watch")
    page = opened.page
    page.get_by_text("No search has a run directory").wait_for()
    gs.race(
        Quadratic(), ["cosine"], 40, [0.1], memory=RunDirectory(tmp_path / "첫째", {"command": "race", "steps": 40})
    )
    page.get_by_role("heading", name="race, 40 updates").wait_for()
    gs.race(
        Quadratic(), ["linear"], 50, [0.1], memory=RunDirectory(tmp_path / "second", {"command": "race", "steps": 50})
    )
    page.get_by_label("Run directory").focus()
    until(page, "document.querySelectorAll('option').length === 2")
    assert page.evaluate("document.activeElement.tagName") == "SELECT"
    page.get_by_label("Run directory").select_option("second")
    page.get_by_role("heading", name="race, 50 updates").wait_for()
    running.close()
    assert opened.wrong == []
