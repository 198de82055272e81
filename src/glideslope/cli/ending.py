"""How the process of a search ends: a job that ends it is noticed, since no search ends well without a result; and one
that is terminated, as by a scheduler that takes its machine, saves its run first."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from glideslope.cli import c_exit
from glideslope.cli.output import say_line

_ENDS: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in ("_exit", "execv", "execve")}
"""The functions of `os` that end the program at once, which no handler at exit sees; all others call these."""


def notice() -> None:
    """Makes an end of the process an error that a search names, until `ignore`; that of a child stays what it is."""
    process = os.getpid()
    for name, end in _ENDS.items():
        setattr(os, name, _noticing(name, end, process))
    c_exit.notice(lambda what: _end_without_result(what, 2))


def ignore() -> None:
    """Makes the functions what they were before `notice`."""
    for name, end in _ENDS.items():
        setattr(os, name, end)
    c_exit.ignore()


def _noticing(name: str, end: Callable[..., Any], process: int) -> Callable[..., Any]:
    from glideslope.search.jobs.calls import ProcessExit

    def ending(*args: Any) -> Any:
        if os.getpid() != process:
            return end(*args)
        call = f"os.{name}({', '.join(map(repr, args))})"
        code = args[0] if args and isinstance(args[0], int) else 0
        if threading.current_thread() is threading.main_thread():
            raise ProcessExit(call, code)
        return _end_without_result(f"a thread of the job called {call}", code or 2)

    return ending


def _end_without_result(what: str, status: int) -> Any:
    say_line(f"glideslope: {what}, so the search has no result; finished runs are kept")
    return _ENDS["_exit"](status)


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
