"""Folders with files of the user's own, and searches whose job, place, options or versions changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

import glideslope as gs
from faults.interruptions import at_operation, kill, wrong_after
from faults.small_search import RUNS, STEPS, finished, folder, in_child, job_file, prepared, right, searched
from faults.tally import Kinds
from glideslope.search.storage import identity

NAMES = ("report.html", "runs.csv", "result.json", "search.json", "search.lock", "finished/mine.json", "finished",
         "finished/0123456789abcdef.json", "notes.txt", ".report.html.tmp", "finished/.mine.tmp")  # fmt: skip


def users_files(seed: int) -> str | None:
    """The user's own files of the same names, and links to files and folders elsewhere: none is changed."""
    random = np.random.default_rng(seed)
    place = folder()
    out, elsewhere = place / "out", place / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("mine")
    (elsewhere / "mine.json").write_text("mine")
    if random.random() < 0.5:
        shutil.copytree(finished(0), out)
    else:
        out.mkdir()
    for name in random.choice(NAMES, size=int(random.integers(1, 3)), replace=False):
        _put(out / str(name), elsewhere, int(random.integers(4)))
    before = contents(place)
    mine = {path: content for path, content in before.items() if "mine" in content or "elsewhere" in path}
    modes: list[dict[str, Any]] = [{}, {"overwrite": True}, {"resume": True}]
    with suppress(gs.RunDirectoryError):
        result = searched(out, job_file(0), **modes[int(random.integers(3))])
        if result != right(0):
            return f"seed {seed}: {result}"
    after = contents(place)
    lost = [path for path, content in mine.items() if after.get(path) != content]
    shutil.rmtree(place)
    return f"seed {seed}: lost {lost}" if lost else None


def _put(path: Path, elsewhere: Path, kind: int) -> None:
    """The user's file, link to a file, link to a folder, or folder there; but not in what is no folder."""
    if path.parent.exists() and not path.parent.is_dir():
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    if kind == 0:
        path.write_text("mine")
    elif kind == 3:
        path.mkdir()
        (path / "file").write_text("mine")
    else:
        path.symlink_to(elsewhere / "file" if kind == 1 else elsewhere)


def contents(place: Path) -> dict[str, str]:
    """Each file in a folder with its content, each link with where it goes."""
    paths = [path for path in place.rglob("*") if path.is_symlink() or path.is_file()]
    return {
        str(path): f"mine: link to {os.readlink(path)}" if path.is_symlink() else path.read_text(errors="replace")
        for path in paths
    }


def changed(seed: int) -> str | None:
    """Something changes between a kill and going on: it is named and refused; accepted, the results of before stay."""
    random = np.random.default_rng(seed)
    place = folder()
    for name in ("job.py", "target.py"):
        shutil.copy(job_file(0).parent / name, place / name)
    out, file = place / "out", place / "job.py"

    def before() -> list[float]:
        at_operation(int(random.integers(10, 70)), out, kill)
        return searched(out, file)

    result = in_child(before)
    has_record = (out / "search.json").exists()
    runs = {path.name: path.read_bytes() for path in (out / "finished").glob("*.json")}
    kind = ("job.py", "target.py", "folder", "version of numpy", "version of glideslope", "steps")[seed % 6]
    after = _change(kind, place, file)
    refused = in_child(lambda: after(resume=True))
    if not has_record:
        return None if isinstance(refused, list) else f"seed {seed}: {refused}"
    if not isinstance(refused, str) or kind not in refused:
        return f"seed {seed}: {kind} not named: {refused}, at first {result}"
    accepted = in_child(lambda: after(resume=True, accept_changes=True))
    kept = {path.name: path.read_bytes() for path in (out / "finished").glob("*.json")}
    shutil.rmtree(place)
    if not isinstance(accepted, list) or not runs.items() <= kept.items():
        return f"seed {seed}: {kind} accepted, but {accepted}"
    return None


def _change(kind: str, place: Path, file: Path) -> Callable[..., Any]:
    """Makes a change; returns a search that begins after it."""
    out = place / "out"
    if kind in ("job.py", "target.py"):
        (place / kind).write_text((place / kind).read_text() + "\n")
    elif kind == "folder":
        (moved := place / "moved").mkdir()
        for name in ("job.py", "target.py"):
            shutil.move(place / name, moved / name)
        file = moved / "job.py"

    def after(**mode: Any) -> list[float]:
        version = identity.version_of
        identity.version_of = lambda name: "9.9" if kind == f"version of {name}" else version(name)
        if kind == "steps":
            RUNS["steps"] = STEPS + 1  # in a fork
        return searched(out, file, **mode)

    return after


NOBODY = 65_534


def read_only(seed: int) -> str | None:
    """The folder, that of finished runs, or the one around can't be written to: an error, or the right result."""
    place = folder()
    out, existing = place / "out", seed % 4 > 0
    if existing:
        shutil.copytree(finished(0), out)
    closed = (place, place, out, out / "finished")[seed % 4]
    mode = ({"resume": True}, {"overwrite": True})[seed // 4 % 2]
    searched(out if existing else folder() / "out", job_file(0), resume=existing)  # loads what a fork can't
    for path in (place.parent, place, *place.rglob("*")):
        path.chmod(0o777)
    closed.chmod(0o555)

    def work() -> list[float]:
        if os.getuid() == 0:  # who may write everywhere
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        return searched(out, job_file(0), **mode)

    result = in_child(work)
    closed.chmod(0o777)
    problem = wrong_after(out, 0)
    shutil.rmtree(place)
    fine = result == right(0) if existing and closed == place else isinstance(result, str)
    return None if fine and not problem else f"seed {seed}: {result}, {problem}"


KINDS: Kinds = {
    "read-only": ("folders that can't be written to", prepared(read_only), 100),
    "users-files": ("folders with the user's own files and links", prepared(users_files), 1_000),
    "changes": ("jobs, folders, versions and options changed before --resume", prepared(changed), 300),
}
