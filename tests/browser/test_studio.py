"""The studio in a browser: used by mouse and by keyboard, read by anyone, and asking nobody but its own server."""

import itertools
import json
import os
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest

import glideslope as gs
from glideslope import laws
from glideslope.search.directory.run_directory import RunDirectory
from tests.browser.watched import serious_violations, watched
from tests.views.results import Quadratic

pytest.importorskip("uvicorn", reason="the extra studio isn't installed")
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    from glideslope.studio.background import Background

    folder = tmp_path_factory.mktemp("studio")
    shutil.copy(EXAMPLES / "law.json", folder)
    memory = RunDirectory(folder / "tuned", {"command": "tune", "job": "job.py:job", "steps": 100, "overhead": 2.0})
    gs.tune(Quadratic(), 100, memory=memory)
    running = Background(folder)
    running.folder = folder
    yield running
    running.close()


class Opened:
    """A page at a room, what it asked for, and what went wrong in it."""

    def __init__(self, browser, url, room, state=None, **options):
        address = f"{url}#{room}" + (f"/{quote(json.dumps(state))}" if state else "")
        self.page, self.asked, self.wrong = watched(browser, address, **options)
        self.page.locator("main[data-ready=true]").wait_for()


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


STATE = "JSON.parse(decodeURIComponent(location.hash.split('/').slice(1).join('/')))"
"""The state that the address holds."""


def until(page, expression):
    """Waits until an expression is true; the page's policy forbids what `wait_for_function` does."""
    for _ in range(400):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"{expression} isn't true")


LATENCY = """async () => {
  const frames = [];
  for (let i = 0; i < 12; i++) {
    const handle = document.querySelectorAll('.handle')[1];
    const box = handle.getBoundingClientRect();
    performance.clearMarks();
    const event = (type, dx) => new PointerEvent(type, {
      pointerId: 1, button: 0, buttons: 1, bubbles: true, clientX: box.x + 11 + dx, clientY: box.y + 11,
    });
    handle.setPointerCapture = () => 0;
    handle.dispatchEvent(event('pointerdown', 0));
    handle.dispatchEvent(event('pointermove', i % 2 ? -7 : 7));
    const begin = performance.now();
    while (!performance.getEntriesByName('drawn').length) {
      if (performance.now() - begin > 10000) throw new Error(document.getElementById('said').textContent);
      await new Promise((go) => setTimeout(go, 1));
    }
    frames.push(performance.getEntriesByName('drawn')[0].startTime - performance.getEntriesByName('drag')[0].startTime);
    handle.dispatchEvent(event('lostpointercapture', 0));
    await new Promise((go) => setTimeout(go, 30));
  }
  return frames;
}"""


ROOMS = {
    "draw": None, "predict": {"plan": {"steps": 50_000, "peak": 0.003}, "law": "law.json"},
    "play": {"surface": "himmelblau"}, "watch": None,
    "learn": {"lesson": 3, "language": "ko"},
}  # fmt: skip


@pytest.mark.parametrize("room", ROOMS)
def test_a_page_is_small_and_asks_its_own_server_alone(browser, studio, room):
    opened = Opened(browser, studio.url, room, ROOMS[room])
    assert opened.wrong == []
    assert all(url.startswith(studio.url) for url in opened.asked)
    sizes = opened.page.evaluate(
        "performance.getEntriesByType('resource').map((one) => [one.name, one.decodedBodySize])"
    )
    files = [size for name, size in sizes if "/api/" not in name and "/events" not in name]
    assert 50_000 < sum(files) < 400_000


def test_the_policy_forbids_requests_and_foreign_code(browser, studio):
    opened = Opened(browser, studio.url, "draw")
    opened.page.evaluate("fetch('http://example.invalid/').catch(() => 0)")
    opened.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))"
    )
    assert opened.page.evaluate("window.ran") is None
    assert len([text for text in opened.wrong if "Content Security Policy" in text]) >= 2


def text_of(opened, i=0):
    return opened.page.locator(f"#schedule-{i}").input_value()


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
    again.goto(opened.page.url)
    again.locator("main[data-ready=true]").wait_for()
    assert again.get_by_role("button", name="Log scale").get_attribute("aria-pressed") == "true"
    assert opened.wrong == []


WRITTEN = """() => {
  const write = CanvasRenderingContext2D.prototype.fillText;
  window.written = [];
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    if (this.textAlign === 'center') window.written.push([text, x, y, this.measureText(text).width]);
    return write.apply(this, arguments);
  };
}"""
"""What is written on canvases from now on, in the middle of a place, with its width."""


@pytest.mark.parametrize("axis", ["updates", "epochs", "examples", "tokens"])
@pytest.mark.parametrize("width", [390, 1180])
def test_the_numbers_of_an_axis_of_time_have_room(browser, studio, axis, width):
    plan = {"schedules": ["cosine"], "steps": 100_000, "batch": 256, "tokens": 2048, "epoch": 4000, "axis": axis}
    opened = Opened(browser, studio.url, "draw", plan, viewport={"width": width, "height": 800})
    opened.page.evaluate(WRITTEN)
    for _ in range(4):
        opened.page.evaluate("window.written = []")
        opened.page.get_by_role("button", name="Zoom in").click()
        until(opened.page, "window.written.length > 2")
        written = opened.page.evaluate("window.written")
        row = max(y for _, _, y, _ in written if sum(other == y for _, _, other, _ in written) > 1)
        labels = sorted((x - size / 2, x + size / 2, text) for text, x, y, size in written if y == row and text)
        assert len(labels) > 1
        assert len({text for _, _, text in labels}) == len(labels)
        assert all(before[1] + 4 < after[0] for before, after in itertools.pairwise(labels)), labels
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


def test_a_link_holds_the_whole_state(browser, studio):
    opened = Opened(browser, studio.url, "draw", {"schedules": ["cosine"], "steps": 1000})
    page = opened.page
    page.locator("#schedule-0").fill("warmup(7%) >> linear")
    page.get_by_label("Updates").fill("2k")
    page.keyboard.press("Tab")
    page.get_by_text("2,000 updates are").wait_for()
    again = browser.new_context().new_page()
    again.goto(page.url)
    again.locator("main[data-ready=true]").wait_for()
    assert again.locator("#schedule-0").input_value() == "warmup(7%) >> linear"
    assert again.get_by_label("Updates").input_value() == "2000"


def test_a_link_of_nonsense_opens_a_room(browser, studio):
    for text in ("#draw/%7B", "#nothing", "#play/[1,2]", "#learn/%22x%22", "#watch/{}", ""):
        page = browser.new_context().new_page()
        page.goto(studio.url + text)
        page.locator("main[data-ready=true]").wait_for()


def test_a_press_on_the_surface_starts_the_ball_there(browser, studio):
    opened = Opened(
        browser,
        studio.url,
        "play",
        {"surface": "bowl", "balls": [{"start": [2, 2], "rate": 0.5}], "world": {"steps": 1}},
    )
    page = opened.page
    box = page.locator(".stage > canvas").bounding_box()
    page.mouse.click(box["x"] + 46 + (box["width"] - 58) / 2, box["y"] + 12 + (box["height"] - 42) / 4)
    until(page, f"{STATE}.balls[0].start[0] < 0.1")
    start = page.evaluate(f"{STATE}.balls[0].start")
    assert start == pytest.approx([0, 1.5], abs=0.03)
    page.locator(".stage > canvas").focus()
    page.keyboard.press("ArrowRight")
    until(page, f"{STATE}.balls[0].start[0] > 0.1")
    assert opened.wrong == []


def test_the_verdict_is_that_of_the_curvature(browser, studio):
    for rate, verdict in ((0.05, "crawls"), (0.5, "converges"), (1.5, "oscillates"), (2.1, "diverges")):
        opened = Opened(browser, studio.url, "play", {"surface": "parabola", "balls": [{"start": [-2], "rate": rate}]})
        assert opened.page.locator(".verdict").get_attribute("data-regime") == verdict
        assert "diverge from 2 on" in opened.page.locator(".verdict").inner_text()


UNSEEN = """[...document.querySelectorAll('.names span')].filter((one) => {
  const [box, row] = [one.getBoundingClientRect(), one.parentNode.getBoundingClientRect()];
  return one.scrollWidth > one.clientWidth || box.left < row.left - 1 || box.right > row.right + 1;
}).length"""


@pytest.mark.parametrize("width", [390, 1180])
def test_each_regime_on_the_bar_is_named(browser, studio, width):
    """They aren't known by their colours alone, however narrow a part is."""
    for optimizer in ("descent", "momentum", "nesterov"):
        ball = {"start": [-2, 1], "rate": 0.5, "optimizer": optimizer}
        state = {"surface": "bowl", "balls": [ball]}
        opened = Opened(browser, studio.url, "play", state, viewport={"width": width, "height": 800})
        shown = opened.page.locator(".names span").all_inner_texts()
        parts = opened.page.locator(".regimes:not(.names) span")
        assert (
            shown
            == ["crawls", "converges", "oscillates", "diverges"]
            == [parts.nth(i).get_attribute("title") for i in range(4)]
        )
        assert opened.page.evaluate(UNSEEN) == 0
        assert opened.wrong == []


def test_a_run_is_played_stepped_and_taken_back(browser, studio):
    opened = Opened(browser, studio.url, "play", {"surface": "bowl", "world": {"steps": 30}})
    page = opened.page
    counter = page.locator(".counter")
    page.get_by_role("button", name="Start").click()
    assert counter.inner_text() == "update 0"
    page.get_by_role("button", name="Step").click()
    assert counter.inner_text() == "update 1"
    page.get_by_role("button", name="Back").click()
    assert counter.inner_text() == "update 0"
    page.get_by_role("button", name="Run").click()
    until(page, "document.querySelector('.counter').textContent === 'update 30'")
    assert page.get_by_role("button", name="Run").is_visible()


def test_a_bad_formula_says_where(browser, studio):
    opened = Opened(browser, studio.url, "play", {"surface": "formula", "formula": "x^2 + y^2"})
    opened.page.get_by_label("Formula in x and y").fill("x^2 + foo(y)")
    opened.page.get_by_text("unknown name 'foo'").wait_for()


def test_the_prediction_follows_the_text(browser, studio):
    state = {"plan": {"steps": 6000, "peak": 0.003, "schedules": ["cosine"]}, "law": "law.json"}
    opened = Opened(browser, studio.url, "predict", state)
    page = opened.page
    law = laws.load(studio.folder / "law.json")
    for text in ("cosine", "warmup(2%) >> hold() >> cooldown(30%)"):
        page.locator("#schedule-0").fill(text)
        end = law.predict(laws.Rates.of_schedule(text, 6000, 0.003), 6000)[0]
        page.get_by_text(f"Predicted to end at {end:.4f}").wait_for()
    page.get_by_label("Updates").fill("100000")
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
    opened.page.wait_for_timeout(150)
    assert serious_violations(opened.page) == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_phone_scrolls_in_one_direction(browser, studio, room):
    opened = Opened(browser, studio.url, room, ROOMS[room], viewport={"width": 390, "height": 844}, is_mobile=True)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_curve_follows_a_drag(browser, studio):
    """At 100,000 updates; how fast is measured by `benchmarks/studio.py`."""
    opened = Opened(browser, studio.url, "predict", {"plan": {"steps": 100_000, "peak": 0.003}, "law": "law.json"})
    assert len(opened.page.evaluate(LATENCY)) == 12
    assert opened.wrong == []


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
    until(opened.page, "document.querySelectorAll('canvas').length >= 1")
    opened.page.wait_for_timeout(400)
    file = tmp_path / f"studio-{room}.png"
    opened.page.screenshot(path=file)
    if folder := os.environ.get("PICTURES"):
        Image.open(file).convert("RGB").quantize(220).save(Path(folder) / file.name, optimize=True)
    assert Image.open(DOCS / file.name).size == (size["width"], size["height"])
    assert sum(picture.stat().st_size for picture in DOCS.glob("studio-*.png")) < 600_000
