"""The identity of a search: its arguments, the files that its job uses, and the versions of its frameworks."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glideslope.errors import RunDirectoryError
from glideslope.search.jobs.contents import WRITTEN, is_code, with_names

OF_DATA = ("data in ", "names in ")
FRAMEWORKS = ("numpy", "torch", "jax", "jaxlib", "flax", "optax", "keras", "tensorflow")


def identity(command: str, place: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What is searched: the command, the job and its folder, and all other arguments that change a result."""
    path, _, function = place.rpartition(":")
    file = Path(path)
    if not file.is_file() and (loaded := getattr(sys.modules.get(file.stem), "__file__", None)):
        file = Path(loaded)  # it changed the working directory
    return {"command": command, "job": f"{file.name}:{function}", "folder": str(file.parent.resolve()), **arguments}


def flat(search: Mapping[str, Any], files: Mapping[str, str], versions: Mapping[str, str]) -> dict[str, Any]:
    """All of an identity by names that a message has."""
    kinds = {name: "code of" if is_code(name) else OF_DATA[name.endswith("/")].strip() for name in files}
    of_files = {f"{kinds[name]} {name}": said for name, said in files.items()}
    return {**search, **of_files, **{f"version of {name}": version for name, version in versions.items()}}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two identities, each as "name: before → now".

    >>> differences({"steps": 400, "code of job.py": "1f"}, {"steps": 500, "code of job.py": "2e"})
    ['steps: 400 → 500', 'code of job.py: 1f → 2e']
    """
    return [
        f"{name}: {before.get(name, 'none')} → {now.get(name, 'none')}"
        for name in {**before, **now}
        if before.get(name) != now.get(name)
    ]


def joined(folder: str, before: dict[str, str], used: dict[str, str], has_results: bool) -> dict[str, str]:
    """The files that results depend on, of before and since. Raises a RunDirectoryError where code is another."""
    files = dict(before)
    for name, said in used.items():
        former = files.setdefault(name, said)
        if WRITTEN in (former, said) or not (former == said or has_results or is_code(name)):
            files[name] = WRITTEN
        elif former != said and is_code(name):
            raise RunDirectoryError(f"{name} has changed since the search was opened: begin again")
    return before if files == before else with_names(folder, files)


def versions(known: Mapping[str, str] = {}) -> dict[str, str]:
    """The versions of Glideslope and of each framework that is loaded, or that is known and installed."""
    names = {*known, "glideslope", *(name for name in FRAMEWORKS if name in sys.modules)}
    return {**known, **{name: version for name in sorted(names) if (version := version_of(name))}}


def version_of(name: str) -> str:
    """The version of a package that is loaded, or else installed; "" where there is none."""
    loaded = getattr(sys.modules.get(name), "__version__", None)
    if isinstance(loaded, str):
        return str(loaded)
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
