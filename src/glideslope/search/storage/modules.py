"""The files of a job's code: those in its folder that it imports, or names to load them."""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_NAME = re.compile(r"[\w./*-]{1,200}(:\w+)?")  # texts that may name a module or a file
_LOADERS = {"importlib", "runpy", "pkgutil", "imp", "__import__", "exec"}
"""Where code names one of these, any text in it may be a module's name."""
_MOST = 1000  # nodes within a call or a sum that are looked at; long tables have more


def modules(file: Path) -> set[Path]:
    """A Python file, and each module in its folder that it imports or names, directly or by way of others there."""
    folder = file.parent
    waiting, known = [file, *_loaded(folder)], set[Path]()
    roots = [folder, *_places_of_imports(folder)]
    while waiting:
        if (module := waiting.pop()) not in known:
            known.add(module)
            waiting += _imported(module, roots)
    return known


def _places_of_imports(folder: Path) -> list[Path]:
    """The folders within a folder in which imports look, where the code put them on `sys.path`."""
    places = (Path(entry).resolve() for entry in sys.path if entry)
    return [place for place in places if folder in place.parents and not _is_foreign(place, folder)]


def _is_foreign(place: Path, folder: Path) -> bool:
    """Whether a place within a folder belongs to an environment, or is hidden."""
    environments = [prefix for prefix in map(Path, (sys.prefix, sys.base_prefix)) if folder in prefix.parents]
    hidden = any(part.startswith(".") or part.endswith("-packages") for part in place.relative_to(folder).parts)
    return hidden or any(environment in (place, *place.parents) for environment in environments)


def _loaded(folder: Path) -> list[Path]:
    """The files in a folder that are loaded as modules; those of an environment within it, and our own, left out."""
    files = []
    for name, module in list(sys.modules.items()):
        source = getattr(module, "__file__", None)
        if name == "__main__" or not isinstance(source, str) or not source.startswith(str(folder)):
            continue
        file = Path(source)
        if folder not in file.parents or not file.is_file() or _PACKAGE in file.parents:
            continue
        if not _is_foreign(file, folder):
            files.append(file)
    return files


def _imported(module: Path, roots: list[Path]) -> Iterator[Path]:
    """The files in a folder, the first of the roots, that a module there imports, or names to load them."""
    folder = roots[0]
    every = nodes(module.read_bytes() if module.suffix == ".py" else b"")
    for node in every:
        if isinstance(node, ast.ImportFrom):
            within = [*(node.module or "").split(".")] if node.module else []
            starts = [module.parents[node.level - 1]] if 0 < node.level <= len(module.parents) else roots
            for alias in node.names:
                yield from _files(starts, [*within, alias.name], folder)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(roots, alias.name.split("."), folder)
    for text in _named(every):
        if "/" not in text and not text.endswith(".py"):  # "package.module:Class", or ".module" beside it
            name = text.partition(":")[0]
            yield from _files([module.parent] if name.startswith(".") else roots, name.lstrip(".").split("."), folder)
            text = f"{name.replace('.', '/')}.py"
        if "*" in text or "/" in text or text.endswith(".py"):
            for start in {module.parent, *roots}:
                yield from (file for file in _matching(start, text) if folder in file.parents)


def _named(every: list[ast.AST]) -> Iterator[str]:
    """The texts in code that may name a module or a file; in a call or a path, joined: `folder / "models" / "a.py"`."""
    loads = any(_LOADERS & {*_words(node)} for node in every)
    for node in every:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _NAME.fullmatch(node.value):
            if loads or re.search(r"[./]", node.value):
                yield node.value
        elif isinstance(node, ast.JoinedStr):  # f"models.{name}"
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)
            if _NAME.fullmatch(text):
                yield text.lstrip("*/")
        elif isinstance(node, ast.Call | ast.BinOp):
            parts = islice(ast.walk(node), _MOST)
            values = [part.value for part in parts if isinstance(part, ast.Constant)]
            texts = [value for value in values if isinstance(value, str) and _NAME.fullmatch(value)]
            if isinstance(node, ast.Call):
                yield from texts
                yield from (f"{package}{text}" for text in texts if text.startswith(".") for package in texts)
            for last in range(2, min(len(texts), 8) + 1):
                yield "/".join(texts[:last])
                yield "/".join(reversed(texts[:last]))  # a path's outer part is walked through first


def _words(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [(node.module or "").partition(".")[0]]
    return [node.id] if isinstance(node, ast.Name) else []


def _matching(start: Path, pattern: str) -> list[Path]:
    """The files of a relative path, which may have a star, in a folder."""
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or "**" in pattern or not pattern.endswith(".py"):
        return []
    if "*" in pattern:
        return [file for file in start.glob("/".join(parts)) if file.is_file()]
    return [start.joinpath(*parts)] if start.joinpath(*parts).is_file() else []


def _files(starts: list[Path], names: list[str], folder: Path) -> Iterator[Path]:
    """The files of a dotted name, those of the packages that it is in among them."""
    if not all(name.isidentifier() for name in names[:-1]) or not (names[-1].isidentifier() or names[-1] == "*"):
        return
    is_package = len(starts) == 1 and starts[0] != folder  # from which a relative import begins
    for start in starts:
        for depth in range(0 if is_package else 1, len(names) + 1):
            place = start.joinpath(*names[:depth])
            for file in ([place.with_suffix(".py")] if depth else []) + [place / "__init__.py"]:
                if folder in file.parents and file.is_file():
                    yield file


def nodes(source: bytes) -> list[ast.AST]:
    """All nodes of a source; none of what isn't one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # said when the module was loaded
            return list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError):  # no source, such as an extension module
        return []
