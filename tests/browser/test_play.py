"""The room of balls in a browser."""

import json
from urllib.parse import quote

import pytest

from tests.browser.opened import STATE, Opened
from tests.browser.watched import until, watched


def test_a_press_on_the_surface_starts_the_ball_there(browser, studio):
    opened = Opened(
        browser,
        studio.url,
        "play",
        {"surface": "bowl", "balls": [{"start": [2, 2], "rate": 0.5}], "world": {"steps": 1}},
    )
    page = opened.page
    box = page.locator(".stage > canvas").bounding_box()
    page.mouse.click(box["x"] + 58 + (box["width"] - 70) / 2, box["y"] + 12 + (box["height"] - 56) / 4)
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


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"surface": "formula", "formula": "sqrt(x)"}, "no height where the ball starts"),
        ({"surface": "formula", "formula": "x y"}, "expected an operator"),
        ({"balls": [{"schedule": "cosin"}]}, "did you mean 'cosine'"),
    ],
)
def test_a_ball_that_has_no_way_has_no_verdict(browser, studio, state, says):
    page, _, _ = watched(browser, f"{studio.url}#play/{quote(json.dumps(state))}")
    until(page, "document.querySelector('.trouble')?.textContent")
    assert says in page.locator(".trouble").inner_text()
    assert page.locator(".verdict").inner_text() == ""


def test_a_surface_that_there_is_not_is_the_usual_one(browser, studio):
    opened = Opened(browser, studio.url, "play", {"surface": "nowhere"})
    assert opened.page.get_by_label("Surface", exact=True).input_value() == "ravine"
    assert opened.wrong == []


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


def test_a_curve_has_no_fields_of_y(browser, studio):
    opened = Opened(browser, studio.url, "play", {"surface": "parabola", "balls": [{"start": [-2], "rate": 0.5}]})
    along = [opened.page.get_by_label(name) for name in ("Rate along y, times", "Slope along y in 1 of")]
    assert not any(field.is_visible() for field in along)
    opened.page.get_by_label("Surface", exact=True).select_option("himmelblau")
    for field in along:
        field.wait_for(state="visible")


def test_noise_without_a_batch_is_said_to_be_none(browser, studio):
    opened = Opened(browser, studio.url, "play", {"surface": "bowl", "world": {"noise": 2}})
    opened.page.get_by_text("meets no noise: give a batch of 1 or more").wait_for()
    opened.page.get_by_label("Batch, 0 for all").fill("4")
    opened.page.keyboard.press("Tab")
    opened.page.get_by_text("meets no noise").wait_for(state="hidden")


SHOWN = """async (times) => {
  const { stage } = await import('./stage.js');
  const picture = stage(() => 0);
  document.querySelector('main').append(picture.root);
  const ways = times.map((at) => ({ at, positions: [at, at], losses: at }));
  const chart = { xs: [[0, 1]], series: [], groups: [], spans: [], marks: [], x: 'update', y: 'loss' };
  picture.show({ dimensions: 2, window: [[-1, 1], [-1, 1]], height: [0, 1, 2, 3], chart, balls: ways }, 0);
  const frames = [];
  for (let frame = 0; frame < 6; frame++) {
    picture.go(frame);
    const update = Number(picture.root.querySelector('.counter').textContent.split(' ')[1]);
    frames.push([update, picture.surface.ways.map(({ way, upto }) => way.at[upto])]);
  }
  return frames;
}"""


@pytest.mark.parametrize(
    ("times", "frames"),
    [
        ([[0, 1, 2, 4, 8], [0, 1, 2, 3]], [(0, [0, 0]), (1, [1, 1]), (2, [2, 2]), (4, [4, 3]), (8, [8, 3])]),
        ([[0, 1, 2, 3, 4, 5], [0, 4, 8]], [(0, [0, 0]), (4, [4, 4]), (8, [5, 8])]),
    ],
)
def test_balls_are_shown_after_the_same_update(browser, studio, times, frames):
    """A batch that grows makes fewer updates, of which others are kept than of the balls beside it."""
    opened = Opened(browser, studio.url, "play", {"surface": "bowl"})
    shown = opened.page.evaluate(SHOWN, times)
    assert [tuple(each) for each in shown] == frames + [frames[-1]] * (6 - len(frames))
    assert opened.wrong == []


def test_places_without_a_slope_are_those_of_the_surface_that_is_shown(browser, studio):
    """Neither those of a formula before, nor those whose answer comes after another was typed, are marked."""
    opened = Opened(browser, studio.url, "play", {"surface": "formula", "formula": "x^2 + y^2"})
    page = opened.page
    said = page.locator(".why p[aria-live]")
    page.get_by_role("button", name="Solve this surface").click()
    said.get_by_text("1 × minimum ▽").wait_for()
    page.get_by_label("Formula in x and y").fill("x^2 - y^2")
    until(page, lambda: said.inner_text() == "")
    with page.expect_response(lambda response: "api/solve" in response.url):
        page.get_by_role("button", name="Solve this surface").click()
        page.get_by_label("Formula in x and y").fill("x")
    page.wait_for_timeout(200)
    assert said.inner_text() == ""
    page.get_by_label("Formula in x and y").fill("x^2 - y^2")
    page.get_by_role("button", name="Solve this surface").click()
    said.get_by_text("1 × saddle ◇").wait_for()
    assert opened.wrong == []


@pytest.mark.parametrize("room", ["play", "learn"])
def test_what_the_keyboard_comes_to_does_something(browser, studio, room):
    """A picture that is only seen is no stop, nor is a table that there isn't yet."""
    opened = Opened(browser, studio.url, room, {"surface": "bowl"} if room == "play" else {"lesson": 1})
    assert opened.page.locator("canvas[tabindex]").count() == (1 if room == "play" else 0)
    stops = opened.page.locator(".scroll[tabindex]")
    assert not any(stop.is_visible() for stop in stops.all())


DRAWN = """() => {
  window.drawn = [];
  const context = document.querySelector('.stage > canvas').getContext('2d');
  for (const name of ['clearRect', 'lineTo', 'fillText']) {
    const act = context[name].bind(context);
    context[name] = (...given) => { window.drawn.push(name === 'fillText' ? given[0] : name); act(...given); };
  }
}"""


def test_no_way_hides_a_ball(browser, studio):
    """The balls are drawn after all ways, the one that is chosen last."""
    balls = [{"start": [2, 2], "rate": rate} for rate in (1.99, 0.01, 0.5)]
    opened = Opened(browser, studio.url, "play", {"surface": "bowl", "balls": balls})
    opened.page.evaluate(DRAWN)
    opened.page.get_by_role("button", name="Back").click()
    drawn = opened.page.evaluate("window.drawn")
    assert drawn.count("clearRect") == 1
    assert drawn.count("lineTo") > 100
    assert drawn[-3:] == ["2", "3", "1"]


def test_a_bad_formula_says_where(browser, studio):
    opened = Opened(browser, studio.url, "play", {"surface": "formula", "formula": "x^2 + y^2"})
    opened.page.get_by_label("Formula in x and y").fill("x^2 + foo(y)")
    opened.page.get_by_text("unknown name 'foo'").wait_for()
