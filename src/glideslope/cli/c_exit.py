"""A library that calls `exit` of C ends the process without a word to Python: while jobs run, that is noticed."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from functools import cache
from itertools import islice
from typing import Any

from glideslope.callers import callers

_noticed: tuple[int, Callable[[str], object]] | None = None
"""The process whose end is noticed, and what is called then."""


def notice(end: Callable[[str], object]) -> None:
    """Calls a function where the process is ended by `exit` or `quick_exit` of C, until `ignore`; with what ended it,
    in words. Not on systems whose C library can't take a handler back, which Python's own end would call too late."""
    global _noticed
    if _noticed is None and (library := _library()) is not None:
        library.__cxa_atexit(_handler(), None, _place())
        atexit.register(ignore)  # before Python, which the handler needs, is no more
        _noticed = os.getpid(), end


def ignore() -> None:
    """Takes the handler back."""
    global _noticed
    if _noticed is not None:
        _noticed = None
        _library().__cxa_finalize(_place())  # calls the handler once more, and forgets it


@cache
def _handler() -> Any:
    """The function that C calls; it lives as long as the process, since `quick_exit` can't forget it."""
    import ctypes

    handler = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(_ended)
    if (quick := getattr(_library(), "__cxa_at_quick_exit", None)) is not None:
        quick(handler, _place())
    return handler


@cache
def _place() -> Any:
    """An address, by which C knows our handler from others."""
    import ctypes

    return ctypes.pointer(ctypes.c_char())


def _ended(_: int | None) -> None:
    if _noticed is not None and os.getpid() == _noticed[0]:  # the end of a child is its own
        place = "".join(f" in {frame.f_code.co_filename}, line {frame.f_lineno}," for frame in islice(callers(), 1, 2))
        _noticed[1](f"the job{place} ended the process by exit() of a C library")


@cache
def _library() -> Any:
    """The C library, where it is one that takes handlers back."""
    if sys.platform not in ("linux", "darwin"):
        return None
    import ctypes

    library = ctypes.CDLL(None)
    return library if sys.platform == "darwin" or hasattr(library, "gnu_get_libc_version") else None
