"""The identity of a search: its arguments, the code of its job, and the versions of what the code uses."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from glideslope.errors import JobError
from glideslope.search.storage.modules import modules, nodes

FRAMEWORKS = ("numpy", "torch", "jax", "jaxlib", "flax", "optax", "keras", "tensorflow")


def identity(command: str, place: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What makes a search the one that it is, as plain data: its command, its job, and all other arguments that change
    a result.

    The code is the job file, which has been run, and each module in its folder that it imports or names, also by way of
    others and within functions; data files aren't part of it, nor are modules elsewhere. Raises a JobError if a file
    can't be read.
    """
    path, _, function = place.rpartition(":")
    file = _absolute(path)
    if not file.is_file() and (loaded := getattr(sys.modules.get(file.stem), "__file__", None)):
        file = _absolute(loaded)  # it changed the working directory
    try:
        code = {module: module.read_bytes() for module in modules(file)}
    except OSError as error:
        raise JobError(f"{error.filename} can't be read: {error.strerror}") from error
    return {
        "command": command, "job": f"{file.name}:{function}", "folder": str(file.parent), **arguments,
        "code": {module.relative_to(file.parent).as_posix(): hashlib.sha256(source).hexdigest()[:16]
                 for module, source in sorted(code.items())},
        "versions": versions(code.values()),
    }  # fmt: skip


def versions(sources: Iterable[bytes]) -> dict[str, str]:
    """The versions of Glideslope and of each framework that is loaded, or that the sources name."""
    named = {name for source in sources for node in nodes(source) for name in _names(node)}
    used = [name for name in FRAMEWORKS if name in named or name in sys.modules]
    return {name: version for name in ("glideslope", *used) if (version := version_of(name))}


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What differs between two identities, each as "name: before → now".

    >>> differences({"steps": 400, "code": {"job.py": "1f"}}, {"steps": 500, "code": {"job.py": "2e"}})
    ['steps: 400 → 500', 'code of job.py: 1f → 2e']
    """
    one, other = dict(_flat(before)), dict(_flat(now))
    return [
        f"{name}: {one.get(name, 'none')} → {other.get(name, 'none')}"
        for name in {**one, **other}
        if one.get(name) != other.get(name)
    ]


def _flat(search: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in search.items():
        if isinstance(value, dict) and name in ("code", "versions"):
            yield from ((f"{name.removesuffix('s')} of {part}", item) for part, item in value.items())
        else:
            yield name, value


def _absolute(file: str) -> Path:
    """The place of a file; a link to it stays one, since what it imports is beside the link."""
    return Path(file).parent.resolve() / Path(file).name


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [(node.module or "").partition(".")[0], *(alias.name for alias in node.names)]
    return [node.attr] if isinstance(node, ast.Attribute) else []


def version_of(name: str) -> str:
    loaded = getattr(sys.modules.get(name), "__version__", None)
    if isinstance(loaded, str):
        return str(loaded)
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
