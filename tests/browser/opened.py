"""A page of the studio that is opened in a browser, and what it is asked."""

import json
from pathlib import Path
from urllib.parse import quote

from tests.browser.watched import watched

EXAMPLES = Path(__file__).parents[2] / "examples"
STATE = "JSON.parse(decodeURIComponent(location.hash.split('/').slice(1).join('/')))"
"""The state that the address holds, which follows what is shown by a moment."""
ADDRESS = "location.href"
"""The address as the page has it: the one that a browser's driver has may lag behind."""


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


class Opened:
    """A page at a room, what it asked for, and what went wrong in it."""

    def __init__(self, browser, url, room, state=None, **options):
        address = f"{url}#{room}" + (f"/{quote(json.dumps(state))}" if state else "")
        self.page, self.asked, self.wrong = watched(browser, address, **options)
        self.page.locator("main[data-ready=true]").wait_for()
