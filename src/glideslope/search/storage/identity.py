"""The identity of a search: its arguments, the code of its job, and the versions of what the code uses."""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from glideslope.errors import JobError
from glideslope.search.storage.modules import nodes, used, words
from glideslope.search.storage.stored import digest

_CODE = {".py", *importlib.machinery.all_suffixes()}
DATA, OF_DATA = "data files", "data in "
_MOST = 2**26  # bytes of a data file that are read
FRAMEWORKS = ("numpy", "torch", "jax", "jaxlib", "flax", "optax", "keras", "tensorflow")


def identity(command: str, place: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What makes a search the one that it is, as plain data: its command, its job, and all other arguments that change
    a result.

    The code is the job file, which has been run, and each module in its folder that it imports or names, also by way of
    others and within functions; data files are the others there that these name. Modules elsewhere aren't part of it.
    Raises a JobError if a file can't be read.
    """
    path, _, function = place.rpartition(":")
    file = _absolute(path)
    if not file.is_file() and (loaded := getattr(sys.modules.get(file.stem), "__file__", None)):
        file = _absolute(loaded)  # it changed the working directory
    try:
        files = sorted(used(file))
        code = {module: module.read_bytes() for module in files if module.suffix in _CODE}
        data = {other: _of_data(other) for other in files if other not in code}
    except OSError as error:
        raise JobError(f"{error.filename} can't be read: {error.strerror}") from error
    return {
        "command": command, "job": f"{file.name}:{function}", "folder": str(file.parent), **arguments,
        "code": {module.relative_to(file.parent).as_posix(): digest(source)
                 for module, source in code.items()},
        DATA: {other.relative_to(file.parent).as_posix(): said for other, said in data.items()},
        "versions": versions(code.values()),
    }  # fmt: skip


def written(search: dict[str, Any]) -> list[str]:
    """The names of the data files of an identity that have changed since, as those do that the job writes."""
    data, folder = search.get(DATA, {}), Path(search.get("folder", ""))
    return [name for name, said in data.items() if _of_data(folder / name) != said]


def _of_data(file: Path) -> str:
    """What tells the content of a data file: a checksum; of a large one its size."""
    try:
        if not file.is_file():
            return "none"
        if (size := file.stat().st_size) > _MOST:
            return f"{size:,} bytes"
        return digest(file.read_bytes())
    except OSError as error:
        return f"unreadable ({error.strerror})"


def versions(sources: Iterable[bytes]) -> dict[str, str]:
    """The versions of Glideslope and of each framework that is loaded, or that the sources name."""
    named = {name for source in sources for node in nodes(source) for name in words(node)}
    used = [name for name in FRAMEWORKS if name in named or name in sys.modules]
    return {name: version_of(name) or "none" for name in ("glideslope", *used)}


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What differs between two identities, each as "name: before → now". A data file of the second alone, which the job
    may have made, is no difference; nor is a framework of one alone, which the code doesn't name: something else loaded
    it.

    >>> differences({"steps": 400, "code": {"job.py": "1f"}}, {"steps": 500, "code": {"job.py": "2e"}})
    ['steps: 400 → 500', 'code of job.py: 1f → 2e']
    """
    one, other = dict(_flat(before)), dict(_flat(now))
    return [
        f"{name}: {one.get(name, 'none')} → {other.get(name, 'none')}"
        for name in {**one, **other}
        if one.get(name) != other.get(name)
        and (name in one or not name.startswith(OF_DATA))
        and (name in one.keys() & other.keys() or not name.startswith("version of "))
    ]


def _flat(search: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in search.items():
        if isinstance(value, dict) and name in ("code", "versions", DATA):
            lead = OF_DATA if name == DATA else f"{name.removesuffix('s')} of "
            yield from ((f"{lead}{part}", item) for part, item in value.items())
        else:
            yield name, value


def _absolute(file: str) -> Path:
    """The place of a file; a link to it stays one, since what it imports is beside the link."""
    return Path(file).parent.resolve() / Path(file).name


def version_of(name: str) -> str:
    loaded = getattr(sys.modules.get(name), "__version__", None)
    if isinstance(loaded, str):
        return str(loaded)
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
