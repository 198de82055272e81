"""A search that is watched and lessons that are read, in a browser."""

import glideslope as gs
from glideslope.search.directory.run_directory import RunDirectory
from tests.browser.opened import Opened
from tests.browser.watched import until
from tests.views.results import Quadratic


def test_a_search_is_watched_as_it_goes_on(browser, studio):
    folder = studio.folder / "raced"
    memory = RunDirectory(folder, {"command": "race", "job": "job.py:job", "steps": 40})
    gs.race(Quadratic(), ["cosine"], 40, [0.1], memory=memory)
    opened = Opened(browser, studio.url, "watch", {"folder": "raced"})
    page = opened.page
    page.get_by_role("heading", name="race job.py:job, 40 updates").wait_for()
    assert page.locator("tbody tr").count() == 2  # the peak alone and as a constant rate
    memory = RunDirectory(folder, {"command": "race", "job": "job.py:job", "steps": 40}, resume=True)
    gs.race(Quadratic(), ["cosine", "linear"], 40, [0.1], memory=memory)
    until(page, "document.querySelectorAll('tbody tr').length === 3")
    assert opened.wrong == []


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
