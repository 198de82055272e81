"""Run directories: searches killed at each file operation, files damaged, two writers, files that no search made."""

from __future__ import annotations

import errno
import functools
import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

import glideslope as gs
from faults.tally import Kinds, seeded
from glideslope.documents import sealed
from glideslope.search import lock, race
from glideslope.search.identity import identity
from glideslope.search.job import load_job
from glideslope.search.run_directory import RunDirectory

JOB = """
from target import TARGET
class Quadratic:
    def __init__(self): self.w = 10.0
    def step(self, lr):
        loss = self.evaluate()
        self.w -= lr * (self.w - TARGET)
        return loss
    def evaluate(self): return (self.w - TARGET) ** 2 / 2 + TARGET
    def state(self): return self.w
    def restore(self, state): self.w = state
def job(seed): return Quadratic()
"""
TARGETS = (1.0, 5.0)
"""Of two jobs; the losses of each end there."""
STEPS = 8
RUNS = {"steps": STEPS, "schedules": ["linear()"], "peaks": [0.3, 0.9]}
EVENTS = {"open", "os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "os.chmod"}
_MEMORY = Path("/dev/shm")
_HELD = tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None)
_NUMBERS = itertools.count()


def folder() -> Path:
    """A new folder."""
    path = Path(_HELD.name) / f"{os.getpid()}-{next(_NUMBERS)}"
    path.mkdir()
    return path


@functools.cache
def job_file(which: int) -> Path:
    """The job file of one of the two jobs, its target in a module beside it."""
    place = folder()
    (place / "target.py").write_text(f"TARGET = {TARGETS[which]}\n")
    (place / "job.py").write_text(JOB)
    return place / "job.py"


def searched(out: Path, file: Path, **mode: Any) -> list[float]:
    """What the command `race` does with a run directory: the final losses of the search."""
    for name in ("job", "target"):
        sys.modules.pop(name, None)
    sys.path_importer_cache.clear()
    sys.dont_write_bytecode = True
    sys.path[:] = [path for path in sys.path if not path.startswith(_HELD.name)]
    place = f"{file}:job"
    factory = load_job(place)
    directory = RunDirectory(out, identity("race", place, RUNS), **mode)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            raced = race(factory, RUNS["schedules"], RUNS["peaks"], STEPS, evaluations=2, memory=directory,
                         watch=lambda _: directory.claim())  # fmt: skip
        losses = [standing.mean for standing in raced.standings]
        curves = [run.curve for standing in raced.standings for run in standing.runs]
        directory.finish({"losses": losses}, curves, "<p>report</p>")
    finally:
        directory.release()
    return losses


def in_child(work: Callable[[], Any]) -> Any:
    """What a function returns in a fork of this process: its value, its GlideslopeError's text, or None if killed.

    Raises:
        RuntimeError: it raised something else; the message is the traceback.
    """
    receiving, sending = os.pipe()
    if (child := os.fork()) == 0:
        os.close(receiving)
        try:
            answer = {"value": work()}
        except gs.GlideslopeError as error:
            answer = {"value": f"refused: {error}"}
        except BaseException:
            answer = {"traceback": traceback.format_exc()[-600:]}
        os.write(sending, json.dumps(answer).encode())
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving, "rb") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    if not text:
        return None
    if "traceback" in (answer := json.loads(text)):
        raise RuntimeError(answer["traceback"])
    return answer["value"]


@functools.cache
def right(which: int) -> list[float]:
    """The losses of a search on one of the jobs, in memory: another way than through files."""

    def work() -> list[float]:
        return [standing.mean for standing in race(load_job(f"{job_file(which)}:job"), RUNS["schedules"], RUNS["peaks"],
                                                   STEPS, evaluations=2).standings]  # fmt: skip

    return in_child(work)


@functools.cache
def finished(which: int) -> Path:
    """The run directory of a finished search on one of the jobs; to be copied."""
    out = folder() / "out"
    assert in_child(lambda: searched(out, job_file(which))) == right(which)
    return out


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
    """A search that something happens to once: a new one, one that overwrites the other job's, or a second resume."""
    kind, number = seed % 3, seed // 3
    out = folder() / "out"
    mode: dict[str, Any] = {}
    if kind == 1:
        shutil.copytree(finished(1), out)
        mode = {"overwrite": True}
    if kind == 2:
        first = int(np.random.default_rng(seed).integers(10, 60))
        disturbed(out, 0, first, kill)
        mode = {"resume": True}
    result = disturbed(out, 0, number % 80, act, **mode)
    if isinstance(result, list) and result != right(0):
        return f"{result}, not {right(0)}"
    problem = wrong_after(out, 0)
    shutil.rmtree(out.parent)
    return problem and f"seed {seed}: {problem}"


def damage(content: bytes, random: np.random.Generator) -> bytes:
    """The bytes of a file changed: a bit, a cut, a digit, a piece lost or doubled, JSON of another shape, or deep."""
    at = int(random.integers(len(content))) if content else 0
    kind = int(random.integers(8))
    if kind == 0:
        return content[:at] + bytes([content[at] ^ 1 << int(random.integers(8))]) + content[at + 1 :]
    if kind == 1:
        return content[:at]
    if kind == 2:
        digits = [i for i, byte in enumerate(content) if 48 <= byte < 58]
        i = digits[int(random.integers(len(digits)))] if digits else 0
        return content[:i] + str(random.integers(10)).encode() + content[i + 1 :]
    if kind == 3:
        return content.replace(b"10.", b"0.") if at % 2 else content.replace(b"1", b"2", 1)
    if kind == 4:
        return content[:at] + content[at + int(random.integers(1, 40)) :]
    if kind == 5:
        return content[:at] + content[at : at + 20] * 2 + content[at + 20 :]
    if kind == 6:
        shapes = (b"[]", b"{}", b"null", b"1e999", b'{"checksum": 1}', b'"text"', b"\xff\xfe", b'{"a": NaN}', b"")
        return shapes[at % len(shapes)]
    return b"[" * 100_000 + b"]" * 100_000 if at % 2 else b'{"a":' * 5_000 + content + b"}" * 5_000


def damaged(seed: int, pattern: str) -> str | None:
    """A file of a finished or a killed search is damaged; going on gives the right result, or an error of ours."""
    random = np.random.default_rng(seed)
    out = folder() / "out"
    shutil.copytree(finished(0), out)
    if random.random() < 0.5 and pattern.startswith("finished"):
        (out / "result.json").unlink()
    file = sorted(out.glob(pattern))[int(random.integers(len(sorted(out.glob(pattern)))))]
    content = file.read_bytes()
    file.write_bytes(damage(content, random))
    mode = {"overwrite": True} if random.random() < 0.2 else {"resume": True}
    try:
        result = searched(out, job_file(0), **mode)
    except gs.GlideslopeError as error:
        if "\n" in str(error) or file.name not in str(error):
            return f"seed {seed}: it doesn't name {file.name}: {error}"
    else:
        if result != right(0):
            return f"seed {seed}: {result}, not {right(0)}"
    finally:
        shutil.rmtree(out.parent)
    return None


def damaged_lock(seed: int) -> str | None:
    """The lock of a killed search is damaged: it is taken over, or an error of ours names it."""
    random = np.random.default_rng(seed)
    out = folder() / "out"
    shutil.copytree(finished(0), out)
    owner = lock.this_process()
    owner.started = "0"
    (out / "search.lock").write_bytes(damage(sealed(msgspec.to_builtins(owner)).encode(), random))
    try:
        return None if searched(out, job_file(0), resume=True) == right(0) else f"seed {seed}: another result"
    except gs.RunDirectoryError as error:
        return None if "search.lock" in str(error) else f"seed {seed}: {error}"
    finally:
        shutil.rmtree(out.parent)


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
        at_operation(-1, out, kill)
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
    factory = load_job(f"{file}:job")

    def work(thread: int) -> None:
        try:
            ready.wait()
            directory = RunDirectory(out, identity("race", f"{file}:job", RUNS), overwrite=bool(seed % 2))
            raced = race(factory, RUNS["schedules"], RUNS["peaks"], STEPS, evaluations=2, memory=directory)
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
    held = json.loads((out / "result.json").read_text())["losses"]
    shutil.rmtree(out.parent)
    return None if done and all(result == right(0) for result in [*done, held]) else f"seed {seed}: {results}"


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
    """The user's file, link to a file, link to a folder, or folder there."""
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
        import glideslope.search.identity as module

        version = module._version
        module._version = lambda name: "9.9" if kind == f"version of {name}" else version(name)
        if kind == "steps":
            RUNS["peaks"], RUNS["steps"] = RUNS["peaks"], STEPS + 1
        return searched(out, file, **mode)

    return after


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


def prepared(case: Callable[[int], str | None]) -> Callable[[int], Any]:
    """A kind whose cases need the jobs and finished searches that are copied."""

    def tally(number: int) -> Any:
        for which in range(2):
            job_file(which), right(which), finished(which)
        return seeded(case)(number)

    return tally


def damages(pattern: str) -> Callable[[int], Any]:
    """A kind whose cases damage a file of a pattern."""
    return prepared(functools.partial(damaged, pattern=pattern))


def _rows() -> Iterator[tuple[str, tuple[str, Any, int]]]:
    yield "kills", ("searches killed at each file operation: new, overwriting, resumed twice",
                    prepared(functools.partial(interrupted, act=kill)), 600)  # fmt: skip
    yield "failures", ("the same, where that operation fails", prepared(functools.partial(interrupted, act=fail)), 600)
    for name, pattern in (("search", "search.json"), ("finished", "finished/*.json"), ("result", "result.json"),
                          ("runs", "runs.csv"), ("report", "report.html")):  # fmt: skip
        yield f"damaged-{name}", (f"run directories with a damaged {pattern.replace('*', '…')}", damages(pattern), 1000)
    yield "damaged-lock", ("run directories with a damaged lock", prepared(damaged_lock), 1000)
    yield "writers", ("two processes that search in one folder", prepared(two_writers), 300)
    yield "threads", ("two threads that search in one folder", prepared(in_threads), 300)
    yield "users-files", ("folders with the user's own files and links", prepared(users_files), 1000)
    yield "changes", ("jobs, folders, versions and options changed before --resume", prepared(changed), 300)
    yield "locks", ("locks of processes dead, alive and elsewhere", prepared(locks), 300)


KINDS: Kinds = dict(_rows())
