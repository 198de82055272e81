"""Makes docs/report.png of the report that `make demo` left.

python benchmarks/report_picture.py runs/tune-digits-20260101-120000
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

WIDTH, HEIGHT, SCALE = 1080, 1400, 1


def main() -> None:
    report = Path(sys.argv[1]).resolve() / "report.html"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=SCALE)
        page.goto(report.as_uri())
        page.wait_for_timeout(300)
        chart = page.locator("section", has=page.get_by_role("heading", name="Losses of the full runs"))
        place = chart.locator(".u-over").bounding_box()
        page.mouse.move(place["x"] + 0.62 * place["width"], place["y"] + 0.12 * place["height"])
        page.wait_for_timeout(200)
        target = Path(__file__).parents[1] / "docs/report.png"
        page.screenshot(path=target)
        browser.close()
    print(f"{target}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
