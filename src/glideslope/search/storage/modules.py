"""The files of a job: those in its folder that its code imports, or names to load or read them."""

from __future__ import annotations

import ast
import os
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_NAME = re.compile(r"[\w./*-]{1,200}(:\w+)?")  # texts that may name a module or a file
_LOADERS = {"importlib", "runpy", "pkgutil", "imp", "__import__", "exec"}
"""Where code names one of these, any text in it may be a module's name."""
_CALLS = {"import_module", "__import__", "run_module", "run_path", "find_spec", "resolve_name"}
_LISTERS = {"glob", "rglob", "iglob", "iterdir", "listdir", "scandir", "walk", "iter_modules", "walk_packages"}
"""Where it names one of these too, it may load each module of a folder."""
_DEEP = {"rglob", "walk", "walk_packages"}  # and of the folders in it
_DEEPEST = 20  # sums of texts
_MOST = 10_000  # entries of folders that are looked at


def used(file: Path) -> set[Path]:
    """A Python file, each module in its folder that it imports or names, directly or by way of others there, and each
    file there that these name."""
    folder = file.parent
    roots = [folder, *_places_of_imports(folder)]
    waiting, known = [file, *_loaded(folder)], set[Path]()
    while waiting:
        if (module := waiting.pop()) in known:
            continue
        known.add(module)
        code = _Code(nodes(module.read_bytes() if module.suffix == ".py" else b""), module.name == "__init__.py")
        named, passed = _named(code, [module.parent, *roots], folder)
        if code.adds_places and (more := [place for place in passed if place not in roots]):
            roots += more
            waiting += known
            known.clear()
        waiting += [*_imported(code, module, roots), *named]
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
    loaded = {getattr(module, "__file__", None) for name, module in list(sys.modules.items()) if name != "__main__"}
    files = [Path(source) for source in loaded if isinstance(source, str) and source.startswith(str(folder))]
    within = (file for file in files if folder in file.parents and _PACKAGE not in file.parents and file.is_file())
    return [file for file in within if not _is_foreign(file, folder)]


def _imported(code: _Code, module: Path, roots: list[Path]) -> Iterator[Path]:
    """The files in a folder, the first of the roots, that the code of a module there imports, or names by their dotted
    names: "package.module:Class", or ".module" beside it."""
    folder = roots[0]
    for node in code.every:
        if isinstance(node, ast.ImportFrom):
            within = [*(node.module or "").split(".")] if node.module else []
            starts = [module.parents[node.level - 1]] if 0 < node.level <= len(module.parents) else roots
            for alias in node.names:
                yield from _files(starts, [*within, alias.name], folder)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(roots, alias.name.split("."), folder)
    for text in code.texts:
        name = text.partition(":")[0]
        if "/" not in name and (code.loads or "." in name):
            yield from _files([module.parent] if name.startswith(".") else roots, name.lstrip(".").split("."), folder)


@dataclass(frozen=True)
class _Code:
    """What the nodes of a source say of files."""

    every: list[ast.AST]
    is_package: bool

    @cached_property
    def words(self) -> set[str]:
        """The names that it uses, those of modules and attributes among them."""
        return {word for node in self.every for word in words(node)}

    @cached_property
    def loads(self) -> bool:
        """Whether it may load a module by another way than an import; `__all__` of a package loads what it names."""
        return bool(_LOADERS & self.words) or (self.is_package and "__all__" in self.words)

    @cached_property
    def adds_places(self) -> bool:
        """Whether it may add a folder to `sys.path`."""
        return any(isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.path" for node in self.every)

    @cached_property
    def texts(self) -> set[str]:
        """The texts that may name a module or a file; what is computed in them is a star, as in f"models.{name}"."""
        said = {id(node.value) for node in self.every if isinstance(node, ast.Expr)}  # among them docstrings
        said |= {id(part) for node in self.every if isinstance(node, ast.JoinedStr) for part in node.values}
        texts = {_text(node) for node in self.every if id(node) not in said and _NAME.fullmatch(_text(node))}
        loaded = {_text(part) for node in self.every for part in _loaded_by(node)}
        return {text for text in texts if text in loaded or text.strip("*./") not in ("", "py")}


def _text(node: ast.AST, depth: int = 0) -> str:
    """A text in code, "" for anything else, or for what is put together from very many."""
    deeper = depth + 1
    match node:
        case _ if depth > _DEEPEST:
            return ""
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part, deeper) or "*" for part in parts)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            one, other = _text(left, deeper), _text(right, deeper)
            return f"{one or '*'}{other or '*'}" if one or other else ""
        case ast.BinOp(op=ast.Mod(), left=left):
            return re.sub(r"%\w", "*", _text(left, deeper))
        case ast.Call(func=ast.Attribute(value=value, attr="format")):
            return re.sub(r"\{\w*\}", "*", _text(value, deeper))
    return ""


def _loaded_by(node: ast.AST) -> list[ast.expr]:
    """What a call that loads a module is given."""
    return node.args if isinstance(node, ast.Call) and _CALLS & {*words(node.func)} else []


def words(node: ast.AST) -> list[str]:
    """The names in a node of code: those of modules, of what is imported from them, and of attributes among them."""
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [(node.module or "").partition(".")[0], *(alias.name for alias in node.names)]
    return [node.id] if isinstance(node, ast.Name) else [node.attr] if isinstance(node, ast.Attribute) else []


def _named(code: _Code, starts: list[Path], folder: Path) -> tuple[set[Path], list[Path]]:
    """The files that code names, part by part: `here / "models" / "small.py"`, "models." + "small"; and the folders on
    the way to them."""
    parts = {part for text in code.texts for part in re.split(r"[/:]", text)}
    stems = {stem for part in parts for stem in part.split(".")} if code.loads else set[str]()
    folders = {part.strip(".") for part in parts} | stems
    deep, lists = bool(_DEEP & code.words), code.loads and bool(_LISTERS & code.words)
    found = set[Path]()
    for pattern in _patterns(code.texts):  # f"{__name__}.{name}" is beside it
        found |= {file for start in (starts[:1] if pattern[0] == "*" else starts) for file in start.glob(pattern)}
    passed, looked_at = dict[Path, None](), 0
    waiting = [(start, True, False) for start in starts]
    while waiting and looked_at < _MOST:
        place, is_named, is_within = waiting.pop()
        for path in sorted(place.iterdir()) if os.access(place, os.R_OK) else ():
            looked_at += 1
            if path.is_dir():
                is_folder = path.name in folders or (deep and not path.is_symlink())
                if is_folder and path not in passed and not _is_foreign(path, folder) and not _is_again(path):
                    passed[path] = None
                    waiting.append((path, is_named and path.name in folders, path.name in folders))
            elif path.suffix != ".py":
                found |= {path} if is_named and "." in path.name and path.name in parts else set()
            elif path.name in parts or path.stem in stems or (lists and is_within):
                found.add(path)
    found |= {place / "__init__.py" for path in found if path.suffix == ".py" for place in path.parents}
    return {file for file in found if folder in file.parents and file.is_file()}, list(passed)


def _is_again(folder: Path) -> bool:
    """Whether a folder is one that it is in, by a link."""
    return any(folder.samefile(outer) for outer in folder.parents)


def _patterns(texts: set[str]) -> set[str]:
    """The patterns of paths that texts with stars are: "models/*.py" of "models.*"."""
    names = {text.partition(":")[0] for text in texts if "*" in text and "**" not in text and ".." not in text}
    paths = {name if name.endswith(".py") else f"{name.replace('.', '/')}.py" for name in names}
    return {pattern for path in paths if "*" in (pattern := re.sub(r"^([*.]*/)+", "", path))}


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
