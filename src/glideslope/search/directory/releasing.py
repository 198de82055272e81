"""A search gives back the lock of its run directory when it ends."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from glideslope.search.directory.run_directory import RunDirectory

Search = TypeVar("Search", bound=Callable[..., Any])


def releasing(search: Search) -> Search:
    """A search that gives back the lock of its memory when it ends or raises, unless a report follows."""

    @functools.wraps(search)
    def released(*args: Any, **options: Any) -> Any:
        try:
            return search(*args, **options)
        finally:
            if isinstance(memory := options.get("memory"), RunDirectory) and not memory.is_locked_for_report:
                memory.release()

    return released  # type: ignore[return-value]
