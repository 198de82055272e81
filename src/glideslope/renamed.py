"""Arguments that had another name."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
Result = TypeVar("Result")


def was_called(before: str, now: str) -> Callable[[Callable[P, Result]], Callable[P, Result]]:
    """Lets a function take an argument by the name that it had before, with a warning."""

    def decorated(function: Callable[P, Result]) -> Callable[P, Result]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> Result:
            options: dict[str, Any] = kwargs
            if before in options and now not in options:
                warnings.warn(f"{before}= is called {now}= now", DeprecationWarning, stacklevel=2)
                options[now] = options.pop(before)
            return function(*args, **kwargs)

        call.__dict__["old_names"] = [before, *old_names(function)]
        return call

    return decorated


def old_names(function: Callable[..., Any]) -> list[str]:
    """The old names by which a function takes arguments.

    >>> old_names(was_called("lr", "schedule")(lambda schedule: schedule))
    ['lr']
    """
    names: list[str] = getattr(function, "old_names", [])
    return names
