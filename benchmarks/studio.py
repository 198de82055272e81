"""The studio in Debian's chromium: bytes of each room, its first paint, and from a drag to the curve of a prediction.

python benchmarks/studio.py
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import sync_playwright

from glideslope.studio.background import Background

ROOT = Path(__file__).parents[1]
ROOMS = ("draw", "predict", "play", "watch", "learn")
BYTES = """performance.getEntriesByType('resource').map((one) => [one.name, one.decodedBodySize])
  .filter(([name]) => !name.includes('/api/') && !name.includes('/events')).reduce((sum, [, size]) => sum + size, 0)"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def main() -> None:
    sys.path.insert(0, str(ROOT))
    from tests.browser.opened import LATENCY

    running = Background(ROOT / "examples")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for room in ROOMS:
            page = browser.new_context().new_page()
            page.goto(f"{running.url}#{room}")
            page.locator("main[data-ready=true]").wait_for()
            paint = page.wait_for_function(PAINT).json_value()
            print(f"{room}: {page.evaluate(BYTES) / 1000:.0f} KB, first paint after {paint:.0f} ms")
        page = browser.new_context().new_page()
        state = {"plan": {"steps": 100_000, "peak": 0.003}, "law": "law.json"}
        page.goto(f"{running.url}#predict/{quote(json.dumps(state))}")
        page.locator("main[data-ready=true]").wait_for()
        page.evaluate(LATENCY)
        times = [time for _ in range(5) for time in page.evaluate(LATENCY)]
        least, middle, most = min(times), statistics.median(times), statistics.quantiles(times, n=10)[-1]
        print(f"drag to curve: at least {least:.0f} ms, median {middle:.0f} ms, nine of ten under {most:.0f} ms")
    running.close()


if __name__ == "__main__":
    main()
