"""Two searches in one folder at once, and locks that are left."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

import glideslope as gs
from faults.interruptions import wrong_after
from faults.small_search import RUNS, STEPS, finished, folder, in_child, job_file, loaded, prepared, right, searched
from faults.tally import Kinds
from glideslope.documents import sealed
from glideslope.search import race
from glideslope.search.directory.run_directory import RunDirectory
from glideslope.search.storage import lock
from glideslope.search.storage.identity import identity


def two_writers(seed: int) -> str | None:
    """Two searches of different jobs in one folder at once: each result is its job's, or one is refused."""
    random = np.random.default_rng(seed)
    out = folder() / "out"
    modes: list[dict[str, Any]] = [{}, {}]
    if seed % 3:
        shutil.copytree(finished(int(random.integers(2))), out)
        modes = [{("overwrite", "resume")[int(random.integers(2))]: True} for _ in range(2)]
    waits = random.uniform(0, 0.004, size=(2, 3))
    results: list[Any] = [None, None]

    def work(which: int) -> list[float]:
        slow = iter([*waits[which], *[0.0] * 1000])
        sys.addaudithook(lambda event, arguments: threading.Event().wait(next(slow)) if event == "os.link" else None)
        return searched(out, job_file(which), **modes[which])

    def writer(which: int) -> None:
        results[which] = in_child(lambda: work(which))

    threads = [threading.Thread(target=writer, args=(which,)) for which in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return _both_right(out, results, seed)


def _both_right(out: Path, results: list[Any], seed: int) -> str | None:
    for which, result in enumerate(results):
        if result is None or (isinstance(result, list) and result != right(which)):
            return f"seed {seed}: {result}, not {right(which)}"
    record = json.loads((out / "search.json").read_text())
    which = [0, 1][record["search"]["folder"] == str(job_file(1).parent)]
    problem = wrong_after(out, which)
    shutil.rmtree(out.parent)
    return problem and f"seed {seed}: {results}, {problem}"


def in_threads(seed: int) -> str | None:
    """Two threads of one process that search in one folder at once: one is refused, or both are right."""
    out = folder() / "out"
    file, results = job_file(0), list[Any]([None, None])
    ready = threading.Barrier(2)
    factory, search = loaded(file), identity("race", f"{file}:job", RUNS)

    def work(thread: int) -> None:
        try:
            ready.wait()
            directory = RunDirectory(out, search, overwrite=bool(seed % 2))
            raced = race(factory, RUNS["schedules"], STEPS, RUNS["peaks"], evaluations=2, memory=directory)
            results[thread] = [standing.mean for standing in raced.standings]
            directory.finish({"losses": results[thread]}, [], "")
        except gs.RunDirectoryError as error:
            results[thread] = str(error)
        except BaseException:
            results[thread] = [traceback.format_exc()]

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = [result for result in results if isinstance(result, list)]
    if not done:
        return f"seed {seed}: none has a result: {results}"
    held = json.loads((out / "result.json").read_text())["losses"]
    shutil.rmtree(out.parent)
    return None if done and all(result == right(0) for result in [*done, held]) else f"seed {seed}: {results}"


def locks(seed: int) -> str | None:
    """A lock is left: that of a dead process, of one whose number was taken again, of a start of the machine before,
    of another machine, of another container, or of a process that lives."""
    out = folder() / "out"
    shutil.copytree(finished(0), out)
    owner = lock.this_process()
    dead = in_child(os.getpid)
    changes: list[tuple[dict[str, Any], bool]] = [
        ({"pid": dead}, True), ({"started": f"{seed}"}, True), ({"boot": f"{seed}"}, True),
        ({"host": f"other{seed}", "pid": dead}, False), ({"space": f"pid:[{seed}]", "pid": dead}, False), ({}, False),
    ]  # fmt: skip
    change, free = changes[seed % len(changes)]
    (out / "search.lock").write_text(sealed(msgspec.to_builtins(owner) | change))
    result = in_child(lambda: searched(out, job_file(0), resume=True))
    shutil.rmtree(out.parent)
    if free:
        return None if result == right(0) else f"seed {seed}: {result}"
    return None if isinstance(result, str) and "delete" in result else f"seed {seed}: taken over: {result}"


KINDS: Kinds = {
    "writers": ("two processes that search in one folder", prepared(two_writers), 300),
    "threads": ("two threads that search in one folder", prepared(in_threads), 300),
    "locks": ("locks of processes dead, alive and elsewhere", prepared(locks), 300),
}
