"""The size of a report of 40 runs of 100,000 updates, the time to make it, and when Chromium first paints it.

    python benchmarks/report.py

It needs Chromium and playwright. First paints are by the browser's own clock, from the navigation on, the median of
five openings from disk.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

import glideslope as gs
from glideslope.search.race import standings
from glideslope.search.runs.contestant import Contestant, Run
from glideslope.views import race

RUNS, UPDATES, OPENINGS = 40, 100_000, 5


def runs() -> list[list[Run]]:
    """Runs whose loss falls exponentially, with noise, half of them at a constant rate."""
    random = np.random.default_rng(0)
    t = np.arange(UPDATES)
    made = []
    for i in range(RUNS):
        losses = 2.3 * np.exp(-t / 20_000 * (1 + i / RUNS)) + 0.3 + 0.1 * random.standard_normal(UPDATES)
        ends = tuple((at, float(losses[at - 1])) for at in range(UPDATES // 20, UPDATES + 1, UPDATES // 20))
        schedule = gs.constant() if i < RUNS // 2 else gs.cosine()
        contestant = Contestant(schedule, round(1e-3 * 1.3 ** (i % (RUNS // 2)), 6))
        made.append([Run(contestant, UPDATES, 0, losses, ends, ends[-1][1], untrained=2.6)])
    return made


def first_paints(file: Path) -> list[float]:
    """Seconds until the browser paints the page, each time in a new one."""
    seconds = []
    with sync_playwright() as driver:
        for _ in range(OPENINGS):
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page()
            page.goto(file.as_uri())
            paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
            seconds.append(page.wait_for_function(paint).json_value() / 1000)
            browser.close()
    return seconds


def main() -> None:
    raced = standings(runs(), None, RUNS * UPDATES)
    begin = time.perf_counter()
    page = race.page(raced, "examples/digits.py:job")
    print(f"made in {time.perf_counter() - begin:.1f} s: {len(page.encode()) / 1e6:.2f} MB")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.html"
        file.write_text(page, encoding="utf-8")
        paints = first_paints(file)
    print(f"first paint: {statistics.median(paints):.2f} s, {min(paints):.2f} to {max(paints):.2f} s")


if __name__ == "__main__":
    main()
