"""A search that is terminated, as by a scheduler that takes its machine: it saves its run, and ends as interrupted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def terminated_after_saving() -> Iterator[None]:
    """Within it the first SIGTERM ends the search after it saved its run, and a second one ends the process."""
    from glideslope.search.directory.stop_request import end_after_saving

    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        end_after_saving()

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
