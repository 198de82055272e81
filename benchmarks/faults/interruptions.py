"""Searches that are killed, or fail, at each of their file operations, and go on."""

from __future__ import annotations

import errno
import functools
import itertools
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from faults.small_search import RUNS, finished, folder, in_child, job_file, prepared, right, searched
from faults.tally import Kinds

EVENTS = {"open", "os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "os.chmod"}
OPERATIONS = 95
"""More than a search has that overwrites another."""


def at_operation(number: int, out: Path, act: Callable[[str], None]) -> None:
    """Does something before a file operation in a folder, counted from 0; in this process for good."""
    count = itertools.count()

    def operation(event: str, arguments: tuple[Any, ...]) -> None:
        if event in EVENTS and str(arguments[0]).startswith(str(out)) and next(count) == number:
            act(event)

    written = os.fsync

    def fsync(descriptor: int) -> None:
        operation("open", (out,))
        written(descriptor)

    sys.addaudithook(operation)
    os.fsync = fsync


def kill(event: str) -> None:
    """Ends this process."""
    os.kill(os.getpid(), signal.SIGKILL)


def fail(event: str) -> None:
    """The file operation fails."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), event)


def disturbed(out: Path, which: int, number: int, act: Callable[[str], None], **mode: Any) -> Any:
    """A search that something happens to at a file operation."""

    def work() -> list[float]:
        at_operation(number, out, act)
        return searched(out, job_file(which), **mode)

    return in_child(work)


def wrong_after(out: Path, which: int) -> str | None:
    """What is wrong where a search that was ended goes on: another result, or files left."""
    said = ""
    for mode in ({"resume": True}, {"overwrite": True}):  # an overwrite that didn't begin leaves the search before
        result = in_child(lambda mode=mode: searched(out, job_file(which), **mode))
        if isinstance(result, list):
            break
        if "target.py" not in (said := result):
            return f"refused without need: {said}"
    if result != right(which):
        return f"{result}, not {right(which)}; {said}"
    left = sorted(path.name for path in [*out.iterdir(), *(out / "finished").iterdir()])
    usual = 5 + len(RUNS["peaks"]) * 2
    if len(left) != usual or any("tmp" in name or "lock" in name for name in left):
        return f"left: {left}"
    if json.loads((out / "result.json").read_text())["losses"] != right(which):
        return "result.json is another's"
    return None


def interrupted(seed: int, act: Callable[[str], None]) -> str | None:
    """A search that something happens to: a new one, one that overwrites the other job's, also one that was killed at
    that, or a second resume."""
    kind, number = seed % 4, seed // 4
    out = folder() / "out"
    mode: dict[str, Any] = {}
    first = int(np.random.default_rng(seed).integers(10, 80))
    if kind in (1, 2):
        shutil.copytree(finished(1), out)
        mode = {"overwrite": True}
    if kind == 2:
        disturbed(out, 0, first, kill, **mode)
    if kind == 3:
        disturbed(out, 0, first, kill)
        mode = {"resume": True}
    result = disturbed(out, 0, number % OPERATIONS, act, **mode)
    if isinstance(result, list) and result != right(0):
        return f"{result}, not {right(0)}"
    problem = wrong_after(out, 0)
    shutil.rmtree(out.parent)
    return problem and f"seed {seed}: {problem}"


KINDS: Kinds = {
    "kills": ("searches killed at each file operation: new, overwriting once and twice, resumed twice",
              prepared(functools.partial(interrupted, act=kill)), 4 * OPERATIONS),
    "failures": ("searches of these kinds in which a file operation fails: each",
                 prepared(functools.partial(interrupted, act=fail)), 4 * OPERATIONS),
}  # fmt: skip
