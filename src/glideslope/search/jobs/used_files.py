"""The files that a job uses: those of its folder that this process loads or reads, as they are at that moment."""

from __future__ import annotations

import functools
import itertools
import os
import re
import sys
import threading
import time
from contextlib import suppress
from importlib.util import source_from_cache
from pathlib import Path
from typing import Any

from glideslope.errors import SearchError
from glideslope.search.jobs.contents import NONE, WRITTEN, content, is_code, with_names

_MOST = 10_000  # files besides code
_EVENTS = {  # of Python that tell of a file: which argument names it
    "open": 0, "import": 1, "ctypes.dlopen": 0, "os.listdir": 0, "os.scandir": 0, "os.remove": 0, "os.rename": 1,
    "os.link": 1, "os.symlink": 1,
}  # fmt: skip
_FOREIGN = re.compile(r"(?:^|/)(?:\.[^/]+|__pycache__|[^/]*(?:-packages|(?:egg|dist)-info)|python3\.\d+)(?:/|$)")
_FOR_OTHERS = ("pathlib", "glob", "os", "pkgutil", "shutil", "io", "tempfile", "tokenize", "linecache")
_OWN = ("glideslope.search", "glideslope.cli", "glideslope.views", "glideslope.files")


class UsedFiles:
    """Notes what is used of the folder of a file, while it is watched."""

    def __init__(self, file: str) -> None:
        named, real = os.path.dirname(os.path.abspath(file)), os.path.dirname(os.path.realpath(file))
        self.folder = os.path.realpath(named)
        self._roots = {real: os.path.relpath(real, self.folder), named: ".", self.folder: "."}
        self._placed = functools.lru_cache(_MOST)(self._placed_anew)
        self._files: dict[str, str] = {}
        self._before: dict[str, str] = {}  # of earlier searches, whose jobs may remember it
        self.searches: set[int] = set()  # that last

    def begin(self) -> None:
        """Begins anew, unless a search lasts, with what is as it was noted before and the modules that are loaded."""
        self.is_watched, before = True, self._before | self._files
        if not self.searches:
            self._since, self._files = time.time_ns(), {}
            self._before = {n: said for n, said in before.items() if said == content(f"{self.folder}/{n}", said)}
        for path in {getattr(module, "__file__", None) for module in list(sys.modules.values())}:
            if isinstance(path, str) and (name := self._name(os.path.abspath(path))) and name not in self._files:
                self._files[name] = content(path) if before.get(name, WRITTEN) == WRITTEN else before[name]

    def note(self, path: str, kind: str) -> None:
        """A file is "read" or "written", or a folder "listed"."""
        name = self._name(path, kind == "listed") if self.is_watched else None
        if name is None or not self._is_by_job(name):
            return
        # What is written is noted where it was read before: it is else a result of the job.
        if name in self._files if kind == "written" else is_code(name) or len(self._files) < _MOST:
            is_output = kind == "written" or (kind == "read" and not is_code(name) and self._is_new(path))
            self._files[name] = WRITTEN if is_output else content(path)

    def add(self, files: dict[str, str]) -> None:
        """Notes what another process has used, if it is here too. Raises a SearchError where it loaded other code."""
        for name, said in files.items():
            if said == NONE or name.endswith("/") or content(os.path.join(self.folder, name)) != NONE:
                if self._files.get(name, said) not in (said, WRITTEN) and said != WRITTEN and is_code(name):
                    raise SearchError(f"{name} has changed since the search began, and a worker loaded it: begin again")
                self._files[name] = WRITTEN if said == WRITTEN else self._files.get(name, said)

    def used(self, run_directory: Path | None = None, is_first: bool = False) -> dict[str, str]:
        """The content of each file by its path from the folder; `WRITTEN` for data that the job writes: they come after
        they were looked for or listed, or change in the first run. What is in the run directory is left out."""
        runs = Path(os.path.relpath(os.path.realpath(run_directory or self.folder), self.folder)).as_posix() + "/"
        for name, said in list(self._files.items()):
            path = f"{self.folder}/{name}"
            if name.endswith("/") and not name.startswith(runs) and self._is_new(path):
                self._note_new_files(name)
            if (is_first or said == NONE) and not is_code(name) and content(path, said) != said:
                self._files[name] = WRITTEN
        noted = self._before | self._files
        return with_names(self.folder, {name: noted[name] for name in noted if not name.startswith(runs)})

    def _note_new_files(self, folder: str) -> None:
        """Notes as written the data that came into a folder since the search began."""
        path = f"{self.folder}/{folder}"
        for file in next(os.walk(path), ("", (), ()))[2] if len(self._files) < _MOST else ():
            if self._is_new(path + file) and not is_code(file):
                self._files.setdefault(Path(folder, file).as_posix(), WRITTEN)

    def _is_new(self, path: str) -> bool:
        """Whether a file, or a folder's list of names, has changed since the search began, as what its job writes."""
        with suppress(OSError):
            return self._since < os.stat(path).st_mtime_ns <= time.time_ns()
        return False

    def _name(self, path: str, is_folder: bool = False) -> str | None:
        """The path of a file from the folder; None where it isn't noted."""
        place, name = (path, "") if is_folder else os.path.split(path)
        return None if (within := self._placed(place)) is None else Path(within, name).as_posix() + "/" * is_folder

    def _placed_anew(self, place: str) -> str | None:
        """The path of a folder from the job's; None where it isn't within, is hidden, or of an environment."""
        for path, (root, start) in itertools.product((place, os.path.realpath(place)), self._roots.items()):
            if not (within := os.path.relpath(path, root).replace(os.sep, "/") + "/").startswith("../"):
                return None if _FOREIGN.search(within) else os.path.normpath(os.path.join(start, within))
        return None

    def _is_by_job(self, name: str) -> bool:
        """Whether the job uses a file now; not where Glideslope does, or a library that looks for modules there."""
        frame: Any = sys._getframe(3)  # that of the code that makes the event
        while frame and frame.f_globals.get("__name__", "").partition(".")[0] in _FOR_OTHERS:
            frame = frame.f_back
        caller = frame.f_globals.get("__name__", "") if frame else ""
        if not name.endswith("/"):
            return not caller.startswith(_OWN)
        is_looked_in = name == "./" or os.path.join(self.folder, name[:-1]) in sys.path  # by whoever imports
        if is_looked_in and (frame is None or self._name(os.path.abspath(frame.f_code.co_filename)) is None):
            return False
        return not caller.startswith((*_OWN, "importlib"))


watched: dict[str, UsedFiles] = {}  # by the folder
_busy = threading.local()


def watch(file: str | os.PathLike[str]) -> UsedFiles:
    """Begins to note, anew, what is used of the folder of a file."""
    if not watched:
        sys.addaudithook(_hook)
    files = UsedFiles(os.fspath(file))
    watched.setdefault(files.folder, files).begin()
    return watched[files.folder]


def following(source: Any) -> UsedFiles:
    """What a search of a job, or of the function that makes it, uses: of the folder of its file or package; where it is
    of Glideslope, or of a notebook, of that of the script or of the working directory."""
    if (file := getattr(source, "here", None)) is not None:  # loading it has begun that
        known = watched.get(os.path.realpath(file.parent))
        return known if known and known.is_watched else watch(file)
    name = getattr(getattr(source, "func", source), "__module__", None) or type(source).__module__
    module = sys.modules.get("__main__" if name.startswith("glideslope.") else name)
    file = getattr(module, "__file__", None) or os.path.join(os.getcwd(), "notebook")
    for _ in range(name.count(".") + (os.path.basename(file) == "__init__.py")):
        file = os.path.dirname(file)
    return watch(file)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    """What is called at each event of this process that Python audits."""
    if event not in _EVENTS or getattr(_busy, "now", False):
        return
    _busy.now = True
    try:
        kind = "read" if event[:3] != "os." else "listed" if event in ("os.listdir", "os.scandir") else "written"
        path = os.fsdecode(arguments[_EVENTS[event]] or ("." if kind == "listed" else ""))  # of a number there is none
        if kind == "written" and arguments[-1] != -1:
            path = os.path.join(os.readlink(f"/proc/self/fd/{arguments[-1]}"), path)
        if event == "open" and arguments[2] & (os.O_WRONLY | os.O_TRUNC | os.O_APPEND):
            kind = "written"
        elif kind == "read" and path.endswith(".pyc"):
            with suppress(ValueError):  # it lies where its source would
                path = source_from_cache(os.path.abspath(path))
        for files in list(watched.values()) if path and (os.sep in path or event != "ctypes.dlopen") else ():
            files.note(os.path.abspath(path), kind)
    except Exception:  # a path that none can be, a file that is gone, an event that another audits
        return
    finally:
        _busy.now = False
