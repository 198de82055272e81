"""The files that a job uses: those of its folder that this process loads or reads, as they are at that moment."""

from __future__ import annotations

import functools
import itertools
import os
import re
import sys
import threading
from importlib.util import source_from_cache
from pathlib import Path
from typing import Any

from glideslope.errors import SearchError
from glideslope.search.jobs.contents import NONE, WRITTEN, content, is_code, with_names

_MOST = 10_000  # files besides code
_EVENTS = {
    "open": (0, "read"), "import": (1, "read"), "os.listdir": (0, "listed"), "os.scandir": (0, "listed"),
    "os.remove": (0, "written"), **dict.fromkeys(("os.rename", "os.link", "os.symlink"), (1, "written")),
}  # fmt: skip
"""The events of Python that tell of a file: which argument names it, and what becomes of it."""
_FOREIGN = re.compile(r"(?:^|/)(?:\.[^/]+|__pycache__|[^/]*-packages|python3\.\d+)(?:/|$)")
_FOR_OTHERS = ("pathlib", "glob", "os", "pkgutil", "shutil", "io", "tempfile", "tokenize")  # open and list for others
_OWN = ("glideslope.search", "glideslope.cli", "glideslope.views", "glideslope.files", "linecache")


class UsedFiles:
    """Notes what is used of the folder of a file, while it is watched."""

    def __init__(self, file: str) -> None:
        named, real = os.path.dirname(os.path.abspath(file)), os.path.dirname(os.path.realpath(file))
        self.folder = os.path.realpath(named)
        self._roots = {real: os.path.relpath(real, self.folder), named: ".", self.folder: "."}
        self._placed = functools.lru_cache(_MOST)(self._placed_anew)
        self._files: dict[str, str] = {}

    def begin(self) -> None:
        """Begins anew: with the modules that are loaded already, as they were noted before, or else as they are."""
        self.is_watched, before, self._files = True, self._files, {}
        for path in {getattr(module, "__file__", None) for module in list(sys.modules.values())}:
            if isinstance(path, str) and (name := self._name(os.path.abspath(path))):
                said = before.get(name, WRITTEN)
                self._files[name] = content(path) if said == WRITTEN else said

    def note(self, path: str, kind: str) -> None:
        """A file is "read" or "written", or a folder "listed"."""
        name = self._name(path, kind == "listed")
        if name is None or (caller := self._caller(name)) is None:
            return
        if kind == "written":
            self._files[name] = WRITTEN
        elif is_code(name) and caller.startswith("importlib"):  # which loads it, again perhaps
            self._files[name] = content(path)
        elif name not in self._files and (is_code(name) or len(self._files) < _MOST):
            self._files[name] = NONE if kind == "listed" else content(path)

    def add(self, files: dict[str, str]) -> None:
        """Notes what another process has used, if it is here too. Raises a SearchError where it loaded other code."""
        for name, said in files.items():
            if said != NONE == content(os.path.join(self.folder, name)) and not name.endswith("/"):
                continue
            if self._files.setdefault(name, said) not in (said, WRITTEN) and said != WRITTEN and is_code(name):
                raise SearchError(f"{name} has changed since the search began, and a worker loaded it so: begin again")
            self._files[name] = WRITTEN if said == WRITTEN else self._files[name]

    def used(self, run_directory: Path | None = None, is_first: bool = False) -> dict[str, str]:
        """The content of each file, by its path from the folder; `WRITTEN` for what the job writes, in the first run
        also for data that have changed. The names in a folder that was listed are by its path and a slash. What is in
        the run directory is left out."""
        own = Path(os.path.relpath(os.path.realpath(run_directory or self.folder), self.folder)).as_posix()
        for name, said in list(self._files.items()) if is_first else ():
            if not name.endswith("/") and not is_code(name) and content(os.path.join(self.folder, name), said) != said:
                self._files[name] = WRITTEN
        left = {name: said for name, said in self._files.copy().items() if not name.startswith(f"{own}/")}
        return with_names(self.folder, left)

    def _name(self, path: str, is_folder: bool = False) -> str | None:
        """The path of a file from the folder; None where it isn't noted."""
        place, name = (path, "") if is_folder else os.path.split(path)
        within = self._placed(place)
        return None if within is None else Path(within, name).as_posix() + "/" * is_folder

    def _placed_anew(self, place: str) -> str | None:
        """The path of a folder from the job's; None where it isn't within, is hidden, or of an environment."""
        for path, (root, start) in itertools.product((place, os.path.realpath(place)), self._roots.items()):
            within = Path(os.path.relpath(path, root))
            if within.parts[:1] != (os.pardir,):
                return None if _FOREIGN.search(within.as_posix()) else os.path.normpath(start / within)
        return None

    def _caller(self, name: str) -> str | None:
        """The module that uses a file; None where that is Glideslope, or a library that looks for modules there."""
        frame: Any = sys._getframe(3)
        while frame and frame.f_globals.get("__name__", "").partition(".")[0] in _FOR_OTHERS:
            frame = frame.f_back
        caller = frame.f_globals.get("__name__", "") if frame else ""
        if name == "./" and not (frame and self._name(os.path.abspath(frame.f_code.co_filename))):
            return None
        return None if caller.startswith(_OWN) or (name.endswith("/") and caller.startswith("importlib")) else caller


watched: dict[str, UsedFiles] = {}
"""By the folder."""
_busy = threading.local()


def watch(file: str | os.PathLike[str]) -> UsedFiles:
    """Begins to note, anew, what is used of the folder of a file."""
    if not watched:
        sys.addaudithook(_hook)
    folder = os.path.realpath(os.path.dirname(os.path.abspath(file)))
    files = watched.setdefault(folder, UsedFiles(os.fspath(file)))
    files.begin()
    return files


def following(source: Any) -> UsedFiles:
    """What a search of a job, or of the function that makes it, uses: of the folder of its file or package; where it is
    of Glideslope, or of a notebook, of that of the script or of the working directory."""
    if (file := getattr(source, "here", None)) is not None:  # loading it has begun that
        files = watched.get(os.path.realpath(file.parent)) or watch(file)
        files.is_watched = True
        return files
    source = getattr(source, "func", source)
    name = getattr(source, "__module__", None) or type(source).__module__
    module = sys.modules.get("__main__" if name.startswith("glideslope.") else name)
    file = getattr(module, "__file__", None) or os.path.join(os.getcwd(), "notebook")
    for _ in range(name.count(".") + (os.path.basename(file) == "__init__.py")):
        file = os.path.dirname(file)
    return watch(file)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    """What is called at each event of this process that Python audits."""
    if event not in _EVENTS or getattr(_busy, "now", False):
        return
    which, kind = _EVENTS[event]
    path = arguments[which]
    if isinstance(path, int) or (path is None and event == "import"):
        return
    _busy.now = True
    try:
        path = os.path.abspath(os.fsdecode("." if path is None else path))
        if event == "open" and arguments[2] & (os.O_WRONLY | os.O_TRUNC | os.O_APPEND):
            kind = "written"
        elif kind == "read" and path.endswith(".pyc") and "__pycache__" in path:
            path = source_from_cache(path)
        for files in [files for files in list(watched.values()) if files.is_watched]:
            files.note(path, kind)
    except Exception:  # a path that none can be, or a file that is gone
        return
    finally:
        _busy.now = False
