"""A run directory belongs to one search: its identity, its lock, its files, and what isn't its."""

import hashlib
import json
import math
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glideslope as gs
from glideslope.cli import run
from glideslope.cli.directory import Directory
from glideslope.documents import sealed, unsealed
from glideslope.feedback import Event
from glideslope.search import load_job, race
from glideslope.search.directory.run_directory import RunDirectory
from glideslope.search.directory.snapshot import Snapshot
from glideslope.search.runs.contestant import Run
from glideslope.search.storage import lock
from glideslope.search.storage.identity import identity
from glideslope.views import report
from tests.search.quadratic_jobs import Quadratic

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
SEARCH = {"command": "race", "steps": 4}
SWEEP = {"rates": [0.1, 0.2], "losses": [1.0, math.inf]}
RUN = {
    "schedule": "linear()", "peak": 0.1, "optimizer": None, "average": None, "steps": 4, "seed": 0,
    "losses": [3.0, 2.0, 1.0, 0.5], "evaluations": [[4, 0.5]], "final_loss": 0.5, "scales": [[2, 0.5]],
    "events": [vars(Event(2, "spike", math.inf, 1, 0.5))],
    "problem": "", "made": 4, "untrained": math.nan,
}  # fmt: skip
NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


def finished(out: Path, **results) -> RunDirectory:
    """A run directory with results, finished."""
    directory = RunDirectory(out, SEARCH)
    for key, result in results.items():
        directory[key] = result
    directory.finish({"best": 1.0}, [(np.array([0.1]), np.array([2.0]))], "<p>report</p>")
    return directory


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True, scope="module")
def no_waiting_for_the_disk():
    """A power cut isn't tried here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "target.py").write_text("TARGET = 1.0\n")
    return tmp_path


def command(folder, *args):
    race = ("race", "job.py:job", "--steps", "20", "--schedules", "linear", "--json", "--out", "out")
    return subprocess.run([sys.executable, "-c", "from glideslope.cli import main; main()", *race, *args], cwd=folder,
                          capture_output=True, text=True, check=False)  # fmt: skip


READING = """
import json
from pathlib import Path
HERE = Path(__file__).parent
class Quadratic:
    def __init__(self):
        self.w, self.target = 10.0, json.loads((HERE / "settings.json").read_text())
    def step(self, lr):
        with (HERE / "log.csv").open("a") as log:
            log.write("step\\n")
        self.w -= lr * (self.w - self.target)
        return self.evaluate()
    def evaluate(self): return (self.w - self.target) ** 2
    def state(self): return self.w
    def restore(self, state): self.w = state
def job(seed): return Quadratic()
"""


KILLED = """
import os, signal, sys
from glideslope.search import load_job, race
from glideslope.search.directory.run_directory import RunDirectory
from glideslope.search.directory.snapshot import Snapshot
from glideslope.search.storage.identity import identity
place, out = sys.argv[1:]
directory = RunDirectory(out, identity("race", place, {}), checkpoint_every=0.0)
def watch(progress):
    directory.claim()  # as the command does at each progress that is shown
    if list(directory.folder.glob("unfinished/*-0*.json")):
        os.kill(os.getpid(), signal.SIGKILL)
race(load_job(place), ["linear"], 10_000, [0.1], memory=directory, watch=watch)
"""


def test_a_file_that_a_job_writes_before_its_first_run_ends_is_no_change(tmp_path):
    for name, text in (("job.py", READING), ("settings.json", "1.0"), ("log.csv", "of before\n")):
        (tmp_path / name).write_text(text)
    place, out = f"{tmp_path / 'job.py'}:job", tmp_path / "out"
    ended = subprocess.run([sys.executable, "-c", KILLED, place, str(out)], capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr

    def opened(**mode):
        return RunDirectory(out, identity("race", place, {}), **mode)

    assert not list(out.glob("finished/*"))
    assert list(out.glob("unfinished/*"))
    assert opened(resume=True).changes == []
    (tmp_path / "settings.json").write_text("5.0")
    with pytest.raises(gs.RunDirectoryError, match="data in settings"):
        opened(resume=True)
    for file in out.glob("unfinished/*"):  # killed before there was a checkpoint
        file.unlink()
    assert opened(resume=True).changes == []


def test_a_file_that_a_job_reads_is_of_its_identity_and_one_that_it_writes_is_not(tmp_path):
    for name, text in (("job.py", READING), ("settings.json", "1.0"), ("log.csv", "of before\n")):
        (tmp_path / name).write_text(text)

    def searched(**mode):
        place = f"{tmp_path / 'job.py'}:job"
        directory = RunDirectory(tmp_path / "out", identity("race", place, {}), **mode)
        raced = race(load_job(place), ["linear"], 4, [0.1], memory=directory)
        return raced.standings[0].mean, directory.changes

    first, _ = searched()
    for _ in range(2):  # nothing is changed but by the job
        assert searched(resume=True) == (first, [])
        next((tmp_path / "out" / "finished").iterdir()).unlink()  # its run is made again, and writes again
    (tmp_path / "settings.json").write_text("5.0")
    with pytest.raises(gs.RunDirectoryError, match=r"data in settings\.json: \w{16} → \w{16}\."):
        searched(resume=True)
    _, changes = searched(resume=True, accept_changes=True)
    assert [change.partition(":")[0] for change in changes] == ["data in settings.json"]
    assert searched(resume=True)[1] == []
    (tmp_path / "settings.json").unlink()
    with pytest.raises(gs.RunDirectoryError, match=r"data in settings\.json: .* → none"):
        RunDirectory(tmp_path / "out", identity("race", f"{tmp_path / 'job.py'}:job", {}), resume=True)


def test_each_difference_is_named(folder, monkeypatch):
    def opened(command, **mode):
        factory = load_job(f"{folder / 'job.py'}:job")
        search = identity(command, f"{folder / 'job.py'}:job", {"steps": 4 + len(mode), "peaks": [0.1]})
        return factory, RunDirectory(folder / "out", search, **mode)

    factory, directory = opened("race")
    race(factory, ["linear"], 4, [0.1], memory=directory)
    (folder / "target.py").write_text("TARGET = 2.0\n")
    (folder / "job.py").write_text(JOB + "import more\n")
    (folder / "more.py").write_text("")
    monkeypatch.setattr(gs, "__version__", "9")
    _, accepted = opened("tune", resume=True, accept_changes=True)
    named = [change.partition(": ")[0] for change in accepted.changes]
    assert named == ["command", "steps", "code of job.py", "code of target.py", "version of glideslope"]


@pytest.mark.slow
def test_a_search_whose_job_changed_goes_on_only_when_told_to(folder):
    first = command(folder)
    assert first.returncode == 0, first.stderr
    runs = files(folder / "out" / "finished")
    (folder / "target.py").write_text("TARGET = 5.0\n")
    before = files(folder / "out")
    refused = command(folder, "--resume")
    assert refused.returncode == 2
    assert "code of target.py: " in refused.stderr
    assert "--accept-changes" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert files(folder / "out") == before
    accepted = command(folder, "--resume", "--accept-changes")
    assert json.loads(accepted.stdout)["candidates"] == json.loads(first.stdout)["candidates"]
    assert "code of target.py" in accepted.stderr
    assert files(folder / "out" / "finished") == runs
    record = unsealed((folder / "out/search.json").read_text())
    assert "code of target.py" in record["accepted"][0]
    changed = hashlib.sha256((folder / "target.py").read_bytes()).hexdigest()[:16]
    assert record["used"]["target.py"] == changed
    anew = command(folder, "--overwrite")
    assert json.loads(anew.stdout)["candidates"][0]["final_loss"] == pytest.approx(5.0, abs=0.5)
    assert not runs.keys() & files(folder / "out" / "finished").keys()


@given(st.lists(st.tuples(st.floats(1e-9, 1e9), NUMBERS), min_size=1), NUMBERS, NUMBERS)
@settings(max_examples=30, deadline=None)
def test_results_are_read_as_they_were_written(tmp_path_factory, points, final, untrained):
    rates, losses = map(list, zip(*points, strict=True))
    out = tmp_path_factory.mktemp("run") / "out"
    results = {"sweep": {"rates": rates, "losses": losses},
               "run": RUN | {"losses": losses, "final_loss": final, "untrained": untrained}}  # fmt: skip
    finished(out, **results)
    resumed = dict(RunDirectory(out, SEARCH, resume=True))
    for key, result in results.items():
        assert repr(resumed[key]) == repr(result)  # also nan


@pytest.fixture(scope="module")
def with_results(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "out"
    finished(out, a=RUN, b=SWEEP)
    return out


@given(st.integers(0, 10**6), st.integers(0, 7), st.sampled_from(["flip", "cut", "digit"]))
@settings(max_examples=300, deadline=None)
def test_no_damaged_result_is_believed(with_results, place, bit, kind):
    every = sorted((with_results / "finished").iterdir())
    file = every[place % len(every)]
    before = file.read_bytes()
    content = bytearray(before)
    at = place % len(content)
    if kind == "flip":
        content[at] ^= 1 << bit
    elif kind == "cut":
        del content[at:]
    else:
        digits = [i for i, byte in enumerate(content) if chr(byte).isdigit()]
        content[digits[at % len(digits)]] = ord("0") + bit
    file.write_bytes(content)
    try:
        resumed = dict(RunDirectory(with_results, SEARCH, resume=True))
        assert repr(sorted(resumed.items())) == repr([("a", RUN), ("b", SWEEP)])  # spaces, or the same digit
    except gs.RunDirectoryError as error:
        assert f"{file} is damaged" in str(error)  # noqa: PT017
        assert "delete it" in str(error)  # noqa: PT017
    finally:
        file.write_bytes(before)


def test_a_file_of_a_run_whose_name_is_half_a_character_is_refused(tmp_path):
    finished(tmp_path / "out", a=RUN)
    file = next((tmp_path / "out/finished").iterdir())
    file.write_text(sealed(unsealed(file.read_text()) | {"key": "\ud800"}))
    with pytest.raises(gs.RunDirectoryError, match="is damaged"):
        RunDirectory(tmp_path / "out", SEARCH, resume=True)


def test_a_deleted_result_is_made_again(tmp_path):
    finished(tmp_path / "out", a=RUN, b=SWEEP)
    next((tmp_path / "out/finished").iterdir()).unlink()
    assert len(RunDirectory(tmp_path / "out", SEARCH, resume=True)) == 1


def test_a_result_that_cannot_be_written_is_not_remembered(tmp_path, monkeypatch):
    def fails(file, target):
        if Path(target).parent.name == "finished":
            raise OSError(28, "No space left on device")
        os.replace(file, target)

    memory = RunDirectory(tmp_path / "out", {})
    monkeypatch.setattr("glideslope.files.replace", fails)
    with pytest.raises(gs.FileError, match="No space left on device"):
        race(Quadratic(), ["linear"], 10, [0.1], memory=memory)
    assert not memory
    monkeypatch.setattr("glideslope.files.replace", os.replace)
    assert race(Quadratic(), ["linear"], 10, [0.1], memory=memory) == race(Quadratic(), ["linear"], 10, [0.1])
    assert len(RunDirectory(tmp_path / "out", {}, resume=True)) == 2


@pytest.mark.parametrize("result", [
    {"rates": [0.1], "losses": ["x"]}, {"rates": [-0.1], "losses": [1.0]}, {}, {"rates": 1.0, "losses": []},
    RUN | {"steps": 0}, RUN | {"events": [{"update": 1}]}, RUN | {"evaluations": [[1]]}, RUN | {"more": 1},
    RUN | {"\ud800": 1},
])  # fmt: skip
def test_a_result_of_another_shape_is_refused(tmp_path, result):
    finished(tmp_path / "out", a=result)
    with pytest.raises(gs.RunDirectoryError, match="is damaged"):
        RunDirectory(tmp_path / "out", SEARCH, resume=True)


def test_a_result_whose_peak_has_its_old_name_is_read(tmp_path):
    old = {"peak_lr" if name == "peak" else name: value for name, value in RUN.items()}
    finished(tmp_path / "out", key=old)
    directory = RunDirectory(tmp_path / "out", SEARCH, resume=True)
    assert Run.remembered(directory["key"]).contestant.peak == 0.1
    directory.release()


def test_a_result_under_another_s_name_is_refused(tmp_path):
    finished(tmp_path / "out", a=RUN, b=SWEEP)
    one, other = sorted((tmp_path / "out/finished").iterdir())
    one.write_bytes(other.read_bytes())
    with pytest.raises(gs.RunDirectoryError, match="another run"):
        RunDirectory(tmp_path / "out", SEARCH, resume=True)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '{"command": "race"}', '{"checksum": "0"}',
                                  sealed({"format": 3}), '{"a": NaN}'])  # fmt: skip
def test_a_folder_with_another_search_json_is_refused_and_kept(tmp_path, text):
    (tmp_path / "search.json").write_text(text)
    (tmp_path / "report.html").write_text("mine")
    before = files(tmp_path)
    for mode in ({}, {"resume": True}, {"overwrite": True}):
        with pytest.raises(gs.RunDirectoryError, match=r"search\.json"):
            RunDirectory(tmp_path, SEARCH, **mode)
    assert files(tmp_path) == before


@pytest.mark.parametrize("name", [
    "report.html", "runs.csv", "result.json", "model.safetensors", "checkpoint/state.pt", "checkpoint/run.json",
    "finished/mine.json", "finished", "unfinished/mine.json", "unfinished",
])  # fmt: skip
@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("mode", [{}, {"resume": True}, {"overwrite": True}])
def test_files_that_no_search_made_are_kept(tmp_path, name, linked, mode):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.json").write_text("mine")
    (out / name).parent.mkdir(parents=True)
    if linked:
        (out / name).symlink_to(elsewhere if name in ("finished", "unfinished") else elsewhere / "mine.json")
    elif name in ("finished", "unfinished"):
        (out / name).mkdir()
        (out / name / "mine.txt").write_text("mine")
    else:
        (out / name).write_text("mine")
    before = files(tmp_path)
    with pytest.raises(gs.RunDirectoryError, match=name.partition("/")[0]):
        RunDirectory(out, SEARCH, **mode)
    assert files(tmp_path) == before


@pytest.mark.parametrize("mode", [{"resume": True}, {"overwrite": True}])
def test_a_report_that_the_user_changed_is_kept_and_others_beside_the_files_too(tmp_path, mode):
    out = tmp_path / "out"
    finished(out, a=RUN)
    for name in ("notes.txt", "finished/mine.json", "finished/.mine.json.tmp", ".report.html.tmp"):
        (out / name).write_text("mine")
    directory = RunDirectory(out, SEARCH, **mode)
    directory.finish({}, [], "another")
    assert [path.read_text() for path in out.rglob("*") if "mine" in path.name] == ["mine", "mine"]
    assert (out / "notes.txt").read_text() == (out / ".report.html.tmp").read_text() == "mine"
    assert (out / "report.html").read_text() == "another\n"
    (out / "report.html").write_text("my notes")
    with pytest.raises(gs.RunDirectoryError, match=r"report\.html isn't as a search wrote it"):
        RunDirectory(out, SEARCH, **mode)


def test_a_damaged_table_of_runs_is_not_read_as_curves(tmp_path):
    out = tmp_path / "out"
    directory = RunDirectory(out, SEARCH)
    rates = np.linspace(0.1, 0.01, 30)
    directory.finish({}, [(rates, 1 / (1 + np.arange(30)))], "")
    table = out / "runs.csv"
    assert len(gs.laws.read([out]).runs[0].loss) == len(gs.laws.read([table]).runs[0].loss) == 30
    table.write_text(table.read_text().replace("0.5", "0.6"))
    for path in (out, table):
        with pytest.raises(gs.LawError, match="isn't as the search wrote it"):
            gs.laws.read([path])
    record = unsealed((out / "search.json").read_text())
    for checksums in (5, True, "x", {}):  # of another program
        (out / "search.json").write_text(sealed(record | {"files": {"runs.csv": checksums}}))
        assert len(gs.laws.read([out]).runs) == 1
    assert len(gs.laws.read([table.rename(tmp_path / "runs.csv")]).runs) == 1


def test_an_overwriting_search_that_cannot_delete_never_mixes(tmp_path, monkeypatch):
    out = tmp_path / "out"
    finished(out, a=RUN, b=SWEEP)
    other = {"command": "race", "steps": 5}
    with monkeypatch.context() as patch:

        def refused(path, missing_ok=False):
            if path.parent.name == "finished":
                raise PermissionError(13, "Permission denied", str(path))
            os.unlink(path)

        patch.setattr(Path, "unlink", refused)
        directory = RunDirectory(out, other, overwrite=True)
        with pytest.raises(gs.RunDirectoryError, match="can't be deleted: Permission denied"):
            directory["c"] = SWEEP
        directory.release()
    resumed = RunDirectory(out, other, resume=True)
    assert dict(resumed) == {}
    resumed["c"] = SWEEP
    resumed.release()
    assert len(list((out / "finished").iterdir())) == 1
    assert not (out / "report.html").exists()


def test_an_overwriting_search_that_ends_before_its_first_result_leaves_none_of_the_old(tmp_path):
    finished(tmp_path / "out", a=RUN)
    directory = RunDirectory(tmp_path / "out", SEARCH, overwrite=True)
    assert len(files(tmp_path / "out")) == 5
    directory.claim()  # at the first update that is shown
    directory.release()
    assert files(tmp_path / "out").keys() == {"search.json"}
    assert dict(RunDirectory(tmp_path / "out", SEARCH, resume=True)) == {}


def test_temporary_files_of_a_killed_search_are_cleaned(tmp_path):
    out = tmp_path / "out"
    finished(out, a=RUN)
    run = next((out / "finished").iterdir()).name
    for name in (".search.json.abcdefgh.tmp", ".report.html.abc_efg1.tmp", f"finished/.{run}.abcdefgh.tmp"):
        (out / name).write_text("half")
    before = files(out)
    directory = RunDirectory(out, SEARCH, resume=True)
    assert files(out) == before
    directory.claim()
    directory.release()
    assert {name for name in files(out) if "tmp" in name} == set()
    (linked := out / ".report.html.abcdefgh.tmp").symlink_to(out / "result.json")  # a search makes no links
    directory.claim()
    directory.release()
    assert linked.is_symlink()


def test_one_process_writes_and_a_killed_one_no_longer_does(tmp_path):
    out = tmp_path / "out"
    code = (
        "import sys, time, pathlib; from glideslope.search.directory.run_directory import RunDirectory\n"
        f"directory = RunDirectory(pathlib.Path({str(out)!r}), {SEARCH})\n"
        f"directory['a'] = {{'rates': [0.1], 'losses': [1.0]}}\nprint('ready', flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        for mode in ({"resume": True}, {"overwrite": True}):
            with pytest.raises(gs.RunDirectoryError, match=f"process {process.pid} on"):
                RunDirectory(out, SEARCH, **mode)
        os.kill(process.pid, signal.SIGKILL)
    directory = RunDirectory(out, SEARCH, resume=True)
    directory["b"] = SWEEP
    with pytest.raises(gs.RunDirectoryError, match=f"process {os.getpid()} on"):
        RunDirectory(out, SEARCH, resume=True)
    directory.release()
    assert RunDirectory(out, SEARCH, resume=True).keys() == {"a", "b"}


@pytest.mark.parametrize(("change", "free"), [
    ({"started": "1"}, True), ({"boot": "another"}, True), ({"pid": 2**22 + 1}, True), ({}, False),
    ({"host": "another", "pid": 2**22 + 1}, False), ({"space": "another", "pid": 2**22 + 1}, False),
])  # fmt: skip
def test_the_lock_of_a_process_that_is_no_more_is_taken_over(tmp_path, change, free):
    text = sealed(msgspec.to_builtins(lock.this_process()) | change)
    (tmp_path / "search.lock").write_text(text)
    if free:
        finished(tmp_path, a=RUN)
        assert not (tmp_path / "search.lock").exists()
    else:
        with pytest.raises(gs.RunDirectoryError, match=r"delete .*search\.lock"):
            RunDirectory(tmp_path, SEARCH)
        assert (tmp_path / "search.lock").read_text() == text


def test_a_lock_without_hard_links(tmp_path, monkeypatch):
    def unsupported(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", unsupported)
    one = RunDirectory(tmp_path / "out", SEARCH)
    one.claim()
    with pytest.raises(gs.RunDirectoryError, match="writes in"):
        RunDirectory(tmp_path / "out", SEARCH)
    one.release()
    assert not (tmp_path / "out").exists()


def test_a_lock_that_is_made_between_two_looks_is_not_moved_away(tmp_path, monkeypatch):
    """The lock that one tries to take is released, and taken again by its search before the next look."""
    held, other = lock.Lock(tmp_path / "search.lock"), lock.Lock(tmp_path / "search.lock")
    held.acquire()
    look, looks, moved = lock.Lock._read, [None, None], []
    monkeypatch.setattr(os, "rename", lambda *places: moved.append(places))
    monkeypatch.setattr(lock.Lock, "_read", lambda self: looks.pop() if looks else look(self))
    with pytest.raises(gs.RunDirectoryError, match="another search began"):
        other.acquire()
    assert not moved


def test_a_search_waits_for_one_that_took_its_folder_between_two_writes(tmp_path):
    """The other one sees then that the folder isn't free."""
    directory, other = RunDirectory(tmp_path / "out", SEARCH), RunDirectory(tmp_path / "out", SEARCH)
    directory["first"] = RUN
    directory.release()
    other._lock.acquire()
    timer = threading.Timer(0.2, other.release)
    timer.start()
    directory["second"] = RUN
    timer.join()
    with pytest.raises(gs.RunDirectoryError, match="another search began"):
        other["first"] = RUN
    directory.finish({}, [], "")
    assert set(RunDirectory(tmp_path / "out", SEARCH, resume=True)) == {"first", "second"}


def test_a_lock_that_was_lost_ends_the_search(tmp_path):
    directory = RunDirectory(tmp_path / "out", SEARCH)
    directory["a"] = RUN
    (tmp_path / "out/search.lock").unlink()
    with pytest.raises(gs.RunDirectoryError, match="deleted or taken over"):
        directory["b"] = SWEEP
    assert len(list((tmp_path / "out/finished").iterdir())) == 1


class Failing:
    """A quadratic whose thirtieth step fails."""

    def __init__(self, seed: int) -> None:
        self.w, self.steps = 1.0, 0

    def step(self, lr: float) -> float:
        self.steps += 1
        if self.steps == 30:
            raise RuntimeError("no more")
        self.w -= lr * self.w
        return self.w**2

    def evaluate(self) -> float:
        return self.w**2

    def state(self) -> float:
        return self.w

    def restore(self, state: float) -> None:
        self.w = state


def test_a_search_that_raises_and_one_that_ends_give_the_lock_back(tmp_path):
    directory = RunDirectory(tmp_path / "out", SEARCH)
    with pytest.raises(gs.JobError, match="no more"):
        gs.race(Failing(0), ["linear"], 10, [0.1, 0.2], memory=directory)
    assert len(directory) > 0
    assert not (tmp_path / "out/search.lock").exists()
    resumed = RunDirectory(tmp_path / "out", SEARCH, resume=True)
    assert resumed.keys() == directory.keys()
    assert len(gs.race(Failing, ["linear"], 5, [0.1], memory=resumed).standings) == 2
    assert not (tmp_path / "out/search.lock").exists()


@pytest.mark.parametrize("option", [{}, {"resume": True}, {"overwrite": True}])
def test_a_run_directory_of_the_format_before_is_left_alone_and_its_runs_are_read(tmp_path, option):
    """As the version wrote it that had no checksums."""
    out = tmp_path / "out"
    (out / "finished").mkdir(parents=True)
    (out / "search.json").write_text(json.dumps({"command": "race", "job": "job.py:job", "steps": 4}, indent=1))
    (out / "finished/0123456789abcdef.json").write_text(json.dumps({"key": "[0]", "result": {"final_loss": 1.0}}))
    (out / "result.json").write_text('{"steps": 4}')
    (out / "report.html").write_text("<p>report</p>")
    rows = [f"{run},{t},{rate:g},{2 + 1 / (t + 1)}" for run, rate in enumerate([0.1, 0.2]) for t in range(4)]
    (out / "runs.csv").write_text("\n".join(["run,step,lr,loss", *rows]) + "\n")
    before = files(out)
    with pytest.raises(gs.RunDirectoryError, match=r"of an earlier version of Glideslope\. .* or delete it"):
        RunDirectory(out, SEARCH, **option)
    assert files(out) == before
    assert [len(run.loss) for run in gs.laws.read(out).runs] == [4, 4]


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (("race", "job.py:job", "--steps", "20", "--schedules", "linear"), 0),
        (("find", "job.py:job", "--steps", "30", "--sweeps", "2"), 0),
        (("tune", "job.py:job", "--steps", "60"), 0),
        (("tune", "flat.py:job", "--steps", "60"), 1),
    ],
)
def test_nobody_else_writes_between_the_last_run_and_the_report(folder, monkeypatch, args, status):
    (folder / "flat.py").write_text(JOB.replace("self.w -= lr * (self.w - TARGET)", "pass"))
    monkeypatch.chdir(folder)
    pages, page = [], report.page

    def paging(*parts):
        with pytest.raises(gs.RunDirectoryError, match="another search writes in"):
            RunDirectory(folder / "out", SEARCH, overwrite=True)
        pages.append(page(*parts))
        return pages[0]

    monkeypatch.setattr(report, "page", paging)
    assert run([*args, "--out", "out"]) == status
    assert (folder / "out/report.html").read_text().strip() == pages[0].strip()
    assert not (folder / "out/search.lock").exists()


def test_a_warning_points_to_the_line_that_called_the_search():
    with pytest.warns(UserWarning, match="without a text form") as caught:
        gs.race(Failing, [gs.from_function(lambda t: 0.5)], 5, [0.1], memory={})
    assert caught[0].filename == __file__


def test_accepting_changes_is_for_going_on(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(gs.GlideslopeError, match="--accept-changes: it is for --resume"):
        Directory(Path("out"), accept_changes=True).open("race", "job.py:job", {})


def test_a_job_file_that_changes_the_working_directory_is_found(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "elsewhere").mkdir()
    (folder / "moving_job.py").write_text("import os\nos.chdir('elsewhere')\ndef job(seed): ...\n")
    load_job("moving_job.py:job")
    assert identity("race", "moving_job.py:job", {}) == {
        "command": "race", "job": "moving_job.py:job", "folder": str(folder),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folder": 5}, "the folder of a run is 5: give its path"),
        ({"search": None}, "search=None: give a dict"),
        ({"search": {"job": object()}}, "give plain data"),
        *(({"checkpoint_every": value}, "give seconds") for value in ("60s", None, math.nan, -1, True)),
        *(({"checkpoints": value}, "names no folder") for value in ("", " ", "file://", "://x")),
        ({"checkpoints": 5}, "checkpoints=5: give a folder"),
    ],
)
def test_arguments_of_another_kind_are_refused_and_write_nothing(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(gs.RunDirectoryError, match=message):
        RunDirectory(**{"folder": tmp_path / "out", "search": {"command": "tune"}, **options})
    assert not list(tmp_path.iterdir())


def test_the_home_folder_holds_checkpoints_and_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    directory = RunDirectory(f"{tmp_path}/out", {"command": "tune"}, checkpoints="~/checkpoints")
    assert directory.saving("a run").address == str(tmp_path / "checkpoints")
    directory.release()


@pytest.mark.parametrize("names", [("unfinished",), ("checkpoint",), ("unfinished", "checkpoint")])
def test_the_user_s_empty_folders_stay_and_those_of_a_search_go(tmp_path, names):
    """Also after a search that overwrites, and where checkpoints lie elsewhere."""
    for name in (*(f"out/{name}" for name in names), "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    (lasting := Failing(0)).steps = 30
    for mode in ({}, {"resume": True}, {"overwrite": True}):
        directory = RunDirectory(tmp_path / "out", SEARCH, checkpoint_every=0.0, **mode)
        gs.race(lasting, ["linear"], 3_000, [0.1], memory=directory)
        directory.save("checkpoint/run.json", lambda file: file.write(b"{}"))
        directory.delete(["checkpoint/run.json"])
        directory.finish({}, [], "")
        left = {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()}
        assert left == {"finished", *names}
    directory = RunDirectory(tmp_path / "other", SEARCH, checkpoint_every=0.0, checkpoints=str(tmp_path / "elsewhere"))
    gs.race(lasting, ["linear"], 3_000, [0.1], memory=directory)
    assert (tmp_path / "elsewhere").is_dir()


@pytest.mark.parametrize("name", ["half\ud800", "zero\0", "n" * 300])
def test_a_path_that_no_file_can_have_is_said_in_one_line(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    calls = [
        lambda: load_job(f"{name}.py:job"), lambda: RunDirectory(name, SEARCH), lambda: gs.laws.read(name),
        lambda: RunDirectory("out", SEARCH, checkpoints=name), lambda: Snapshot.of(Path(name)),
        lambda: RunDirectory("out", SEARCH, checkpoints=f"file:///{name}"),
        lambda: gs.load_checkpoint(Failing(0), name),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(gs.GlideslopeError, match="name of a file") as caught:
            call()
        assert len(str(caught.value).encode().splitlines()) == 1
    assert not list(tmp_path.iterdir())
