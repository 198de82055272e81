"""What holds for every test."""

import contextlib
import fcntl
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from glideslope.cli import output

# A script's background job ignores interrupts, and so would the commands that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def seeds_are_fixed():
    """What a test draws without a seed of its own doesn't depend on the tests before it."""
    random.seed(0)
    np.random.seed(0)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(autouse=True)
def standard_output_is_taken_back():
    """A command that runs a job lends it standard output until the process ends, which a test's doesn't."""
    yield
    output.take_back()


@contextlib.contextmanager
def one_process_at_a_time(name):
    """Keeps two processes of the tests from what they can't do at once: build the site, or start a Ray cluster."""
    with (Path(tempfile.gettempdir()) / f"glideslope-tests-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # ends with the process
        yield


@pytest.fixture(scope="module")
def browser():
    """A browser, which ends with the tests of a file, since its event loop is in the way of asyncio in other tests.

    A test that needs it is skipped where there is none.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright isn't installed: pip install playwright")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("chromium isn't installed")
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        launched.close()
