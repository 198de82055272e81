"""The identity of a search: its arguments, the code of its job, and the versions of what the code uses."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import sys
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from glideslope.errors import JobError

FRAMEWORKS = ("numpy", "torch", "jax", "jaxlib", "flax", "optax", "keras", "tensorflow")
_PACKAGE = Path(__file__).resolve().parents[1]


def identity(command: str, place: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What makes a search the one that it is, as plain data: its command, its job, and all other arguments that change
    a result.

    The code is the job file, which has been run, and each module in its folder that it imports, also by way of others
    and within functions; data files aren't part of it, nor are modules elsewhere. Raises a JobError if a file can't be
    read.
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


def modules(file: Path) -> set[Path]:
    """A Python file, and each module in its folder that it imports, directly or by way of others there."""
    folder = file.parent
    waiting, known = [file, *_loaded(folder)], set[Path]()
    while waiting:
        if (module := waiting.pop()) not in known:
            known.add(module)
            waiting += _imported(module, folder)
    return known


def versions(sources: Iterable[bytes]) -> dict[str, str]:
    """The versions of Glideslope and of each framework that is loaded, or that the sources name."""
    named = {name for source in sources for node in _nodes(source) for name in _names(node)}
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


def _loaded(folder: Path) -> list[Path]:
    """The files in a folder that are loaded as modules; those of an environment within it, and our own, left out."""
    environments = [prefix for prefix in map(Path, (sys.prefix, sys.base_prefix)) if folder in prefix.parents]
    files = []
    for name, module in list(sys.modules.items()):
        source = getattr(module, "__file__", None)
        if name == "__main__" or not isinstance(source, str) or not source.startswith(str(folder)):
            continue
        file = Path(source)
        if folder not in file.parents or not file.is_file() or _PACKAGE in file.parents:
            continue
        inside = file.relative_to(folder).parts
        hidden = any(part.startswith(".") or part.endswith("-packages") for part in inside)
        if not hidden and not any(environment in file.parents for environment in environments):
            files.append(file)
    return files


def _imported(module: Path, folder: Path) -> Iterator[Path]:
    """The files in a folder that a module there imports, by statements or by constant names."""
    source = module.read_bytes() if module.suffix == ".py" else b""
    for node in _nodes(source):
        if isinstance(node, ast.ImportFrom):
            start = module.parents[node.level - 1] if 0 < node.level <= len(module.parents) else folder
            within = [*(node.module or "").split(".")] if node.module else []
            for alias in node.names:
                yield from _files(start, [*within, alias.name], folder)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(folder, alias.name.split("."), folder)
        elif isinstance(node, ast.Call):  # import_module("helper"), run_path("helper.py")
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield from _files(folder, part.value.removesuffix(".py").split("."), folder)


def _files(start: Path, names: list[str], folder: Path) -> Iterator[Path]:
    """The files of a dotted name, those of the packages that it is in among them."""
    if not all(name.isidentifier() for name in names[:-1]) or not (names[-1].isidentifier() or names[-1] == "*"):
        return
    for depth in range(len(names) + 1):
        place = start.joinpath(*names[:depth])
        for file in ([place.with_suffix(".py")] if depth else []) + [place / "__init__.py"]:
            if folder in file.parents and file.is_file() and (depth or start != folder):
                yield file


def _absolute(file: str) -> Path:
    """The place of a file; a link to it stays one, since what it imports is beside the link."""
    return Path(file).parent.resolve() / Path(file).name


def _nodes(source: bytes) -> list[ast.AST]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # said when the module was loaded
            return list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError):  # no source, such as an extension module
        return []


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
