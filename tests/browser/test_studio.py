"""The studio in a browser: used by mouse and by keyboard, read by anyone, and asking nobody but its own server."""

import json
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest

import glideslope as gs

playwright = pytest.importorskip("playwright.sync_api", reason="playwright isn't installed: pip install playwright")
pytest.importorskip("uvicorn", reason="the extra studio isn't installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium isn't installed")
AXE = (Path(__file__).parent / "axe.min.js").read_text()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    from glideslope.studio.background import Background

    running = Background(tmp_path_factory.mktemp("studio"))
    yield running
    running.close()


class Opened:
    """A page at a room, what it asked for, and what went wrong in it."""

    def __init__(self, browser, url, room, state=None, **options):
        self.page = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options}).new_page()
        self.asked, self.wrong = [], []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.wrong.append(message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.goto(f"{url}#{room}" + (f"/{quote(json.dumps(state))}" if state else ""))
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
    handle.dispatchEvent(event('pointermove', 3 + i));
    while (!performance.getEntriesByName('drawn').length) await new Promise((go) => setTimeout(go, 1));
    frames.push(performance.getEntriesByName('drawn')[0].startTime - performance.getEntriesByName('drag')[0].startTime);
    handle.dispatchEvent(event('lostpointercapture', 0));
    await new Promise((go) => setTimeout(go, 30));
  }
  return frames;
}"""
