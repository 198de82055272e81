"""What a search depends on: the files of its folder that the job loads and reads, wherever its runs are made."""

import hashlib
import os
import py_compile
import subprocess
import sys
import threading

import pytest

import glideslope as gs
from glideslope.documents import unsealed
from glideslope.search import load_job, processes, race
from glideslope.search.directory.run_directory import RunDirectory
from glideslope.search.jobs import contents
from glideslope.search.storage.identity import identity
from tests.search.used_ways import GOES_ON, REFUSED

JOB = """
import json
from pathlib import Path
HERE = Path(__file__).parent
class Quadratic:
    def __init__(self): self.w = 10.0
    def step(self, lr):
        self.w -= lr * self.w
        return self.evaluate()
    def evaluate(self): return self.w ** 2
    def state(self): return self.w
    def restore(self, state): self.w = state
def job(seed):
    {}
    return Quadratic()
"""
SCRIPT = """
import sys, helper
import glideslope as gs
from glideslope.search import RunDirectory
from package.jobs import job
made = {"function": job, "job": job(0)}[sys.argv[1]]
gs.race(made, ["linear"], 4, [0.1], memory=RunDirectory("out", {"steps": 4}, resume=len(sys.argv) > 2))
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "settings.json").write_text("1")
    return tmp_path


def searched(folder, body="pass", executor=None, before=lambda: None, **mode):
    """A search of a job; the files that its results depend on."""
    if not mode:
        (folder / "used_job.py").write_text(JOB.format(body))
    place = f"{folder / 'used_job.py'}:job"
    factory = load_job(place)
    before()
    directory = RunDirectory(folder / "out", identity("race", place, {}), **mode)
    race(factory, ["linear"], 4, [0.1], memory=directory, executor=executor)
    return record(folder)["used"]


def record(folder):
    return unsealed((folder / "out" / "search.json").read_text())


def test_what_is_in_an_environment_or_hidden_is_no_part_of_a_job(folder):
    lib = "env/lib/python3.11"
    names = (f"{lib}/site-packages/a.txt", ".cache/b.txt", f"{lib}/c.txt", ".env", "d/e.txt")
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    used = searched(folder, f"[(HERE / name).read_text() for name in {names}]")
    assert used.keys() == {"used_job.py", ".env", "d/e.txt"}


def test_a_large_file_is_known_by_its_size_and_parts_of_it(folder, monkeypatch):
    monkeypatch.setattr(contents, "_WHOLE", 2**16)
    data = bytearray(os.urandom(2**22))
    (folder / "data.bin").write_bytes(data)
    assert searched(folder, "open(HERE / 'data.bin', 'rb').read(1)")["data.bin"].startswith("4,194,304 bytes, ")
    assert searched(folder, resume=True)
    data[:2] = data[1], data[0] ^ 1
    (folder / "data.bin").write_bytes(data)
    with pytest.raises(gs.RunDirectoryError, match=r"data in data\.bin: 4,194,304 bytes"):
        searched(folder, resume=True)


def test_a_file_that_there_was_not_is_missed_where_it_comes(folder):
    assert searched(folder, "(HERE / 'more.json').is_file() or open(HERE / 'settings.json').close()").keys() == {
        "used_job.py", "settings.json",
    }  # fmt: skip
    trying = "\n    ".join(["try: open(HERE / 'more.json')", "except OSError: pass"])
    (folder / "tried").mkdir()
    assert searched(folder / "tried", trying)["more.json"] == "none"
    (folder / "tried" / "more.json").write_text("1")
    with pytest.raises(gs.RunDirectoryError, match=r"data in more\.json: none → "):
        searched(folder / "tried", resume=True)


def test_workers_hand_back_what_they_use_and_may_not_load_other_code(folder):
    (folder / "late.py").write_text("V = 1\n")
    body = "import os, late; os.getppid() == PARENT and (HERE / 'settings.json').read_text()".replace(
        "PARENT", str(os.getpid())
    )
    with processes(1) as executor:
        assert searched(folder, body, executor).keys() == {"used_job.py", "late.py", "settings.json"}
    (folder / "again").mkdir()
    (folder / "again" / "late.py").write_text("V = 1\n")

    def edit():
        changed = "import sys; open(sys.argv[1], 'a').write('V = 2')"  # by another process: else the job would write it
        subprocess.run([sys.executable, "-c", changed, folder / "again" / "used_job.py"], check=True)

    with processes(1) as executor, pytest.raises(gs.SearchError, match=r"used_job\.py has changed since the search"):
        searched(folder / "again", "import late", executor, edit)


def test_the_processes_of_a_job_hand_back_what_they_use(folder):
    body = "import os\n    os.environ.get('RANK') == '1' and (HERE / 'settings.json').read_text()"
    (folder / "used_job.py").write_text(JOB.format(body) + "job.processes = 2\n")
    place = f"{folder / 'used_job.py'}:job"
    factory = load_job(place)
    race(factory, ["linear"], 4, [0.1], memory=RunDirectory(folder / "out", identity("race", place, {})))
    assert record(folder)["used"].keys() == {"used_job.py", "settings.json"}


@pytest.mark.parametrize("kind", ["function", "job"])
def test_a_script_s_search_depends_on_its_modules(folder, kind):
    (folder / "package").mkdir()
    (folder / "package" / "jobs.py").write_text("from package.net import V\n" + JOB.format("pass"))
    for name, text in (("package/net.py", "V = 1\n"), ("helper.py", ""), ("other.py", ""), ("train.py", SCRIPT)):
        (folder / name).write_text(text)

    def run(*arguments):
        command = [sys.executable, "train.py", kind, *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    assert run().returncode == 0
    assert record(folder)["used"].keys() >= {"train.py", "helper.py", "package/jobs.py", "package/net.py"}
    (folder / "other.py").write_text("V = 2\n")
    assert run("resume").returncode == 0
    for name in ("package/net.py", "helper.py", "train.py"):
        before = (folder / name).read_text()
        (folder / name).write_text(before + "V = 2\n")
        assert f"code of {name}: " in run("resume").stderr
        (folder / name).write_text(before)


def test_code_that_changes_while_a_search_is_opened_is_not_mixed(folder):
    (folder / "late.py").write_text("V = 1\n")
    searched(folder, "import late")
    next((folder / "out" / "finished").iterdir()).unlink()
    place = f"{folder / 'used_job.py'}:job"
    directory = RunDirectory(folder / "out", identity("race", place, {}), resume=True)
    (folder / "used_job.py").write_text(JOB.format("pass"))
    with pytest.raises(gs.RunDirectoryError, match=r"used_job\.py has changed since the search was opened"):
        race(load_job(place), ["linear"], 4, [0.1], memory=directory)


KILLED = """
import sys
from glideslope.search import load_job, race
from glideslope.search.directory.run_directory import RunDirectory
from glideslope.search.storage.identity import identity
place, out = sys.argv[1:]
directory = RunDirectory(out, identity("race", place, {}), checkpoint_every=0.0)
race(load_job(place), ["linear"], 20_000, [0.1], memory=directory)
"""
LATE = """
        self.n = getattr(self, "n", 0) + 1
        if self.n == 100:
            import late
        if self.n > 100 and list(HERE.glob("out/unfinished/*-0*.json")):
            import os, signal, time
            if all(file.stat().st_mtime > self.late for file in HERE.glob("out/unfinished/*-0*.json")):
                os.kill(os.getpid(), signal.SIGKILL)
        self.late = getattr(self, "late", None) or (self.n >= 100 and __import__("time").time())
        __import__("time").sleep(0.001)
"""


def test_a_checkpoint_depends_on_what_was_loaded_in_its_run(folder):
    """On a module, too, that an update loads, in a search that is killed before a run has ended."""
    (folder / "late.py").write_text("V = 1\n")
    (folder / "used_job.py").write_text(JOB.format("pass").replace("step(self, lr):", f"step(self, lr):{LATE}"))
    place, out = f"{folder / 'used_job.py'}:job", folder / "out"
    command = [sys.executable, "-c", KILLED, place, out]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == -9, ended.stderr
    assert not list(out.glob("finished/*"))
    assert RunDirectory(out, identity("race", place, {}), resume=True).changes == []
    (folder / "late.py").write_text("V = 2\n")
    with pytest.raises(gs.RunDirectoryError, match=r"code of late\.py"):
        RunDirectory(out, identity("race", place, {}), resume=True)


def stepping(folder, code, after=()):
    """A search whose job does something at each update; files that are there after the search, with their texts."""
    lines = "".join(f"\n        {line}" for line in ("global N", "N += 1", *code.splitlines()))
    text = JOB.format("pass").replace("step(self, lr):", f"step(self, lr):{lines}")
    (folder / "used_job.py").write_text(f"import os, shutil, subprocess, sys\nN = 0\n{text}")
    used = searched(folder, resume=False)
    for name, content in dict(after).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    return used


def resumed(folder):
    return RunDirectory(folder / "out", identity("race", f"{folder / 'used_job.py'}:job", {}), resume=True).changes


@pytest.mark.parametrize("case", GOES_ON)
def test_what_changes_without_the_user_s_doing_stops_no_search(folder, case):
    code, after = GOES_ON[case]
    if "torch" in code:
        pytest.importorskip("torch")
        code = f"import torch\n{code}"
    for name, text in (("d/a.json", "1"), ("of_a_job.egg-info/PKG-INFO", "Name: of_a_job\nVersion: 1")):
        (folder / name).parent.mkdir()
        (folder / name).write_text(text)
    stepping(folder, code, after)
    assert resumed(folder) == []


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_job_used_in_another_way_may_not_change(folder, case, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path_factory.mktemp("bytecode")))
    monkeypatch.delitem(sys.modules, "of_prefix", raising=False)
    for name in ("a/1.txt", "b/2.txt"):
        (folder / "images" / name).parent.mkdir(parents=True)
        (folder / "images" / name).write_text("1")
    (folder / "lib.so").write_text("1")
    (folder / "of_prefix.py").write_text("V = 1")
    py_compile.compile(str(folder / "of_prefix.py"))
    stepping(folder, *REFUSED[case])
    with pytest.raises(gs.RunDirectoryError, match="holds another search"):
        resumed(folder)


def raced(folder, name, factory=None):
    factory = factory or load_job(f"{folder / name}.py:job")
    race(factory, ["linear"], 4, [0.1], memory=RunDirectory(folder / f"out-{name}", {"of": name}))
    return unsealed((folder / f"out-{name}" / "search.json").read_text())["used"]


def test_searches_of_one_process_depend_each_on_what_its_job_read_and_remembers(folder):
    for name in ("one", "two"):
        (folder / f"{name}.json").write_text(name)
        (folder / f"{name}.py").write_text(JOB.format("pass") + f"DATA = (HERE / '{name}.json').read_text()\n")
    factories = {name: load_job(f"{folder / name}.py:job") for name in ("one", "two")}
    for name, factory in factories.items():
        assert f"{name}.json" in raced(folder, name, factory)
    (folder / "again.py").write_text(JOB.format("(HERE / 'settings.json').read_text()"))
    factory = load_job(f"{folder / 'again'}.py:job")
    raced(folder, "again", factory)
    (folder / "out-again").rename(folder / "before")
    (folder / "settings.json").write_text("22")
    assert raced(folder, "again", factory)["settings.json"] == hashlib.sha256(b"22").hexdigest()[:16]


def test_a_search_in_a_thread_notes_what_it_uses_after_another_has_ended(folder):
    ended = threading.Event()
    sys.modules["of_this_test"] = type(sys)("of_this_test")
    sys.modules["of_this_test"].ended = ended
    (folder / "short.py").write_text(JOB.format("pass"))
    waits = "import of_this_test; of_this_test.ended.wait(60); (HERE / 'settings.json').read_text()"
    (folder / "long.py").write_text(JOB.format(waits))
    long, used = load_job(f"{folder / 'long'}.py:job"), {}
    thread = threading.Thread(target=lambda: used.update(raced(folder, "long", long)))
    thread.start()
    raced(folder, "short")
    ended.set()
    thread.join()
    assert "settings.json" in used


def test_data_of_several_workers_are_checked_as_they_were_noted(folder, monkeypatch):
    monkeypatch.setattr(contents, "_left", [10**6])
    assert " bytes" not in searched(folder, "(HERE / 'settings.json').read_text()")["settings.json"]
    contents._content.cache_clear()
    contents._left[0] = 0  # a process that has to check what several have read
    assert searched(folder, resume=True)


def test_the_events_of_others_are_left_alone(folder):
    searched(
        folder, "sys = __import__('sys'); sys.audit('open'); sys.audit('ctypes.dlopen', b'x'); sys.audit('import')"
    )
