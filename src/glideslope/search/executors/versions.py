"""The versions of a worker are those of the search, as far as a result depends on them."""

from __future__ import annotations

import platform
import socket
from collections.abc import Mapping

from glideslope.errors import SearchError
from glideslope.search.storage.identity import version_of, versions


def versions_here() -> dict[str, str]:
    """The versions of Python, of Glideslope, and of each framework that is loaded."""
    return {"Python": ".".join(platform.python_version_tuple()[:2]), **versions(())}


def check_versions(expected: Mapping[str, str]) -> None:
    """Raises a SearchError unless this process has the same versions, but for what follows a "+", as of a build."""
    here = {"Python": ".".join(platform.python_version_tuple()[:2])}
    differing = [
        f"{name} {here_now or 'none'} instead of {version}"
        for name, version in expected.items()
        if _public(here_now := here.get(name) or version_of(name)) != _public(version)
    ]
    if differing:
        raise SearchError(
            f"the worker on {socket.gethostname()} has other versions than the search: {', '.join(differing)}; install "
            "the same on both"
        )


def _public(version: str) -> str:
    return version.partition("+")[0]
