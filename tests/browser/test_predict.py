"""The room of predictions in a browser: losses that follow a text, and logs that are dropped."""

import shutil

import pytest

from glideslope import laws
from tests.browser.opened import EXAMPLES, LATENCY, Opened
from tests.browser.watched import until


def test_the_prediction_follows_the_text(browser, studio):
    state = {"plan": {"steps": 6000, "peak": 0.003, "schedules": ["cosine"]}, "law": "law.json"}
    opened = Opened(browser, studio.url, "predict", state)
    page = opened.page
    law = laws.load(studio.folder / "law.json")
    for text in ("cosine", "warmup(2%) >> hold() >> cooldown(30%)"):
        page.locator("#schedule-0").fill(text)
        end = law.predict(laws.Rates.of_schedule(text, 6000, 0.003), 6000)[0]
        page.get_by_text(f"Predicted to end at {end:#.5g}").wait_for()
    page.get_by_label("Updates", exact=True).fill("100000")
    page.keyboard.press("Tab")
    page.locator(".banner").get_by_text("times the longest run").wait_for()


def test_logs_are_dropped_on_the_page(browser, studio):
    opened = Opened(browser, studio.url, "predict")
    files = sorted((EXAMPLES / "curves").iterdir())
    opened.page.locator("#files").set_input_files([str(file) for file in files])
    opened.page.get_by_text("Fitted on 3 runs").wait_for()
    until(
        opened.page,
        "[...document.querySelectorAll('.legend .name')].some((one) => one.textContent === 'cosine, measured')",
    )
    assert opened.wrong == []


@pytest.fixture
def runs(tmp_path):
    """A folder with logs of one name in a folder for each run, and what is no log."""
    for name in ("first", "second"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "model.bin").write_bytes(b"\0")
    shutil.copy(EXAMPLES / "curves" / "constant.csv", tmp_path / "runs" / "first" / "metrics.csv")
    shutil.copy(EXAMPLES / "curves" / "cosine.csv", tmp_path / "runs" / "second" / "metrics.csv")
    return tmp_path / "runs"


def test_a_folder_of_runs_is_chosen_on_the_page(browser, studio, runs):
    opened = Opened(browser, studio.url, "predict")
    opened.page.locator("#folder").set_input_files(str(runs))
    opened.page.get_by_text("Fitted on 2 runs").wait_for()
    assert not opened.page.get_by_text("model.bin").count()
    assert opened.wrong == []


def test_folders_of_runs_are_dropped_on_the_page(browser, studio, runs):
    opened = Opened(browser, studio.url, "predict")
    box = opened.page.locator(".drop").bounding_box()
    files = [str(runs / "first"), str(runs / "second")]
    data = {"items": [], "files": files, "dragOperationsMask": 1}
    devtools = opened.page.context.new_cdp_session(opened.page)
    for kind in ("dragEnter", "dragOver", "drop"):
        place = {"x": box["x"] + 20, "y": box["y"] + 10}
        devtools.send("Input.dispatchDragEvent", {"type": kind, "data": data, **place})
    opened.page.get_by_text("Fitted on 2 runs").wait_for()
    for name in ("first", "second"):
        until(
            opened.page,
            f"[...document.querySelectorAll('.legend .name')].some((one) => one.textContent === '{name}, measured')",
        )
    assert opened.wrong == []


def test_the_curve_follows_a_drag(browser, studio):
    """At 100,000 updates; how fast is measured by `benchmarks/studio.py`."""
    opened = Opened(browser, studio.url, "predict", {"plan": {"steps": 100_000, "peak": 0.003}, "law": "law.json"})
    assert len(opened.page.evaluate(LATENCY)) == 12
    assert opened.wrong == []


@pytest.mark.slow
def test_what_logs_do_not_say_is_typed_beside_them(browser, studio, tmp_path):
    folder = tmp_path / "epochs"
    folder.mkdir()
    for name, falls in (("constant", 0), ("linear", 1)):
        rows = [f"{i},{0.01 * (1 - falls * i / 40)},{2 - falls * 0.2 * i / 40 + 1 / (1 + i)}\n" for i in range(41)]
        (folder / f"{name}.csv").write_text("epoch,learning_rate,loss\n" + "".join(rows))
    opened = Opened(browser, studio.url, "predict")
    page = opened.page
    page.locator("#folder").set_input_files(folder)
    page.get_by_text("counts epochs").wait_for()
    page.get_by_label("Updates in an epoch").fill("140")
    page.get_by_role("button", name="Fit again").click()
    page.get_by_text("Fitted on 2 runs of up to 5,740 updates").wait_for()
    assert page.get_by_text("counts epochs").count() == 0
