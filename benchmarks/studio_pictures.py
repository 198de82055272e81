"""Makes docs/studio-draw.png and docs/studio-learn.png; the system needs a font with Korean.

python benchmarks/studio_pictures.py
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import sync_playwright

from glideslope.studio.background import Background

ROOT = Path(__file__).parents[1]
ROOMS = {
    "draw": {
        "schedules": ["interpolate([0%, 8%, 45%, 70%, 100%], [0, 1, 0.85, 0.35, 0])", "warmup(5%) >> cosine()"],
        "steps": 20_000, "peak": 1e-3,
    },
    "learn": {"lesson": 2},
}  # fmt: skip


def main() -> None:
    running = Background(ROOT / "examples")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for room, state in ROOMS.items():
            page = browser.new_page(viewport={"width": 1180, "height": 764})
            page.goto(f"{running.url}#{room}/{quote(json.dumps(state))}")
            page.locator("main[data-ready=true]").wait_for()
            page.wait_for_timeout(800)
            target = ROOT / f"docs/studio-{room}.png"
            page.screenshot(path=target)
            print(f"{target}: {target.stat().st_size:,} bytes")
    running.close()


if __name__ == "__main__":
    main()
